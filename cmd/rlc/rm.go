package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/engine"
)

// RmCmd removes containers.
type RmCmd struct {
	All        bool     `name:"all" short:"a" help:"Remove all containers"`
	Force      bool     `name:"force" short:"f" help:"Kill those that run first; a missing one is no error"`
	Containers []string `arg:"CONTAINER" complete:"container"`
}

func rmCommand() command {
	return command{
		names:   []string{"rm", "container rm", "container remove"},
		usage:   "[options] CONTAINER [CONTAINER...]",
		summary: "Remove containers",
		about: `Removes containers with all that they wrote, and prints their names. Exit code 1: there
is no such container; 2: it runs.`,
		examples: []string{"rm web", "rm -f web db", "rm -fa"},
		answers:  true,
		flags:    new(RmCmd),
	}
}

// Run removes the containers one after another; the failure of one does not stop the others.
func (c *RmCmd) Run(ctx context.Context, a *app) error {
	if c.All == (len(c.Containers) > 0) {
		return &usageError{message: "rm: name containers, or use --all"}
	}
	return a.forEach(ctx, c.Containers, engine.ListOptions{All: true}, func(e *engine.Engine, name string) error {
		if _, err := e.Find(ctx, name); c.Force && isMissing(err) {
			return exitStatus(exitOK) // neither an error nor something to tell
		}
		return e.Remove(ctx, name, c.Force)
	})
}

// isMissing tells whether an error says that there is no such container.
func isMissing(err error) bool {
	var missing *container.NotFoundError
	return errors.As(err, &missing)
}

// forEach does something to containers, without names to all in a list, and prints the
// names of those where it went well.
func (a *app) forEach(ctx context.Context, names []string, all engine.ListOptions, do func(*engine.Engine, string) error) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		found, err := e.List(ctx, all)
		if err != nil {
			return err
		}
		for i := range found {
			names = append(names, found[i].ID)
		}
	}
	failed := failures{w: a.stderr}
	for _, name := range names {
		if err := do(e, name); err != nil {
			failed.add(err)
			continue
		}
		if _, err := fmt.Fprintln(a.stdout, name); err != nil {
			return err
		}
	}
	return failed.result()
}
