package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// app is one start of rlc: what the commands work with.
type app struct {
	dialect     dialect
	environment []string // NAME=VALUE
	stdin       *os.File
	stdout      *os.File
	stderr      *os.File
	globals     Globals
	conf        *containersConf // once it has been read
	quiet       bool            // what is no error is not told
}

// Globals are the flags that every command knows.
type Globals struct {
	Root          string `name:"root" placeholder:"DIR" complete:"dir" help:"Keep images and containers here (RLC_ROOT)"`
	RunRoot       string `name:"runroot" placeholder:"DIR" complete:"dir" help:"Keep what ends with the session here (RLC_RUNROOT)"`
	StorageDriver string `name:"storage-driver" placeholder:"DRIVER" choices:"overlay,fuse-overlayfs,copy,vfs" help:"How root file systems are stacked; vfs means copy (STORAGE_DRIVER)"`
	LogLevel      string `name:"log-level" placeholder:"LEVEL" choices:"trace,debug,info,warn,warning,error,fatal,panic" help:"Tell what is going on from this level on (RLC_LOG_LEVEL; default warn)"`
	Debug         bool   `name:"debug" short:"D" help:"The same as --log-level debug"`
	Config        string `name:"config" placeholder:"FILE" complete:"file" help:"Read this instead of the usual config.toml files (RLC_CONFIG)"`
}

// runner is a command whose flags have been filled in.
type runner interface {
	Run(ctx context.Context, a *app) error
}

// start is the whole program: it returns the exit code.
func start(argv, environment []string, stdin, stdout, stderr *os.File) int {
	a := &app{dialect: dialectOf(argv), environment: environment, stdin: stdin, stdout: stdout, stderr: stderr}
	if len(argv) > 0 {
		argv = argv[1:]
	}
	err := a.dispatch(context.Background(), argv)
	if err != nil {
		report(stderr, err)
	}
	return exitCode(err)
}

// dispatch finds the command in a command line and runs it.
func (a *app) dispatch(ctx context.Context, argv []string) error {
	c, before, words, err := a.find(argv)
	if err != nil || c == nil {
		return err
	}
	s := describe(c.flags, &a.globals)
	l, err := normalise(&s, words, !c.strict)
	switch {
	case err != nil:
		return a.wrongUsage(c, err)
	case l.help || before.help:
		return c.help(a, a.stdout)
	}
	l.settings = append(s.adopt(before.settings), l.settings...)
	if !c.bare {
		if err := a.refuseForeignEngine(); err != nil {
			return err
		}
		if l.settings, err = a.configured(c, &s, l.settings); err != nil {
			return err
		}
	}
	if err := bind(&s, &l); err != nil {
		return a.wrongUsage(c, err)
	}
	err = c.flags.Run(ctx, a)
	if !c.answers {
		err = asFailure(err)
	}
	return err
}

// RootFlags may stand before the command only.
type RootFlags struct {
	Version bool `name:"version" short:"v" help:"Print the version"`
}

// find reads a command line up to and with the command's name. A nil command and no error
// mean that all is done: it was about rlc itself. Before are the global flags in front.
func (a *app) find(argv []string) (c *command, before line, rest []string, err error) {
	s := describe(&a.globals, new(RootFlags))
	all := commands()
	group := ""
	for rest = argv; ; {
		l, err := normalise(&s, rest, false)
		if err != nil {
			return nil, line{}, nil, a.wrongUsage(nil, err)
		}
		before.settings = append(before.settings, l.settings...)
		before.help = before.help || l.help
		switch {
		case l.mentions("version") && group == "":
			return nil, line{}, nil, a.printVersionLine()
		case len(l.args) == 0 && (before.help || len(argv) == 0):
			return nil, line{}, nil, all.overview(a, group)
		case len(l.args) == 0:
			return nil, line{}, nil, a.missingCommand(group)
		}
		word := l.args[0]
		rest = l.args[1:]
		if group == "" && all.isGroup(word) {
			group = word
			continue
		}
		if c := all.find(strings.TrimSpace(group + " " + word)); c != nil {
			return c, before, rest, nil
		}
		return nil, line{}, nil, a.unknownCommand(all, group, word)
	}
}

// lookup returns a variable of the environment.
func (a *app) lookup(name string) (string, bool) {
	for _, variable := range a.environment {
		if len(variable) > len(name) && variable[len(name)] == '=' && variable[:len(name)] == name {
			return variable[len(name)+1:], true
		}
	}
	return "", false
}

// getenv returns a variable of the environment, empty if it is not set.
func (a *app) getenv(name string) string {
	value, _ := a.lookup(name)
	return value
}

// absolute makes a path of the caller's absolute; an empty one stays empty.
func (a *app) absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return absolute, nil
}

// warn tells the person, unless --quiet, something that is not an error.
func (a *app) warn(message string) {
	if a.quiet {
		return
	}
	fmt.Fprintf(a.stderr, "Warning: %s\n", message)
}

// readAll reads a stream to its end unless it is longer than limit bytes.
func readAll(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes", f.Name(), limit)
	}
	return data, nil
}
