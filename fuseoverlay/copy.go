package fuseoverlay

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// copy makes the tree by copying. With an upper directory the copy becomes its contents,
// once and for all: it is made in the work directory and renamed when it is complete, so
// that an interrupted copy is never taken for a tree. Without one it lives in the scratch directory until Close.
func (s *stack) copy(ctx context.Context, o Options) (*Mount, error) {
	if s.upper == nil {
		return s.copyToScratch(ctx, o)
	}
	if !s.copied {
		if err := s.copyToUpper(ctx); err != nil {
			return nil, err
		}
	}
	dir, err := os.OpenFile(s.layers.Upper, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	tree, err := clone(dir, false)
	if err != nil {
		return nil, err
	}
	return &Mount{Tree: tree, Driver: Copy}, nil
}

func (s *stack) copyToScratch(ctx context.Context, o Options) (*Mount, error) {
	if o.Scratch == "" {
		return nil, errors.New("copy: no scratch directory given")
	}
	at := filepath.Join(o.Scratch, unfinished)
	dir, err := s.copyTo(ctx, at)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	tree, err := clone(dir, true)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(at))
	}
	return &Mount{Tree: tree, Driver: Copy, release: func() error { return os.RemoveAll(at) }}, nil
}

// copyToUpper fills an empty upper directory. Both marks may be there when the machine
// stopped between the last two steps; openStack then calls the copy unfinished.
func (s *stack) copyToUpper(ctx context.Context) error {
	names, _ := s.upper.Readdirnames(1) // io.EOF: it is empty
	if len(names) > 0 {
		return &UnavailableError{
			Cause:  s.layers.Upper + " holds changes made with another driver",
			Remedy: "use that driver for this container, or create the container anew",
		}
	}
	at := filepath.Join(s.layers.Work, unfinished)
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	dir, err := s.copyTo(ctx, at)
	if err != nil {
		return err
	}
	_ = dir.Close() // only its path is needed
	mark, err := os.Create(filepath.Join(s.layers.Work, finished))
	if err == nil {
		err = errors.Join(mark.Close(), unix.Rename(at, s.layers.Upper))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(at))
	}
	return nil
}

// copyTo copies the merged tree into the new directory at, and removes it if that fails.
func (s *stack) copyTo(ctx context.Context, at string) (*os.File, error) {
	if err := os.Mkdir(at, 0o700); err != nil {
		return nil, full(at, err)
	}
	dir, err := os.OpenFile(at, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err == nil {
		if err = merge(ctx, s.lower, dir); err == nil {
			return dir, nil
		}
		_ = dir.Close() // goes away with its contents
	}
	return nil, errors.Join(full(at, err), os.RemoveAll(at))
}

// full gives an exhausted file system its remedy.
func full(at string, err error) error {
	if !outOfSpace(err) {
		return err
	}
	return &SpaceError{Dir: filepath.Dir(at), Err: err}
}
