package main

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// bind puts a command line into the structs that s describes.
func bind(s *syntax, l *line) error {
	if err := bindArgs(s.args, l.args); err != nil {
		return err
	}
	return bindOptions(l)
}

// bindArgs checks the number of arguments and stores them.
func bindArgs(a *argument, args []string) error {
	switch {
	case a == nil && len(args) > 0:
		return &usageError{message: fmt.Sprintf("unexpected argument %q", args[0])}
	case a == nil:
		return nil
	case len(args) < a.min && a.min > 1:
		return &usageError{message: fmt.Sprintf("at least %d arguments are needed: %s", a.min, a.label)}
	case len(args) < a.min:
		return &usageError{message: a.label + " is missing"}
	case a.max > 0 && len(args) > a.max:
		return &usageError{message: fmt.Sprintf("unexpected argument %q", args[a.max])}
	}
	if len(args) > 0 {
		a.target.Set(reflect.ValueOf(args))
	}
	return nil
}

// bindOptions lets kong convert the values. Kong takes several microseconds to look at a
// field of its grammar, and there are a hundred: so the grammar is made of those fields
// alone that the line names.
func bindOptions(l *line) error {
	if len(l.settings) == 0 {
		return nil
	}
	named := make(map[*option]bool, len(l.settings))
	var options []*option
	var fields []reflect.StructField
	for _, s := range l.settings {
		if o := s.option; !named[o] {
			named[o] = true
			options = append(options, o)
			fields = append(fields, reflect.StructField{Name: o.field.Name, Type: o.field.Type, Tag: o.field.Tag})
		}
	}
	grammar := reflect.New(reflect.StructOf(fields))
	parser, err := kong.New(grammar.Interface(), kong.Name("rlc"), kong.NoDefaultHelp())
	if err != nil {
		return fmt.Errorf("describe the options: %w", err)
	}
	if _, err := parser.Parse(l.words()); err != nil {
		return &usageError{message: err.Error()}
	}
	for i, o := range options {
		o.target.Set(grammar.Elem().Field(i))
	}
	return nil
}
