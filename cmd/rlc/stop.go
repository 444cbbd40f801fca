package main

import (
	"context"
	"time"

	"github.com/rlc-containers/rlc/engine"
)

// StopCmd ends containers: their stop signal first, SIGKILL once the grace period is over.
type StopCmd struct {
	All        bool     `name:"all" short:"a" help:"Stop all containers that run"`
	Time       *int     `name:"time" short:"t" aliases:"timeout" placeholder:"SECONDS" help:"Wait this long before SIGKILL; -1 waits forever (default 10, or the container's own)"`
	Containers []string `arg:"CONTAINER" complete:"running"`
}

func stopCommand() command {
	return command{
		names:   []string{"stop", "container stop"},
		usage:   "[options] CONTAINER [CONTAINER...]",
		summary: "Stop running containers",
		about: `Asks containers to end and kills them if they do not in time. Prints their names. One that
does not run is no error.`,
		examples: []string{"stop web", "stop -t 0 web db", "stop --all"},
		flags:    new(StopCmd),
	}
}

// Run stops the containers one after another; the failure of one does not stop the others.
func (c *StopCmd) Run(ctx context.Context, a *app) error {
	if c.All == (len(c.Containers) > 0) {
		return &usageError{message: "stop: name containers, or use --all"}
	}
	var grace *time.Duration
	if c.Time != nil {
		if *c.Time < -1 {
			return &usageError{message: "stop: --time cannot be negative", hint: "-1 waits forever"}
		}
		d := time.Duration(*c.Time) * time.Second
		grace = &d
	}
	return a.forEach(ctx, c.Containers, engine.ListOptions{}, func(e *engine.Engine, name string) error {
		return e.Stop(ctx, name, grace)
	})
}
