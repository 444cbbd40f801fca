package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/image"
)

// CompleteCmd answers the shells' completion functions; see `rlc completion`.
type CompleteCmd struct {
	Words []string `arg:"WORD"`
}

func completeCommand() command {
	return command{
		names:    []string{"__complete"},
		usage:    "[WORD...]",
		summary:  "List what the last word can be",
		about:    "Lists what the last word of a command line can become, one a line.",
		examples: []string{"__complete run --pu"},
		strict:   true,
		bare:     true,
		hidden:   true,
		flags:    new(CompleteCmd),
	}
}

// candidate is something that a word can become, and what it is.
type candidate struct{ word, about string }

// Lines that ask the shell for what it knows better.
const (
	completeFiles = ":files"
	completeDirs  = ":dirs"
)

// Run prints a candidate a line, its explanation behind a tab. What goes wrong is not told:
// the person is in the midst of typing.
func (c *CompleteCmd) Run(ctx context.Context, a *app) error {
	words := c.Words
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	for _, found := range a.complete(ctx, words[:len(words)-1], last) {
		line := found.word
		if !strings.HasPrefix(line, ":") && !strings.HasPrefix(line, last) {
			continue
		}
		if found.about != "" {
			line += "\t" + found.about
		}
		if _, err := io.WriteString(a.stdout, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// complete finds what a word can become behind others.
func (a *app) complete(ctx context.Context, before []string, word string) []candidate {
	all := commands()
	globals := describe(&a.globals, new(RootFlags))
	group := ""
	for {
		place := follow(&globals, before, false)
		if len(place.args) == 0 {
			if place.awaits != nil {
				return a.values(ctx, place.awaits.complete, place.awaits.choices)
			}
			return slices.Concat(a.optionsLike(ctx, &globals, word), all.candidates(group))
		}
		first := place.args[0]
		before = before[len(before)-len(place.args)+1:]
		if group == "" && all.isGroup(first) {
			group = first
			continue
		}
		c := all.find(strings.TrimSpace(group + " " + first))
		if c == nil {
			return nil
		}
		return a.completeCommand(ctx, c, before, word)
	}
}

// completeCommand finds what a word can become behind a command's name and others.
func (a *app) completeCommand(ctx context.Context, c *command, before []string, word string) []candidate {
	s := describe(c.flags, &a.globals)
	place := follow(&s, before, !c.strict)
	switch {
	case place.awaits != nil:
		return a.values(ctx, place.awaits.complete, place.awaits.choices)
	case c.strict && len(place.args) > 0:
		return []candidate{{word: completeFiles}} // belongs to the container
	case !place.onlyArgs && strings.HasPrefix(word, "-"):
		return a.optionsLike(ctx, &s, word)
	case s.args == nil || s.args.max > 0 && len(place.args) >= s.args.max:
		return nil
	}
	return a.values(ctx, s.args.complete, nil)
}

// place is where on a command line a word stands.
type place struct {
	args     []string
	awaits   *option // whose value the word is
	onlyArgs bool    // behind a --
}

// follow reads the words before the one that is being typed, as normalise does, but takes
// no offence at what it does not know.
func follow(s *syntax, words []string, mixed bool) place {
	var p place
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			p.args, p.onlyArgs = append(p.args, words[i+1:]...), true
			return p
		case len(word) < 2 || word[0] != '-':
			if !mixed {
				p.args = words[i:]
				return p
			}
			p.args = append(p.args, word)
			continue
		}
		if o := s.open(word); o != nil {
			if i++; i == len(words) {
				p.awaits = o
			}
		}
	}
	return p
}

// open returns the option of a word whose value is the next word; nil if there is none.
func (s *syntax) open(word string) *option {
	if name, long := strings.CutPrefix(word, "--"); long {
		if o := s.long(name); o != nil && !o.toggle {
			return o
		}
		return nil
	}
	for i, letter := range word[1:] {
		o := s.short(string(letter))
		if o == nil || !o.toggle {
			if o != nil && i+len(string(letter)) == len(word)-1 {
				return o
			}
			return nil
		}
	}
	return nil
}

// optionsLike lists options, or for --name=value the values.
func (a *app) optionsLike(ctx context.Context, s *syntax, word string) []candidate {
	if name, _, glued := strings.Cut(word, "="); glued {
		o := s.long(strings.TrimPrefix(name, "--"))
		if o == nil {
			return nil
		}
		found := a.values(ctx, o.complete, o.choices)
		for i := range found {
			if !strings.HasPrefix(found[i].word, ":") {
				found[i].word = name + "=" + found[i].word
			}
		}
		return found
	}
	if !strings.HasPrefix(word, "-") {
		return nil
	}
	found := []candidate{{"--help", "Explain this"}}
	for _, o := range s.sorted() {
		found = append(found, candidate{"--" + o.name, o.help})
	}
	return found
}

// candidates lists the commands of a group; without one, all first words.
func (all catalogue) candidates(group string) []candidate {
	var found []candidate
	for _, name := range all.in(group) {
		found = append(found, candidate{name, all.find(strings.TrimSpace(group + " " + name)).summary})
	}
	if group == "" {
		for _, g := range all.groups() {
			found = append(found, candidate{g, "Manage " + g + "s"})
		}
	}
	return found
}

// values lists what a value or an argument of a kind can be.
func (a *app) values(ctx context.Context, kind string, choices []string) []candidate {
	var found []candidate
	for _, choice := range choices {
		found = append(found, candidate{word: choice})
	}
	switch kind {
	case "file":
		found = append(found, candidate{word: completeFiles})
	case "dir":
		found = append(found, candidate{word: completeDirs})
	case "command":
		found = append(found, commands().candidates("")...)
	case "shell":
		found = append(found, candidate{word: "bash"}, candidate{word: "fish"}, candidate{word: "zsh"})
	case "image", "container", "running", "any":
		found = append(found, a.things(ctx, kind)...)
	}
	return found
}

// things lists containers and images.
func (a *app) things(ctx context.Context, kind string) []candidate {
	var found []candidate
	c := completeCommand()
	s := describe(&a.globals)
	settings, err := a.configured(&c, &s, nil)
	if err != nil || bindOptions(&line{settings: settings}) != nil {
		return nil
	}
	e, err := a.engine()
	if err != nil {
		return nil
	}
	if kind != "image" {
		containers, err := e.List(ctx, engine.ListOptions{All: kind != "running"})
		if err != nil {
			containers = nil // nothing to offer
		}
		for _, c := range containers {
			found = append(found, candidate{c.Name, fmt.Sprintf("%s, %s", c.Image, c.State)})
		}
	}
	if kind == "image" || kind == "any" {
		var images []image.Image
		if e.Image(ctx, image.Request{Verb: image.VerbList}, &images) != nil {
			images = nil // nothing to offer
		}
		for _, i := range images {
			for _, name := range i.Names {
				found = append(found, candidate{word: name})
			}
		}
	}
	return found
}
