package main

import (
	"log/slog"
	"os"

	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/idmap"
)

// engine makes the engine that the flags, the environment and the files describe.
func (a *app) engine() (*engine.Engine, error) {
	if _, err := a.containersConf(); err != nil {
		return nil, err
	}
	data, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	runtime, err := a.runtimeDir()
	if err != nil {
		return nil, err
	}
	programs, err := programsDir()
	if err != nil {
		return nil, err
	}
	o := engine.Options{
		Data: data, Runtime: runtime, Programs: programs,
		Identity:      idmap.Identity{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
		Version:       buildVersion().Version,
		Env:           a.environment,
		StorageDriver: a.globals.StorageDriver,
		Stdin:         a.stdin, Stdout: a.stdout, Stderr: a.stderr,
		Log:  a.logger(),
		Warn: a.warn,

		PodmanStores: a.podmanStores(),
	}
	if o.StorageDriver == "vfs" {
		o.StorageDriver = "copy"
	}
	return engine.New(o)
}

// logger writes what is at least as grave as --log-level says to standard error.
func (a *app) logger() *slog.Logger {
	var level slog.Level
	switch {
	case a.globals.Debug:
		level = slog.LevelDebug
	default:
		switch a.globals.LogLevel {
		case "trace", "debug":
			level = slog.LevelDebug
		case "info":
			level = slog.LevelInfo
		case "error", "fatal", "panic":
			level = slog.LevelError
		default:
			level = slog.LevelWarn
		}
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

// refuseForeignEngine stops commands that were meant for another engine.
func (a *app) refuseForeignEngine() error {
	for _, variable := range []string{"DOCKER_HOST", "CONTAINER_HOST"} {
		if value := a.getenv(variable); value != "" {
			return &foreignEngineError{variable: variable, value: value}
		}
	}
	return nil
}

// foreignEngineError reports a variable that names the engine to speak to.
type foreignEngineError struct{ variable, value string }

func (e *foreignEngineError) Error() string {
	return e.variable + "=" + e.value + " names another engine: rlc runs containers itself and speaks to none"
}

// Hint tells how to use rlc all the same.
func (e *foreignEngineError) Hint() string {
	return "unset " + e.variable + ", or use the client of that engine"
}
