package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../.."

// TestDocuments keeps what is written about the commands elsewhere in step with them: the
// reference, the man pages and the completion scripts.
func TestDocuments(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join(root, "docs", "cli.md"), reference())
	for _, shell := range []string{"bash", "zsh", "fish"} {
		golden(t, filepath.Join(root, "contrib", "completions", "rlc."+shell), strings.ReplaceAll(completionScript(shell), "PROGRAM", "rlc"))
	}
	golden(t, filepath.Join(root, "contrib", "man", "rlc.1"), overviewPage())
	for _, c := range commands() {
		if !c.hidden {
			golden(t, filepath.Join(root, "contrib", "man", "rlc-"+strings.ReplaceAll(c.names[0], " ", "-")+".1"), manPage(&c))
		}
	}
}

// reference is all commands in Markdown.
func reference() string {
	var b strings.Builder
	b.WriteString("# The commands of rlc\n\nThis page is made of the program by `go test ./cmd/rlc -update`.\n\n")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(&b, "- [rlc %s](#rlc-%s): %s\n", c.names[0], strings.ReplaceAll(c.names[0], " ", "-"), c.summary)
		}
	}
	b.WriteString(referenceIntroduction)
	s := describe(new(Globals), new(RootFlags))
	b.WriteString(optionTable(&s))
	for _, c := range commands() {
		if c.hidden {
			continue
		}
		fmt.Fprintf(&b, "\n## rlc %s\n\n%s\n\n    rlc %s %s\n", c.names[0], c.about, c.names[0], c.usage)
		if len(c.names) > 1 {
			fmt.Fprintf(&b, "\nAlso called: `rlc %s`\n", strings.Join(c.names[1:], "`, `rlc "))
		}
		b.WriteString("\nExamples:\n\n")
		for _, example := range c.examples {
			fmt.Fprintf(&b, "    rlc %s\n", example)
		}
		if s := describe(c.flags); len(s.options) > 0 {
			b.WriteString("\n" + optionTable(&s))
		}
	}
	return b.String()
}

const referenceIntroduction = `
## How a command line is read

Options are written as Docker's and Podman's users write them: ` + "`-it`, `-p8080:80`, `-eA=b`, `--name web`,\n`--name=web`, `--rm=false`" + `. Options of ` + "`run`" + ` stand before the image; all that follows the image belongs to
the container. Elsewhere options and arguments mix. One ` + "`--`" + ` ends the options.

Defaults of flags are taken from ` + "`$XDG_CONFIG_HOME/rlc/config.toml` and `/etc/rlc/config.toml`" + `, where keys are the
long names of flags, in a table named for the command, global flags in none; the user's file goes
before the administrator's, and the command line before both:

    storage-driver = "overlay"

    [run]
    userns = "keep-id"
    env = ["EDITOR=vi"]
    label = { team = "blue" }

` + "`RLC_ROOT`, `RLC_RUNROOT`, `RLC_STORAGE_DRIVER` (or `STORAGE_DRIVER`) and `RLC_LOG_LEVEL`" + ` do the same for global flags and
stand between the files and the command line; ` + "`RLC_CONFIG`" + ` names one file to read instead. Below all that
` + "`run`" + ` honours what people set in containers.conf(5).

Exit codes: the container's own; 125 when rlc failed or the command line is wrong, 126 when the
command cannot be invoked, 127 when it is not found, 128+n when signal n ended it. ` + "`rm` and `rmi`" + `: 1 for
what is missing, 2 for what is in use. ` + "`exists`" + `: 0 or 1.

Started as ` + "`docker` or `podman`" + ` (by a symbolic link), rlc follows that program where the two differ.

Global options:

`

func optionTable(s *syntax) string {
	var b strings.Builder
	b.WriteString("| option | meaning |\n|---|---|\n")
	for _, row := range s.table() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSpace(row[0]), "|", `\|`), strings.ReplaceAll(row[1], "|", `\|`))
	}
	return b.String()
}

// overviewPage is rlc(1).
func overviewPage() string {
	var b strings.Builder
	b.WriteString(".TH RLC 1\n.SH NAME\nrlc \\- run containers without root, daemon or administrator\n" +
		".SH SYNOPSIS\n.B rlc\n[options] COMMAND\n.SH COMMANDS\n")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(&b, ".TP\n.BR rlc\\-%s (1)\n%s\n", roff(strings.ReplaceAll(c.names[0], " ", "-")), roff(c.summary))
		}
	}
	b.WriteString(".SH OPTIONS\n")
	s := describe(new(Globals), new(RootFlags))
	b.WriteString(roffOptions(&s))
	return b.String()
}

// manPage is the page of a command.
func manPage(c *command) string {
	var b strings.Builder
	name := strings.ReplaceAll(c.names[0], " ", "-")
	fmt.Fprintf(&b, ".TH RLC\\-%s 1\n.SH NAME\nrlc\\-%s \\- %s\n", roff(strings.ToUpper(name)), roff(name), roff(strings.ToLower(c.summary[:1])+c.summary[1:]))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B rlc %s\n%s\n", roff(c.names[0]), roff(c.usage))
	for _, alias := range c.names[1:] {
		fmt.Fprintf(&b, ".br\n.B rlc %s\n%s\n", roff(alias), roff(c.usage))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(c.about))
	if s := describe(c.flags); len(s.options) > 0 {
		b.WriteString(".SH OPTIONS\n" + roffOptions(&s))
	}
	b.WriteString(".SH EXAMPLES\n.nf\n")
	for _, example := range c.examples {
		fmt.Fprintf(&b, "rlc %s\n", roff(example))
	}
	b.WriteString(".fi\n.SH SEE ALSO\n.BR rlc (1)\n")
	return b.String()
}

func roffOptions(s *syntax) string {
	var b strings.Builder
	for _, row := range s.table() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(row[0])), roff(row[1]))
	}
	return b.String()
}

// roff protects a text from the formatter.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
