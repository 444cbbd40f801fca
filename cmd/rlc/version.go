package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// VersionCmd tells which rlc this is.
type VersionCmd struct {
	Format string `name:"format" short:"f" placeholder:"FORMAT" help:"Print with a Go template, or as json"`
}

func versionCommand() command {
	return command{
		names:    []string{"version"},
		usage:    "[options]",
		summary:  "Show the version of rlc",
		about:    "Shows the version of rlc and what it was built from.",
		examples: []string{"version", "version --format '{{.Client.Version}}'"},
		bare:     true,
		flags:    new(VersionCmd),
	}
}

// build is what is known about this program.
type build struct {
	Version   string
	GoVersion string
	GitCommit string
	BuiltTime string
	OsArch    string
	Os        string
	Arch      string
}

// versions is what `version --format` shows. There is no server; scripts ask for its
// version all the same, and it is this program that serves.
type versions struct {
	Client build
	Server build
}

// Run prints the version.
func (c *VersionCmd) Run(_ context.Context, a *app) error {
	b := buildVersion()
	if c.Format != "" {
		return a.printOne(c.Format, versions{Client: b, Server: b})
	}
	_, err := fmt.Fprintf(a.stdout, "Version:      %s\nGo Version:   %s\n", b.Version, b.GoVersion)
	if b.GitCommit != "" {
		fmt.Fprintf(a.stdout, "Git Commit:   %s\nCommitted:    %s\n", b.GitCommit, b.BuiltTime)
	}
	fmt.Fprintf(a.stdout, "OS/Arch:      %s\n", b.OsArch)
	return err
}

// printVersionLine answers --version.
func (a *app) printVersionLine() error {
	b := buildVersion()
	line := fmt.Sprintf("%s version %s", a.dialect, b.Version)
	if a.dialect == asDocker {
		line = fmt.Sprintf("Docker version %s, build %.7s", b.Version, b.GitCommit)
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// buildVersion reads what the go command noted in the program.
func buildVersion() build {
	b := build{
		Version: "(devel)", GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH,
		OsArch: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.GitCommit = s.Value
		case "vcs.time":
			b.BuiltTime = s.Value
		}
	}
	return b
}
