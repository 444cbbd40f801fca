package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// HelpCmd explains a command.
type HelpCmd struct {
	Words []string `arg:"COMMAND" complete:"command"`
}

func helpCommand() command {
	return command{
		names:    []string{"help"},
		usage:    "[COMMAND]",
		summary:  "Explain a command",
		about:    "Explains a command, or lists all of them.",
		examples: []string{"help run", "help image ls"},
		bare:     true,
		flags:    new(HelpCmd),
	}
}

// Run prints the help of the command that the words name.
func (c *HelpCmd) Run(_ context.Context, a *app) error {
	all := commands()
	name := strings.Join(c.Words, " ")
	if name == "" || all.isGroup(name) {
		return all.overview(a, name)
	}
	if found := all.find(name); found != nil {
		return found.help(a, a.stdout)
	}
	return a.unknownCommand(all, "", name)
}

// overview lists the commands of a group, or all.
func (all catalogue) overview(a *app, group string) error {
	var b strings.Builder
	program := string(a.dialect)
	if group == "" {
		fmt.Fprintf(&b, "Run containers without root, daemon or administrator\n\nUsage:\n  %s [options] COMMAND\n", program)
	} else {
		fmt.Fprintf(&b, "Manage %ss\n\nUsage:\n  %s %s COMMAND\n", group, program, group)
	}
	fmt.Fprintf(&b, "\nAvailable Commands:\n")
	var rows [][2]string
	for _, name := range all.in(group) {
		c := all.find(strings.TrimSpace(group + " " + name))
		rows = append(rows, [2]string{name, c.summary})
	}
	if group == "" {
		for _, g := range all.groups() {
			rows = append(rows, [2]string{g, "Manage " + g + "s"})
		}
		slices.SortFunc(rows, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
	}
	columns(&b, rows)
	if group == "" {
		fmt.Fprintf(&b, "\nOptions:\n")
		s := describe(&a.globals, new(RootFlags))
		columns(&b, s.table())
	}
	fmt.Fprintf(&b, "\n%s COMMAND --help explains a command.\n", strings.TrimSpace(program+" "+group))
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// help explains a command in the shape that people and scripts know from Podman.
func (c *command) help(a *app, w *os.File) error {
	_, err := io.WriteString(w, c.text(string(a.dialect)))
	return err
}

func (c *command) text(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nDescription:\n", c.summary)
	for line := range strings.Lines(c.about) {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(line))
	}
	fmt.Fprintf(&b, "\nUsage:\n  %s %s %s\n", program, c.names[0], c.usage)
	if len(c.names) > 1 {
		var aliases []string
		for _, name := range c.names[1:] {
			aliases = append(aliases, program+" "+name)
		}
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", strings.Join(aliases, ", "))
	}
	fmt.Fprintf(&b, "\nExamples:\n")
	for _, example := range c.examples {
		fmt.Fprintf(&b, "  %s %s\n", program, example)
	}
	s := describe(c.flags)
	if rows := s.table(); len(rows) > 0 {
		fmt.Fprintf(&b, "\nOptions:\n")
		columns(&b, rows)
	}
	return b.String()
}

// table is the options in alphabetical order, each with its explanation.
func (s *syntax) table() [][2]string {
	var rows [][2]string
	for _, o := range s.sorted() {
		left := "    --" + o.name
		if o.short != "" {
			left = "-" + o.short + ", --" + o.name
		}
		if value := o.valueName(); value != "" {
			left += " " + value
		}
		help := o.help
		if len(o.choices) > 0 {
			help += ": " + strings.Join(o.choices, ", ")
		}
		rows = append(rows, [2]string{left, help})
	}
	return rows
}

// sorted is the options in alphabetical order.
func (s *syntax) sorted() []option {
	return slices.SortedFunc(slices.Values(s.options), func(x, y option) int { return strings.Compare(x.name, y.name) })
}

// valueName is how help calls an option's value; empty for a toggle.
func (o *option) valueName() string {
	switch {
	case o.toggle:
		return ""
	case o.placeholder != "":
		return o.placeholder
	}
	return strings.ToUpper(o.name)
}

// columns writes rows of two columns, the second at the same place in all of them. A left
// side that is much longer than the others has a line of its own.
func columns(b *strings.Builder, rows [][2]string) {
	const widest = 38
	width := 0
	for _, row := range rows {
		if len(row[0]) <= widest {
			width = max(width, len(row[0]))
		}
	}
	for _, row := range rows {
		if len(row[0]) > width {
			fmt.Fprintf(b, "  %s\n  %*s  %s\n", row[0], width, "", row[1])
			continue
		}
		fmt.Fprintf(b, "  %-*s  %s\n", width, row[0], row[1])
	}
}
