package main

import (
	"context"
	"fmt"

	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/image"
)

// RmiCmd removes images.
type RmiCmd struct {
	All    bool     `name:"all" short:"a" help:"Remove all images that no container uses"`
	Force  bool     `name:"force" short:"f" help:"Remove an image with all its names; a missing one is no error"`
	Images []string `arg:"IMAGE" complete:"image"`
}

func rmiCommand() command {
	return command{
		names:   []string{"rmi", "image rm", "image remove"},
		usage:   "[options] IMAGE [IMAGE...]",
		summary: "Remove images",
		about: `Removes names of images, and an image with its last name. An image that a container was
made of stays. Exit code 1: there is no such image; 2: a container uses it.`,
		examples: []string{"rmi alpine", "rmi -f 3f57d9401f8d", "rmi --all"},
		answers:  true,
		flags:    new(RmiCmd),
	}
}

// Run removes the images one after another and prints what was removed.
func (c *RmiCmd) Run(ctx context.Context, a *app) error {
	if c.All == (len(c.Images) > 0) {
		return &usageError{message: "rmi: name images, or use --all"}
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	names, force := c.Images, c.Force
	if c.All {
		if names, err = ownImages(ctx, e); err != nil {
			return err
		}
		force = true
	}
	var removed []image.Removed
	if len(names) > 0 {
		err = e.Image(ctx, image.Request{Verb: image.VerbRemove, Names: names, Force: force}, &removed)
	}
	for _, r := range removed {
		for _, name := range r.Untagged {
			fmt.Fprintln(a.stdout, "Untagged:", a.dialect.familiar(name))
		}
		for _, id := range r.Deleted {
			fmt.Fprintln(a.stdout, "Deleted:", id)
		}
	}
	return err
}

// ownImages lists the ids of the images in rlc's own store, those built on others first.
func ownImages(ctx context.Context, e *engine.Engine) ([]string, error) {
	var found []image.Image
	if err := e.Image(ctx, image.Request{Verb: image.VerbList, Filters: map[string]string{"readonly": "false"}}, &found); err != nil {
		return nil, err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	return ids, nil
}
