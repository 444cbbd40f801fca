package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// setting is one occurrence of an option on a command line.
type setting struct {
	option *option
	value  string // "true" or "false" for a toggle
}

// line is a command line taken apart: the same for every way of writing it.
type line struct {
	settings []setting
	args     []string
	help     bool // --help occurs
}

// normalise takes the words of a command line apart as Docker's users type them: clusters
// of short options (-itd), values glued on (-p8080:80, -p=8080:80, --flag=value) or in the
// next word even when it begins with a dash, toggles with a value (-d=false). One "--" ends
// the options and is dropped. With mixed, options may follow arguments; without, the first
// argument ends them.
func normalise(s *syntax, words []string, mixed bool) (line, error) {
	var l line
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case word == "--":
			l.args = append(l.args, words...)
			words = nil
		case strings.HasPrefix(word, "--"):
			words, err = l.long(s, word[2:], words)
		case len(word) > 1 && word[0] == '-':
			words, err = l.cluster(s, word[1:], words)
		default:
			l.args = append(l.args, word)
			if !mixed {
				l.args = append(l.args, words...)
				words = nil
			}
		}
		if err != nil {
			return line{}, err
		}
	}
	return l, nil
}

// long takes a --name or --name=value, and the next word where that is the value.
func (l *line) long(s *syntax, body string, rest []string) ([]string, error) {
	name, value, glued := strings.Cut(body, "=")
	o := s.long(name)
	switch {
	case o == nil && name == "help":
		l.help = true
		return rest, nil
	case o == nil:
		return nil, unknownOption(s, "--"+name)
	case glued:
		return rest, l.set(o, value)
	case o.toggle:
		return rest, l.set(o, "true")
	case len(rest) == 0:
		return nil, &usageError{message: o.String() + ": a value is missing"}
	}
	return rest[1:], l.set(o, rest[0])
}

// cluster takes the letters of a word behind one dash: toggles until one takes a value,
// which is what remains of the word, or the next word.
func (l *line) cluster(s *syntax, body string, rest []string) ([]string, error) {
	for body != "" {
		_, size := utf8.DecodeRuneInString(body)
		letter, tail := body[:size], body[size:]
		body = tail
		o := s.short(letter)
		if o == nil && letter == "h" {
			l.help = true
			continue
		}
		if o == nil {
			return nil, unknownOption(s, "-"+letter)
		}
		value, glued := strings.CutPrefix(tail, "=")
		switch {
		case glued:
			return rest, l.set(o, value)
		case o.toggle:
			if err := l.set(o, "true"); err != nil {
				return nil, err
			}
		case tail != "":
			return rest, l.set(o, tail)
		case len(rest) == 0:
			return nil, &usageError{message: o.String() + ": a value is missing"}
		default:
			return rest[1:], l.set(o, rest[0])
		}
	}
	return rest, nil
}

// set records an occurrence after looking at what the option's description alone can judge.
func (l *line) set(o *option, value string) error {
	if strings.IndexByte(value, 0) >= 0 {
		return &usageError{message: o.String() + ": a value cannot hold a NUL byte"}
	}
	if o.toggle {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return &usageError{message: fmt.Sprintf("%s: %q is neither true nor false", o, value)}
		}
		value = strconv.FormatBool(on)
	}
	if len(o.choices) > 0 && !slices.Contains(o.choices, value) {
		return &usageError{
			message: fmt.Sprintf("%s: unknown value %q", o, value),
			hint:    "choose one of: " + strings.Join(o.choices, ", "),
		}
	}
	l.settings = append(l.settings, setting{option: o, value: value})
	return nil
}

// words writes the line's options in the one form that leaves nothing to guess: --name=value.
func (l *line) words() []string {
	words := make([]string, len(l.settings))
	for i, s := range l.settings {
		words[i] = "--" + s.option.name + "=" + s.value
	}
	return words
}

// unknownOption complains about a flag and names the ones that look like it.
func unknownOption(s *syntax, flag string) error {
	var names []string
	for i := range s.options {
		names = append(names, "--"+s.options[i].name)
	}
	err := &usageError{message: "unknown flag " + flag}
	if strings.HasPrefix(flag, "--") {
		err.hint = didYouMean(flag, names)
	}
	return err
}

// mentions tells whether an option of a name occurs.
func (l *line) mentions(name string) bool {
	return slices.ContainsFunc(l.settings, func(s setting) bool { return s.option.name == name })
}

// adopt turns settings of another description into ones of this, by their options' names.
func (s *syntax) adopt(settings []setting) []setting {
	adopted := make([]setting, 0, len(settings))
	for _, old := range settings {
		if o := s.long(old.option.name); o != nil {
			adopted = append(adopted, setting{option: o, value: old.value})
		}
	}
	return adopted
}
