package main

import (
	"fmt"
	"reflect"
	"slices"

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

// bindOptions stores the options' values. What is text, or a switch, is stored as it is;
// the rest kong converts. It is asked for nothing else, and shown no other field, because
// to build its grammar takes a quarter of a millisecond, and ten microseconds a field.
func bindOptions(l *line) error {
	var rest line
	var fields []reflect.StructField
	var options []*option
	for _, s := range l.settings {
		o := s.option
		if o.store(s.value) {
			continue
		}
		rest.settings = append(rest.settings, s)
		if !slices.Contains(options, o) {
			fields = append(fields, reflect.StructField{Name: fmt.Sprintf("Option%d", len(options)), Type: o.target.Type(), Tag: o.tag})
			options = append(options, o)
		}
	}
	if len(options) == 0 {
		return nil
	}
	grammar := reflect.New(reflect.StructOf(fields))
	parser, err := kong.New(grammar.Interface(), kong.Name("rlc"), kong.NoDefaultHelp())
	if err != nil {
		return fmt.Errorf("describe the options: %w", err)
	}
	if _, err := parser.Parse(rest.words()); err != nil {
		return &usageError{message: err.Error()}
	}
	for i, o := range options {
		o.target.Set(grammar.Elem().Field(i))
	}
	return nil
}

// store stores a value that needs no conversion.
func (o *option) store(value string) bool {
	switch field := o.target.Addr().Interface().(type) {
	case *string:
		*field = value
	case **string:
		*field = &value
	case *bool:
		*field = value == "true"
	case **bool:
		on := value == "true"
		*field = &on
	case *[]string:
		if o.commas {
			return false
		}
		*field = append(*field, value)
	default:
		return false
	}
	return true
}
