// Package fuseoverlay makes one mounted tree of a list of directories: by the kernel's
// overlay file system in the user namespace, else by fuse-overlayfs, else by a copy.
//
// It runs in the monitor, inside the user namespace and its own mount namespace, with all
// capabilities there. It needs /proc. The trees it makes are detached: they have no place
// until somebody moves them to one, so that a crash leaves nothing mounted behind.
package fuseoverlay

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Driver is a way to stack directories.
type Driver string

// The drivers, in the order in which they are tried.
const (
	Auto    Driver = ""
	Overlay Driver = "overlay"        // the kernel's, mounted in the user namespace (Linux 5.11)
	FUSE    Driver = "fuse-overlayfs" // the program of that name
	Copy    Driver = "copy"           // the layers are copied, whiteouts applied, into one directory
)

// Layers are the directories to stack. A lower directory may have any name. It must not
// change while it is part of a tree.
type Layers struct {
	Lower []string // read-only directories, uppermost first; whiteouts as overlayfs in a user namespace has them ("user.overlay." attributes)
	Upper string   // where changes go; empty: the tree is read-only
	Work  string   // overlayfs's work directory, beside Upper on the same file system; empty at first
}

// Options tune Open; the zero value chooses the driver and finds fuse-overlayfs in the usual directories.
type Options struct {
	Driver   Driver // the only driver to try; Auto: the first that works
	Volatile bool   // changes need not survive a crash of the machine: no sync at unmount
	Scratch  string // an empty directory of the caller's: home of the copy of a read-only tree, and before Linux 6.8 a mount point for a moment
	Program  string // fuse-overlayfs, absolute; empty: looked for in the usual directories
}

// Mount is a stacked tree. It lives until Close, wherever Tree has been moved: keep it open
// as long as somebody works in the tree, and Close it when nobody waits any more, since
// the last close of a tree that is not volatile writes the upper file system to disk.
type Mount struct {
	// Tree is the detached mount, for one move_mount(2); Close closes it.
	Tree *os.File
	// Driver is the one that worked.
	Driver Driver
	// Reasons says why each driver before it did not; for `info` and --log-level debug.
	Reasons []string
	// Stale says that Upper was last used volatile and that the machine has started anew
	// since: if it crashed, files changed before may be empty or damaged.
	Stale bool

	early   func() error // why what serves the tree has ended; nil: nothing serves it
	release func() error // what is to be done once Tree is closed; nil: nothing
}

// Open stacks the layers. A missing layer, a full disk and the end of ctx are errors; what a
// driver cannot do on this machine makes Auto try the next one. A single lower directory
// without an upper one is bound read-only instead, whiteouts and all: they hide nothing.
//
// An Upper whose Work is empty takes owner, mode and times of the uppermost lower
// directory. Copy leaves the complete tree in Upper; later calls find it there and use it,
// whatever driver they ask for.
func Open(ctx context.Context, layers Layers, options Options) (*Mount, error) {
	s, err := openStack(layers)
	if err != nil {
		return nil, err
	}
	defer s.close()
	candidates := []Driver{options.Driver}
	switch {
	case s.copied:
		candidates = []Driver{Copy}
	case options.Driver == Auto:
		candidates = []Driver{Overlay, FUSE, Copy}
	}
	var reasons []error
	for _, d := range candidates {
		m, err := s.mount(ctx, d, options)
		if err == nil {
			m.Stale = s.stale
			for _, r := range reasons {
				m.Reasons = append(m.Reasons, r.Error())
			}
			return m, nil
		}
		failure := &DriverError{Driver: d, Err: err}
		if ctx.Err() != nil || !unavailable(err) {
			return nil, failure
		}
		reasons = append(reasons, failure)
	}
	if len(reasons) == 1 {
		return nil, reasons[0]
	}
	return nil, &NoDriverError{Reasons: reasons}
}

// mount tries one driver.
func (s *stack) mount(ctx context.Context, d Driver, o Options) (*Mount, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch d {
	case Overlay:
		tree, err := s.overlay(o)
		if err != nil {
			return nil, err
		}
		return &Mount{Tree: tree, Driver: Overlay}, nil
	case FUSE:
		return s.fuse(ctx, o)
	case Copy:
		return s.copy(ctx, o)
	}
	return nil, errors.New("no such storage driver (there are overlay, fuse-overlayfs and copy)")
}

// Close gives the tree up and waits until everything behind it has ended: the sync of the
// upper file system, and fuse-overlayfs, whose early death it reports. It is called once.
func (m *Mount) Close() error {
	var early error
	if m.early != nil {
		early = m.early()
	}
	err := m.Tree.Close()
	if m.release != nil {
		err = errors.Join(m.release(), err)
	}
	if early != nil {
		return early // the rest follows from it
	}
	return err
}

// clone makes a detached mount of a directory; of all that is mounted below it only if the
// kernel refuses to show what these mounts hide.
func clone(dir *os.File, readOnly bool) (*os.File, error) {
	var flags uint = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH
	fd, err := unix.OpenTree(int(dir.Fd()), "", flags)
	if errors.Is(err, unix.EINVAL) {
		// EINVAL: mounts below came from a more privileged namespace and are locked together; see mount_namespaces(7).
		flags |= unix.AT_RECURSIVE
		fd, err = unix.OpenTree(int(dir.Fd()), "", flags)
	}
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	tree := os.NewFile(uintptr(fd), dir.Name())
	if readOnly {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|flags&unix.AT_RECURSIVE, &attr); err != nil {
			_ = tree.Close() // never used
			return nil, os.NewSyscallError("mount_setattr", err)
		}
	}
	return tree, nil
}
