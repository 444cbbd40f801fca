package main

import (
	"context"
	"encoding/json"

	"github.com/rlc-containers/rlc/image"
)

// ImageExistsCmd tells whether an image is there.
type ImageExistsCmd struct {
	Image []string `arg:"IMAGE" count:"1" complete:"image"`
}

func imageExistsCommand() command {
	return command{
		names:    []string{"image exists"},
		usage:    "IMAGE",
		summary:  "Tell whether an image is there",
		about:    "Ends with 0 if the image can be run without pulling, with 1 if not. Prints nothing.",
		examples: []string{"image exists alpine || rlc pull alpine"},
		answers:  true,
		flags:    new(ImageExistsCmd),
	}
}

// Run answers by the exit code.
func (c *ImageExistsCmd) Run(ctx context.Context, a *app) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	var found []json.RawMessage
	err = e.Image(ctx, image.Request{Verb: image.VerbInspect, Names: c.Image}, &found)
	if exitCode(err) == exitNo {
		return exitStatus(exitNo)
	}
	return err
}

// ContainerExistsCmd tells whether a container is there.
type ContainerExistsCmd struct {
	Container []string `arg:"CONTAINER" count:"1" complete:"container"`
}

func containerExistsCommand() command {
	return command{
		names:    []string{"container exists"},
		usage:    "CONTAINER",
		summary:  "Tell whether a container is there",
		about:    "Ends with 0 if there is such a container, running or not, with 1 if not. Prints nothing.",
		examples: []string{"container exists web && rlc rm -f web"},
		answers:  true,
		flags:    new(ContainerExistsCmd),
	}
}

// Run answers by the exit code.
func (c *ContainerExistsCmd) Run(ctx context.Context, a *app) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	_, err = e.Find(ctx, c.Container[0])
	if isMissing(err) {
		return exitStatus(exitNo)
	}
	return err
}
