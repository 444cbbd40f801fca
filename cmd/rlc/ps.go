package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/engine"
)

// PsCmd lists containers.
type PsCmd struct {
	All       bool     `name:"all" short:"a" help:"Show those as well that do not run"`
	Filter    []string `name:"filter" short:"f" sep:"none" placeholder:"KEY=VALUE" help:"Show those only that fit: name, id, label, status, ancestor, exited, network, volume, before, since"`
	Format    string   `name:"format" placeholder:"FORMAT" help:"Print with a Go template, or as json"`
	Last      uint     `name:"last" short:"n" placeholder:"N" help:"Show the N made last, running or not"`
	Latest    bool     `name:"latest" short:"l" help:"Show the one made last, running or not"`
	NoHeading bool     `name:"noheading" help:"Print no headings"`
	NoTrunc   bool     `name:"no-trunc" help:"Print whole ids and commands"`
	Quiet     bool     `name:"quiet" short:"q" help:"Print ids only"`
}

func psCommand() command {
	return command{
		names:    []string{"ps", "container ls", "container list", "container ps"},
		usage:    "[options]",
		summary:  "List containers",
		about:    "Lists the containers that run, or all of them.",
		examples: []string{"ps -a", "ps --filter name=web -q", "ps -a --format 'table {{.Names}}\\t{{.Status}}'"},
		flags:    new(PsCmd),
	}
}

// Run prints the list.
func (c *PsCmd) Run(ctx context.Context, a *app) error {
	o := engine.ListOptions{All: c.All || c.Latest || c.Last > 0}
	for _, filter := range c.Filter {
		key, value, ok := strings.Cut(filter, "=")
		if !ok {
			return &usageError{message: "--filter " + filter + ": not KEY=VALUE"}
		}
		o.Filters = append(o.Filters, engine.Filter{Key: key, Value: value})
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	found, err := e.List(ctx, o)
	if err != nil {
		return err
	}
	most := int(c.Last)
	if c.Latest {
		most = 1
	}
	if most > 0 && len(found) > most {
		found = found[:most]
	}
	l := listing{
		format: c.Format, noHeading: c.NoHeading,
		table:    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
		headings: map[string]string{"ID": "CONTAINER ID", "CreatedHuman": "CREATED", "RunningFor": "CREATED", "Created": "CREATED"},
	}
	now := time.Now()
	for i := range found {
		row := &containerRow{c: &found[i], whole: c.NoTrunc, now: now}
		if c.Quiet {
			if _, err := fmt.Fprintln(a.stdout, row.ID()); err != nil {
				return err
			}
			continue
		}
		l.rows = append(l.rows, row)
	}
	if c.Quiet {
		return nil
	}
	return a.printList(l)
}

// stateText says in what state a container is since when, as Docker's users know it.
func stateText(c *engine.Container, now time.Time) string {
	switch c.State {
	case container.Running:
		return "Up " + humanDuration(now.Sub(c.Started))
	case container.Exited:
		return fmt.Sprintf("Exited (%d) %s", c.ExitCode, ago(c.Finished, now))
	}
	return title(string(c.State))
}
