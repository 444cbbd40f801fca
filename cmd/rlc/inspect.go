package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/image"
)

// InspectFlags are what every inspect knows.
type InspectFlags struct {
	Format string `name:"format" short:"f" placeholder:"FORMAT" help:"Print each with a Go template, or all as json"`
}

// InspectCmd shows all that is known about containers or images.
type InspectCmd struct {
	InspectFlags
	Type  string   `name:"type" short:"t" placeholder:"TYPE" choices:"all,container,image" help:"Look for these only (default all)"`
	Names []string `arg:"NAME" count:"1+" complete:"any"`
}

func inspectCommand() command {
	return command{
		names:   []string{"inspect"},
		usage:   "[options] NAME [NAME...]",
		summary: "Show all about containers or images",
		about: `Shows all that is known about containers or images as a JSON array. A name is looked for
among the containers first.`,
		examples: []string{"inspect web", "inspect --format '{{.State.Status}}' web", "inspect --type image alpine"},
		flags:    new(InspectCmd),
	}
}

// Run prints what it finds; what is missing is told and does not stop the rest.
func (c *InspectCmd) Run(ctx context.Context, a *app) error {
	return c.show(ctx, a, c.Names, c.Type)
}

// InspectContainerCmd shows all that is known about containers.
type InspectContainerCmd struct {
	InspectFlags
	Names []string `arg:"CONTAINER" count:"1+" complete:"container"`
}

func inspectContainerCommand() command {
	return command{
		names:    []string{"container inspect"},
		usage:    "[options] CONTAINER [CONTAINER...]",
		summary:  "Show all about containers",
		about:    "Shows all that is known about containers as a JSON array.",
		examples: []string{"container inspect web", "container inspect --format '{{.State.Pid}}' web"},
		flags:    new(InspectContainerCmd),
	}
}

// Run prints what it finds; what is missing is told and does not stop the rest.
func (c *InspectContainerCmd) Run(ctx context.Context, a *app) error {
	return c.show(ctx, a, c.Names, "container")
}

// InspectImageCmd shows all that is known about images.
type InspectImageCmd struct {
	InspectFlags
	Names []string `arg:"IMAGE" count:"1+" complete:"image"`
}

func inspectImageCommand() command {
	return command{
		names:    []string{"image inspect"},
		usage:    "[options] IMAGE [IMAGE...]",
		summary:  "Show all about images",
		about:    "Shows all that is known about images as a JSON array.",
		examples: []string{"image inspect alpine", "image inspect --format '{{json .Config.Env}}' alpine"},
		flags:    new(InspectImageCmd),
	}
}

// Run prints what it finds; what is missing is told and does not stop the rest.
func (c *InspectImageCmd) Run(ctx context.Context, a *app) error {
	return c.show(ctx, a, c.Names, "image")
}

// show prints things of a kind.
func (f *InspectFlags) show(ctx context.Context, a *app, names []string, kind string) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	failed := failures{w: a.stderr}
	found := []json.RawMessage{}
	for _, name := range names {
		text, err := inspectOne(ctx, e, name, kind)
		if err != nil {
			failed.add(asFailure(err))
			continue
		}
		found = append(found, text)
	}
	if f.Format == "" || f.Format == "json" {
		err = a.printJSON(found)
	} else {
		err = a.printEach(f.Format, found)
	}
	if err != nil {
		return err
	}
	return failed.result()
}

// inspectOne describes a container or an image as JSON.
func inspectOne(ctx context.Context, e *engine.Engine, name, kind string) (json.RawMessage, error) {
	noContainer := false
	if kind != "image" {
		c, err := e.Find(ctx, name)
		if err == nil {
			shown, err := containerReport(&c)
			if err != nil {
				return nil, err
			}
			return marshal(shown, "")
		}
		if noContainer = isMissing(err); kind == "container" || !noContainer {
			return nil, err
		}
	}
	var found []json.RawMessage
	err := e.Image(ctx, image.Request{Verb: image.VerbInspect, Names: []string{name}}, &found)
	if noContainer && exitCode(err) == exitNo {
		return nil, &unknownObjectError{name: name}
	}
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("inspect %s: %d answers", name, len(found))
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// unknownObjectError reports that nothing has a name.
type unknownObjectError struct{ name string }

func (e *unknownObjectError) Error() string {
	return fmt.Sprintf("no container and no image %q", e.name)
}

// Hint tells how to see which there are.
func (e *unknownObjectError) Hint() string {
	return "rlc ps -a lists the containers, rlc images the images"
}

// printEach prints JSON objects by a template.
func (a *app) printEach(format string, objects []json.RawMessage) error {
	t, err := newTemplate(format, functions())
	if err != nil {
		return err
	}
	rows := make([]any, len(objects))
	for i, text := range objects {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&rows[i]); err != nil {
			return fmt.Errorf("read the description: %w", err)
		}
		rows[i] = plain(rows[i])
	}
	return a.execute(a.stdout, t, rows)
}

// plain makes numbers of json.Numbers, which templates could not compare, and offers .ID
// beside .Id, since both are in use.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
		if id, ok := v["Id"]; ok {
			v["ID"] = id
		}
	}
	return value
}
