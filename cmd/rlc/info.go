package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// InfoCmd tells what rlc makes of this machine.
type InfoCmd struct {
	Format string `name:"format" short:"f" placeholder:"FORMAT" help:"Print with a Go template, or as json"`
}

func infoCommand() command {
	return command{
		names:   []string{"info"},
		usage:   "[options]",
		summary: "Show what rlc makes of this machine",
		about: `Shows the machine, the ids that containers get, where images are kept and how their
layers are stacked, with the reason for every way that is not the best.`,
		examples: []string{"info", "info --format '{{.Store.Driver}}'", "info --format json"},
		flags:    new(InfoCmd),
	}
}

// Run prints the facts.
func (c *InfoCmd) Run(ctx context.Context, a *app) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	if c.Format != "" {
		return a.printOne(c.Format, info)
	}
	return outline(a.stdout, reflect.ValueOf(info), "")
}

// outline prints a struct as an indented list of names and values, without the empty ones.
func outline(w io.Writer, v reflect.Value, indent string) error {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if field.Kind() == reflect.String && strings.Contains(field.String(), "\n") {
			field = reflect.ValueOf(strings.Split(field.String(), "\n"))
		}
		if field.IsZero() && (field.Kind() == reflect.String || field.Kind() == reflect.Slice) {
			continue
		}
		var err error
		switch field.Kind() {
		case reflect.Struct:
			if _, err = fmt.Fprintf(w, "%s%s:\n", indent, name); err == nil {
				err = outline(w, field, indent+"  ")
			}
		case reflect.Slice:
			_, err = fmt.Fprintf(w, "%s%s:\n", indent, name)
			for n := 0; n < field.Len() && err == nil; n++ {
				_, err = fmt.Fprintf(w, "%s  - %v\n", indent, field.Index(n))
			}
		default:
			_, err = fmt.Fprintf(w, "%s%s: %v\n", indent, name, field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
