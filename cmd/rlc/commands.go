package main

import (
	"fmt"
	"slices"
	"strings"
)

// command is something rlc can be asked to do. Each lies in a file of its own.
type command struct {
	names    []string // "ps", "container ls": all that it is called by; the first is its own
	usage    string   // what follows the name
	summary  string   // what it does, in a line
	about    string   // the same in whole sentences
	examples []string // command lines without the program's name
	strict   bool     // the first argument ends the options
	bare     bool     // needs no configuration and no engine
	answers  bool     // its exit code tells more than success or failure
	hidden   bool     // is not shown
	flags    runner   // its struct, empty
}

// catalogue is all commands.
type catalogue []command

func commands() catalogue {
	return catalogue{
		completeCommand(),
		completionCommand(),
		containerExistsCommand(),
		helpCommand(),
		imageExistsCommand(),
		imagesCommand(),
		infoCommand(),
		inspectCommand(),
		inspectContainerCommand(),
		inspectImageCommand(),
		killCommand(),
		loadCommand(),
		psCommand(),
		pullCommand(),
		rmCommand(),
		rmiCommand(),
		runCommand(),
		stopCommand(),
		tagCommand(),
		untagCommand(),
		versionCommand(),
	}
}

// find returns the command with a name; nil if there is none.
func (all catalogue) find(name string) *command {
	for i := range all {
		if slices.Contains(all[i].names, name) {
			return &all[i]
		}
	}
	return nil
}

// isGroup tells whether names of commands consist of word and another one.
func (all catalogue) isGroup(word string) bool {
	return slices.ContainsFunc(all, func(c command) bool {
		return slices.ContainsFunc(c.names, func(name string) bool { return strings.HasPrefix(name, word+" ") })
	})
}

// groups are the first words of names of two, in alphabetical order.
func (all catalogue) groups() []string {
	var groups []string
	for _, c := range all {
		for _, name := range c.names {
			if first, _, two := strings.Cut(name, " "); two && !slices.Contains(groups, first) {
				groups = append(groups, first)
			}
		}
	}
	slices.Sort(groups)
	return groups
}

// in lists the names in a group, in alphabetical order; without one, the names of one word.
func (all catalogue) in(group string) []string {
	var names []string
	for _, c := range all {
		if c.hidden {
			continue
		}
		for _, name := range c.names {
			first, second, two := strings.Cut(name, " ")
			switch {
			case two && first == group:
				names = append(names, second)
			case !two && group == "":
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// missingCommand complains about a line that ends before it says what to do.
func (a *app) missingCommand(group string) error {
	name := strings.TrimSpace(string(a.dialect) + " " + group)
	return &usageError{
		message: "a command is missing: " + name + " COMMAND",
		hint:    name + " --help lists the commands",
	}
}

// unknownCommand complains about a word that is no command.
func (a *app) unknownCommand(all catalogue, group, word string) error {
	name := strings.TrimSpace(string(a.dialect) + " " + group)
	candidates := all.in(group)
	if group == "" {
		candidates = append(candidates, all.groups()...)
	}
	hint := didYouMean(word, candidates)
	return &usageError{
		message: fmt.Sprintf("unknown command %q", strings.TrimSpace(group+" "+word)),
		hint:    strings.TrimSpace(hint + "\n" + name + " --help lists the commands"),
	}
}

// wrongUsage adds to a complaint about a command line where to read about the command.
func (a *app) wrongUsage(c *command, err error) error {
	name := string(a.dialect)
	if c == nil {
		return &usageError{message: err.Error(), hint: hintOf(err) + "\n" + name + " --help lists the options"}
	}
	name += " " + c.names[0]
	return &usageError{message: c.names[0] + ": " + err.Error(), hint: hintOf(err) + "\nusage: " + name + " " + c.usage + "\n" + name + " --help explains it"}
}

// hintOf joins the hints of an error.
func hintOf(err error) string { return strings.Join(hints(err), "\n") }
