package main

import (
	"context"
	"fmt"

	"github.com/rlc-containers/rlc/image"
)

// PullCmd fetches images.
type PullCmd struct {
	PlatformFlags
	RegistryFlags
	Quiet  bool     `name:"quiet" short:"q" help:"Show no progress"`
	Policy string   `name:"policy" placeholder:"POLICY" choices:"always,missing,newer" help:"When to ask the registry (default always)"`
	Images []string `arg:"IMAGE" count:"1+"`
}

func pullCommand() command {
	return command{
		names:   []string{"pull", "image pull"},
		usage:   "[options] IMAGE [IMAGE...]",
		summary: "Fetch an image from a registry",
		about: `Fetches images and prints their ids. An image comes from a registry, or, with a prefix,
from oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, dir:DIR or containers-storage:NAME.`,
		examples: []string{"pull docker.io/library/alpine", "pull -q --platform linux/arm64 docker.io/library/debian:12", "pull oci-archive:./image.tar"},
		flags:    new(PullCmd),
	}
}

// Run fetches the images and prints their ids, or as Docker does their names.
func (c *PullCmd) Run(ctx context.Context, a *app) error {
	r := image.Request{Verb: image.VerbPull, Names: c.Images, Quiet: c.Quiet, Pull: c.Policy}
	c.RegistryFlags.apply(a, &r)
	var err error
	if r.Platform, err = c.platform(); err != nil {
		return err
	}
	a.quiet = c.Quiet
	e, err := a.engine()
	if err != nil {
		return err
	}
	var pulled []image.Image
	if err := e.Image(ctx, r, &pulled); err != nil {
		return err
	}
	for _, i := range pulled {
		name := i.ID
		if a.dialect == asDocker && len(i.Names) > 0 {
			name = i.Names[0]
		}
		if _, err := fmt.Fprintln(a.stdout, name); err != nil {
			return err
		}
	}
	return nil
}
