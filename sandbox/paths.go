package sandbox

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// find returns a handle for a path of the spec. What is below a mount of the kernel's (/proc,
// /sys) is looked for in that mount, whatever an image has made of the path to it: there
// is no way to lead the mask away from what it must cover.
func (s *setup) find(unsafePath string) (int, error) {
	clean := path.Clean("/" + unsafePath)
	longest, dir, below := 0, s.root, clean
	for destination, fd := range s.placed {
		if rest, ok := under(clean, destination); ok && len(destination) > longest {
			longest, dir, below = len(destination), directory{fd}, rest
		}
	}
	return dir.find(below)
}

// missing says that there is nothing to protect at a path.
func missing(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) }

// maskPaths covers files with /dev/null and directories with an empty directory.
func (s *setup) maskPaths() error {
	for _, unsafePath := range s.spec.Linux.MaskedPaths {
		target, err := s.find(unsafePath)
		if missing(err) {
			continue
		}
		if err == nil {
			err = s.mask(target)
			_ = unix.Close(target) // only a handle
		}
		if err != nil {
			return fmt.Errorf("%s: %w", unsafePath, err)
		}
	}
	return nil
}

func (s *setup) mask(target int) error {
	isDir, err := isDirectory(target)
	if err != nil {
		return err
	}
	if isDir {
		return s.maskDirectory(target)
	}
	tree, err := cloneTree(unix.AT_FDCWD, "/dev/null", false)
	if err != nil {
		return err
	}
	defer unix.Close(tree) // only a handle
	return place(tree, target)
}

// maskDirectory uses one empty file system for all: making one costs more than a clone.
func (s *setup) maskDirectory(target int) error {
	if s.empty == 0 {
		const attrs = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
		tree, err := makeFileSystem("tmpfs", []param{{key: "mode", value: "755"}}, attrs)
		if err != nil {
			return err
		}
		s.empty = tree
		return place(tree, target)
	}
	tree, err := cloneTree(s.empty, "", false)
	if err != nil {
		return err
	}
	defer unix.Close(tree) // only a handle
	return place(tree, target)
}

// protectPaths makes paths read-only, with all that is mounted below them.
func (s *setup) protectPaths() error {
	for _, unsafePath := range s.spec.Linux.ReadonlyPaths {
		target, err := s.find(unsafePath)
		if missing(err) {
			continue
		}
		if err == nil {
			err = protect(target)
			_ = unix.Close(target) // only a handle
		}
		if err != nil {
			return fmt.Errorf("%s: %w", unsafePath, err)
		}
	}
	return nil
}

func protect(target int) error {
	tree, err := cloneTree(target, "", true)
	if err != nil {
		return err
	}
	defer unix.Close(tree) // only a handle
	if err := setAttr(tree, true, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return place(tree, target)
}
