package main

import (
	"fmt"
	"io"
	"strings"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

// Hint tells how it may have been meant.
func (e *usageError) Hint() string { return e.hint }

// report tells a person what went wrong and, where somebody knows, what to do about it.
func report(w io.Writer, err error) {
	if message := err.Error(); message != "" {
		fmt.Fprintf(w, "Error: %s\n", strings.TrimRight(message, "\n"))
	}
	for _, hint := range hints(err) {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// hints collects the remedies that an error and its causes carry, the outermost first.
func hints(err error) []string {
	var found []string
	var visit func(error)
	visit = func(err error) {
		if err == nil {
			return
		}
		if h, ok := err.(interface{ Hint() string }); ok {
			for line := range strings.Lines(h.Hint()) {
				if line = strings.TrimSpace(line); line != "" {
					found = append(found, line)
				}
			}
		}
		switch wrapper := err.(type) {
		case interface{ Unwrap() error }:
			visit(wrapper.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range wrapper.Unwrap() {
				visit(inner)
			}
		}
	}
	visit(err)
	return compact(found)
}

// compact drops what was said before.
func compact(lines []string) []string {
	seen := make(map[string]bool, len(lines))
	kept := lines[:0]
	for _, line := range lines {
		if !seen[line] {
			seen[line] = true
			kept = append(kept, line)
		}
	}
	return kept
}

// failures collects what went wrong with some of several objects; the others went on.
type failures struct {
	w    io.Writer
	code int
}

// add reports an error and remembers the gravest exit code.
func (f *failures) add(err error) {
	if err == nil {
		return
	}
	report(f.w, err)
	f.code = max(f.code, exitCode(err))
}

// result is the exit code of it all as an error; nil when all went well.
func (f *failures) result() error { return status(f.code) }
