package main

import "path/filepath"

// dialect is the program whose habits rlc follows where Docker's and Podman's differ. Its
// value is the name that rlc goes by in help and messages.
type dialect string

// The dialects. rlc under its own name does as Podman does.
const (
	asRlc    dialect = "rlc"
	asDocker dialect = "docker"
	asPodman dialect = "podman"
)

// dialectOf finds the dialect by the name that rlc was started by.
func dialectOf(argv []string) dialect {
	if len(argv) > 0 {
		switch name := dialect(filepath.Base(argv[0])); name {
		case asDocker, asPodman:
			return name
		}
	}
	return asRlc
}
