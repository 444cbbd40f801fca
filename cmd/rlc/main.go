// Command rlc is the command line: it turns flags, the environment and configuration files
// into one call of the engine, and prints what comes back. It alone reads the environment,
// the arguments and the configuration.
//
// It runs as rlc itself, in the host's namespaces and with the person's own ids.
package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	// Its threads mostly wait; fewer of them wake each other less.
	runtime.GOMAXPROCS(1)
	// Modes are said where files are made; a stricter mask would lock rlc out of its own.
	unix.Umask(0o022)
	os.Exit(start(os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
