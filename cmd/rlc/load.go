package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
)

// LoadCmd reads images from an archive.
type LoadCmd struct {
	Input    string `name:"input" short:"i" placeholder:"FILE" complete:"file" help:"Read this archive or directory instead of standard input"`
	Quiet    bool   `name:"quiet" short:"q" help:"Show no progress"`
	Progress string `name:"progress" placeholder:"KIND" choices:"tty,plain,json,none" help:"How to show progress (default tty on a terminal, else plain)"`
}

func loadCommand() command {
	return command{
		names:   []string{"load", "image load"},
		usage:   "[options]",
		summary: "Load images from an archive",
		about: `Loads all images of an archive that "save" of Docker or Podman wrote, compressed or not,
or of an OCI archive or directory, and prints their names.`,
		examples: []string{"load -i images.tar.gz", "load < image.tar"},
		flags:    new(LoadCmd),
	}
}

// Run loads the images and prints their names.
func (c *LoadCmd) Run(ctx context.Context, a *app) error {
	r := image.Request{Verb: image.VerbLoad, Quiet: c.Quiet, Progress: c.Progress}
	if c.Input == "" || c.Input == "-" {
		if _, err := unix.IoctlGetTermios(int(a.stdin.Fd()), unix.TCGETS); err == nil {
			return &usageError{message: "load: standard input is a terminal", hint: "use --input FILE, or redirect standard input"}
		}
	} else {
		var err error
		if r.Input, err = a.absolute(c.Input); err != nil {
			return err
		}
		if _, err := os.Stat(r.Input); err != nil {
			return err
		}
	}
	a.quiet = c.Quiet
	e, err := a.engine()
	if err != nil {
		return err
	}
	var loaded []image.Image
	if err := e.Image(ctx, r, &loaded); err != nil {
		return err
	}
	if len(loaded) == 0 {
		return errors.New("load: there is no image in it")
	}
	for _, i := range loaded {
		names := i.Names
		if len(names) == 0 {
			names = []string{"sha256:" + i.ID}
		}
		for _, name := range names {
			if _, err := fmt.Fprintln(a.stdout, "Loaded image:", a.dialect.familiar(name)); err != nil {
				return err
			}
		}
	}
	return nil
}
