package main

import (
	"context"

	"github.com/rlc-containers/rlc/image"
)

// TagCmd names images.
type TagCmd struct {
	Names []string `arg:"IMAGE NAME" count:"2+" complete:"image"`
}

func tagCommand() command {
	return command{
		names:    []string{"tag", "image tag"},
		usage:    "IMAGE NAME [NAME...]",
		summary:  "Add names to an image",
		about:    "Gives an image further names. A name that another image has moves to this one.",
		examples: []string{"tag alpine registry.example.org/me/alpine:3", "tag 3f57d9401f8d work:latest"},
		flags:    new(TagCmd),
	}
}

// Run adds the names.
func (c *TagCmd) Run(ctx context.Context, a *app) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	return e.Image(ctx, image.Request{Verb: image.VerbTag, Names: c.Names}, nil)
}

// UntagCmd takes names from images.
type UntagCmd struct {
	Names []string `arg:"IMAGE" count:"1+" complete:"image"`
}

func untagCommand() command {
	return command{
		names:    []string{"untag", "image untag"},
		usage:    "IMAGE [NAME...]",
		summary:  "Take names from an image",
		about:    "Takes names from an image, all of them if none is given. The image stays.",
		examples: []string{"untag 3f57d9401f8d", "untag alpine registry.example.org/me/alpine:3"},
		flags:    new(UntagCmd),
	}
}

// Run takes the names away.
func (c *UntagCmd) Run(ctx context.Context, a *app) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	return e.Image(ctx, image.Request{Verb: image.VerbUntag, Names: c.Names}, nil)
}
