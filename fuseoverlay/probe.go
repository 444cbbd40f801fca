package fuseoverlay

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Support tells whether a driver works.
type Support struct {
	Driver Driver
	Err    error // nil: it works; may have a Hint
}

// Probe tries every driver on directories that it makes, and removes again, in dir, which
// should lie where containers are kept. It runs where Open runs.
func Probe(ctx context.Context, dir, program string) ([]Support, error) {
	var all []Support
	for _, d := range []Driver{Overlay, FUSE, Copy} {
		err := probe(ctx, d, dir, program)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, Support{Driver: d, Err: err})
	}
	return all, nil
}

// probe makes a tree of two layers and writes into it.
func probe(ctx context.Context, d Driver, dir, program string) (err error) {
	base, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	at := func(name string) string { return filepath.Join(base, name) }
	for _, name := range []string{"lower1", "lower2", "upper", "work", "scratch"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			return err
		}
	}
	m, err := Open(ctx, Layers{
		Lower: []string{at("lower1"), at("lower2")},
		Upper: at("upper"),
		Work:  at("work"),
	}, Options{Driver: d, Volatile: true, Scratch: at("scratch"), Program: program})
	if err != nil {
		return err
	}
	err = os.Mkdir(filepath.Join(procFD(int(m.Tree.Fd())), "new"), 0o700)
	return errors.Join(err, m.Close())
}
