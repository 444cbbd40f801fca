package main

import (
	"cmp"
	"context"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/engine"
)

// KillCmd sends signals to containers.
type KillCmd struct {
	All        bool     `name:"all" short:"a" help:"Signal all containers that run"`
	Signal     string   `name:"signal" short:"s" placeholder:"SIGNAL" help:"The signal, by name or number (default KILL)"`
	Containers []string `arg:"CONTAINER" complete:"running"`
}

func killCommand() command {
	return command{
		names:    []string{"kill", "container kill"},
		usage:    "[options] CONTAINER [CONTAINER...]",
		summary:  "Send a signal to running containers",
		about:    "Sends a signal to the first process of containers, and prints their names.",
		examples: []string{"kill web", "kill -s HUP web", "kill --all"},
		flags:    new(KillCmd),
	}
}

// Run signals the containers one after another; the failure of one does not stop the others.
func (c *KillCmd) Run(ctx context.Context, a *app) error {
	if c.All == (len(c.Containers) > 0) {
		return &usageError{message: "kill: name containers, or use --all"}
	}
	signal, err := bundle.ParseSignal(cmp.Or(c.Signal, "KILL"))
	if err != nil {
		return err
	}
	return a.forEach(ctx, c.Containers, engine.ListOptions{}, func(e *engine.Engine, name string) error {
		return e.Kill(ctx, name, signal)
	})
}
