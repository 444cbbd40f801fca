// Package engine is what rlc can do: one verb a file (run, list, remove, stop...). It is the
// only way in for every front door, of which the command line is the first.
//
// It runs in rlc, in the host's namespaces and with the user's own ids. It reads no
// environment and no configuration file: it receives values.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/idmap"
)

// Options say where an engine keeps its things and for whom it works. Data, Runtime,
// Programs and Identity are needed.
type Options struct {
	Data     string // state that survives a reboot
	Runtime  string // state that does not
	Programs string // directory of rlc-monitor and rlc-image
	Identity idmap.Identity
	Version  string
	Env      []string // of the caller: for rlc-image, proxies and TERM

	StorageDriver string // overlay, fuse-overlayfs, copy; empty: the best that works
	FUSEOverlayfs string // that program, absolute; empty: looked for
	// PodmanStores are graph roots of other tools' image stores, read only.
	PodmanStores []string

	Stdin, Stdout, Stderr *os.File     // nil: the process's own
	Log                   *slog.Logger // nil: nothing is logged
	Warn                  func(string) // tells the person that less was done than asked; nil: nobody hears
}

// Engine carries out verbs. It may be used by several goroutines.
type Engine struct {
	Options
	home container.Home
}

// New returns an engine; it touches nothing yet.
func New(o Options) (*Engine, error) {
	for what, path := range map[string]string{"data": o.Data, "runtime": o.Runtime, "program": o.Programs} {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%s directory %q: not an absolute path", what, path)
		}
	}
	e := &Engine{Options: o}
	if e.Stdin == nil {
		e.Stdin, e.Stdout, e.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	if e.Log == nil {
		e.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if e.Warn == nil {
		e.Warn = func(string) {}
	}
	e.home = container.Home{Data: o.Data, Runtime: o.Runtime}
	return e, nil
}

// Error is a failure with an exit code of its own.
type Error struct {
	Err  error
	Code int
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code that rlc ends with.
func (e *Error) ExitCode() int { return e.Code }

// program returns the path of one of rlc's own programs.
func (e *Engine) program(name string) (string, error) {
	path := filepath.Join(e.Programs, name)
	if _, err := os.Stat(path); err != nil {
		return "", &incompleteError{Program: name, Dir: e.Programs}
	}
	return path, nil
}

// incompleteError reports that a program of rlc is not where it belongs.
type incompleteError struct{ Program, Dir string }

func (e *incompleteError) Error() string {
	return fmt.Sprintf("start %s: it is not in %s", e.Program, e.Dir)
}

// Hint tells how to complete the installation.
func (e *incompleteError) Hint() string {
	return "the programs rlc, rlc-monitor and rlc-image belong into one directory, or the last two into ../libexec/rlc beside it"
}

// homeFor is where containers of a mapping are made. Root gives their files to the ids that
// their monitors work as; everybody else's are their own.
func (e *Engine) homeFor(plan idmap.Plan) container.Home {
	home := e.home
	if e.Identity.UID == 0 {
		home.Owner, home.OwnerGID = int(plan.Owner), int(plan.OwnerGID)
	}
	return home
}

// storePlan is the mapping in which the image store's files have their owners.
func (e *Engine) storePlan(ctx context.Context) (idmap.Plan, error) {
	return e.plan(ctx, idmap.Request{})
}

// asExit gives err an exit code unless it has one.
func asExit(err error, code int) error {
	var coded interface{ ExitCode() int }
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return &Error{Err: err, Code: code}
}
