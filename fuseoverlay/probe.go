package fuseoverlay

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Probe says which driver works on directories that it makes, and removes again, in dir,
// which should lie where containers are kept; and why each driver before it does not. Of the
// options Driver and Program count. It runs where Open runs.
func Probe(ctx context.Context, dir string, o Options) (works Driver, reasons []string, err error) {
	base, err := os.MkdirTemp(dir, ".probe-")
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	at := func(name string) string { return filepath.Join(base, name) }
	for _, name := range []string{"lower1", "lower2", "upper", "work", "scratch"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			return "", nil, err
		}
	}
	m, err := Open(ctx, Layers{
		Lower: []string{at("lower1"), at("lower2")},
		Upper: at("upper"),
		Work:  at("work"),
	}, Options{Driver: o.Driver, Volatile: true, Scratch: at("scratch"), Program: o.Program})
	if err != nil {
		return "", nil, err
	}
	err = os.Mkdir(filepath.Join(procFD(int(m.Tree.Fd())), "new"), 0o700)
	return m.Driver, m.Reasons, errors.Join(err, m.Close())
}
