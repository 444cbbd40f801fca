package main

import (
	"reflect"
	"slices"
	"strings"
)

// option is one flag of a command, as its struct's tags describe it. The zero value of the
// field is always the default, so that a flag which does not occur costs nothing.
type option struct {
	name        string // without dashes
	short       string // one letter; may be empty
	aliases     []string
	help        string
	placeholder string
	choices     []string
	complete    string // what the value is: image, container, file, dir
	toggle      bool   // needs no value: --name, --name=false
	many        bool   // may be repeated
	commas      bool   // a value holds several, separated by commas
	tag         reflect.StructTag
	target      reflect.Value
}

// argument is what a command takes beside its flags: one field, a list of strings.
type argument struct {
	label    string // IMAGE
	complete string
	min      int
	max      int // 0: any number
	target   reflect.Value
}

// syntax is all that may be said to a command.
type syntax struct {
	options []option
	args    *argument // nil: none
}

// describe reads the tags of structs: pointers to them. Embedded structs are part of the
// one that embeds them. An earlier option wins over a later one of the same short name.
func describe(structs ...any) syntax {
	s := syntax{options: make([]option, 0, 96)}
	for _, p := range structs {
		s.walk(reflect.ValueOf(p).Elem())
	}
	return s
}

func (s *syntax) walk(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			s.walk(v.Field(i))
			continue
		}
		if strings.HasPrefix(string(field.Tag), `arg:`) {
			s.args = newArgument(field.Tag.Get("arg"), field, v.Field(i))
			continue
		}
		s.options = append(s.options, newOption(field, v.Field(i)))
	}
}

func newArgument(label string, field reflect.StructField, target reflect.Value) *argument {
	a := &argument{label: label, complete: field.Tag.Get("complete"), target: target}
	switch field.Tag.Get("count") {
	case "1":
		a.min, a.max = 1, 1
	case "0-1":
		a.max = 1
	case "1+":
		a.min = 1
	case "2+":
		a.min = 2
	}
	return a
}

func newOption(field reflect.StructField, target reflect.Value) option {
	o := option{tag: field.Tag, target: target}
	eachTag(string(field.Tag), func(key, value string) {
		switch key {
		case "name":
			o.name = value
		case "short":
			o.short = value
		case "aliases":
			o.aliases = strings.Split(value, ",")
		case "help":
			o.help = value
		case "placeholder":
			o.placeholder = value
		case "choices":
			o.choices = strings.Split(value, ",")
		case "complete":
			o.complete = value
		case "sep":
			o.commas = value == ","
		}
	})
	kind := field.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	o.toggle = kind.Kind() == reflect.Bool
	o.many = kind.Kind() == reflect.Slice
	return o
}

// eachTag goes through the key:"value" pairs of a struct tag once; to look each key up, as
// reflect does it, would take longer than all the rest of reading a command line. Values
// hold neither quotes nor backslashes.
func eachTag(tag string, do func(key, value string)) {
	for {
		key, rest, ok := strings.Cut(strings.TrimLeft(tag, " "), `:"`)
		if !ok {
			return
		}
		var value string
		if value, tag, ok = strings.Cut(rest, `"`); !ok {
			return
		}
		do(key, value)
	}
}

// long finds an option by its name or one of its aliases.
func (s *syntax) long(name string) *option {
	for i := range s.options {
		if o := &s.options[i]; o.name == name || slices.Contains(o.aliases, name) {
			return o
		}
	}
	return nil
}

// short finds an option by its letter.
func (s *syntax) short(letter string) *option {
	for i := range s.options {
		if o := &s.options[i]; o.short != "" && o.short == letter {
			return o
		}
	}
	return nil
}

// String is the option as help and messages show it: "-e, --env".
func (o *option) String() string {
	if o.short == "" {
		return "--" + o.name
	}
	return "-" + o.short + ", --" + o.name
}
