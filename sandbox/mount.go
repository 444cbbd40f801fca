package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mount is one entry of spec.Mounts on its way into the container.
type mount struct {
	spec        *specs.Mount
	options     options
	destination string // clean and absolute, but not resolved
	kind        string // of file system; empty: a bind
	tree        int    // the detached mount; 0: there is none yet
	origin      int    // handle of what the files are to be changed in: a bind's source where it is on the host; 0: none
	absent      bool   // an optional mount whose source is not to be had
}

// planMounts reads the options of all mounts, so that a misspelt one changes nothing.
func (s *setup) planMounts() error {
	for i := range s.spec.Mounts {
		m := &mount{spec: &s.spec.Mounts[i]}
		var err error
		if m.options, err = parseOptions(m.spec.Options); err != nil {
			return fmt.Errorf("mount %s: %w", m.spec.Destination, err)
		}
		m.destination = path.Clean("/" + m.spec.Destination)
		m.kind = m.spec.Type
		if m.kind == "bind" || m.kind == "rbind" || m.kind == "none" || m.options.bind {
			m.options.bind, m.kind = true, ""
		}
		if m.kind == "" && len(m.options.data) > 0 {
			return fmt.Errorf("mount %s: option %q does not apply to a bind", m.spec.Destination, m.options.data[0].key)
		}
		s.mounts = append(s.mounts, m)
	}
	return nil
}

// mount makes one mount and puts it at its place in the root.
func (s *setup) mount(m *mount) error {
	if m.absent {
		return nil
	}
	isDir, err := s.makeTree(m)
	if err != nil {
		if m.options.optional {
			return nil
		}
		return err
	}
	target, isNew, err := s.mountpoint(m.destination, isDir)
	if err != nil {
		return err
	}
	defer unix.Close(target) // only a handle
	if m.options.copyUp && isDir && !isNew {
		if err := copyUp(target, m); err != nil {
			return fmt.Errorf("copy what the image has there: %w", err)
		}
	}
	if !m.late() {
		if err := m.setAttributes(); err != nil {
			return err
		}
	}
	if m.options.subpath != "" && !m.options.bind {
		if m.tree, err = cloneBelow(m.tree, s.root.fd, m.options.subpath); err != nil {
			return err
		}
	}
	if err := place(m.tree, target); err != nil {
		return err
	}
	s.keep(m)
	return nil
}

// late says that a mount gets its options when the user is known, whom its files are to
// belong to, since it may have to be read-only from then on.
func (m *mount) late() bool { return m.options.chown && !m.options.bind }

// keep remembers the mounts that are worked on later, and closes the handles of the others.
func (s *setup) keep(m *mount) {
	switch {
	case m.late():
		m.origin = m.tree
	case m.kind == "proc", m.kind == "sysfs", m.kind == "devpts", m.destination == "/proc", m.destination == "/sys",
		m.kind == "tmpfs" && m.destination == "/dev":
		if covered, ok := s.placed[m.destination]; ok {
			_ = unix.Close(covered) // only a handle
		}
		s.placed[m.destination] = m.tree
	default:
		_ = unix.Close(m.tree) // only a handle: the mount stays
	}
	if m.origin != 0 && !m.options.chown && !m.options.relabel && !m.options.relabelPrivate {
		_ = unix.Close(m.origin) // only a handle
		m.origin = 0
	}
}

// makeTree gets the detached mount to place, and says whether it is of a directory.
func (s *setup) makeTree(m *mount) (isDir bool, err error) {
	switch {
	case m.options.bind:
	case m.kind == TypeTree:
		index, err := strconv.Atoi(m.spec.Source)
		if err != nil || index < 1 || index >= len(s.trees) {
			return false, fmt.Errorf("tree %q did not come with the order", m.spec.Source)
		}
		if m.tree, err = unix.FcntlInt(s.trees[index].Fd(), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			return false, os.NewSyscallError("fcntl F_DUPFD", err)
		}
	default:
		if m.tree, err = s.newFileSystem(m); err != nil {
			return false, err
		}
	}
	if m.options.subpath == "" || m.options.bind {
		return isDirectory(m.tree)
	}
	part, err := directory{m.tree}.part(m.options.subpath)
	if err != nil {
		return false, err
	}
	defer unix.Close(part) // only a handle
	return isDirectory(part)
}

// mountpoint finds or makes the place for a mount, and says whether it made a directory.
func (s *setup) mountpoint(destination string, isDir bool) (fd int, isNew bool, err error) {
	target, err := s.root.ensure(destination, isDir, func(int) error {
		isNew = true
		return nil
	})
	switch {
	case errors.Is(err, unix.EROFS):
		return -1, false, hinted("the image must bring this path along", "make the mount point in a read-only file system: %w", err)
	case errors.Is(err, unix.ENOTDIR):
		return -1, false, hinted("mount a directory over a directory, a file over a file", "the image has no directory there: %w", err)
	case errors.Is(err, unix.EISDIR):
		return -1, false, hinted("mount a directory over a directory, a file over a file", "the image has a directory there: %w", err)
	case err != nil:
		return -1, false, fmt.Errorf("find the mount point: %w", err)
	}
	same, err := sameFile(target, s.root.fd)
	if err == nil && same {
		err = errors.New("the destination is the container's root itself")
	}
	if err != nil {
		_ = unix.Close(target) // only a handle
		return -1, false, err
	}
	return target, isNew, nil
}

// sameFile says whether two handles are of the same file in the same mount.
func sameFile(a, b int) (bool, error) {
	var sa, sb unix.Statx_t
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	if err := unix.Statx(a, "", unix.AT_EMPTY_PATH, mask, &sa); err != nil {
		return false, os.NewSyscallError("statx", err)
	}
	if err := unix.Statx(b, "", unix.AT_EMPTY_PATH, mask, &sb); err != nil {
		return false, os.NewSyscallError("statx", err)
	}
	return sa.Mnt_id == sb.Mnt_id && sa.Ino == sb.Ino, nil
}

// setAttributes carries out the options of a mount that is not yet to be seen.
func (m *mount) setAttributes() error {
	o := m.options
	if o.bind && o.propagation == 0 {
		o.propagation, o.deep = unix.MS_PRIVATE, true
	}
	if o.propagation != 0 {
		if err := setAttr(m.tree, o.deep, &unix.MountAttr{Propagation: o.propagation}); err != nil {
			return fmt.Errorf("set the propagation: %w", err)
		}
	}
	if !o.bind && m.kind != TypeTree && !o.copyUp && !o.chown {
		return nil // fsmount has set them
	}
	if o.recursive != 0 {
		if err := setAttr(m.tree, true, &unix.MountAttr{Attr_set: o.recursive}); err != nil {
			return fmt.Errorf("set the options: %w", err)
		}
	}
	if o.clear == 0 {
		return nil
	}
	// EPERM: the host's mount is locked as it is, for instance read-only or noatime. A
	// container cannot get more than that; what it asked to be taken away is.
	err := setAttr(m.tree, false, &unix.MountAttr{Attr_set: o.set, Attr_clr: o.clear})
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("set the options: %w", err)
	}
	return nil
}

func setAttr(fd int, deep bool, attr *unix.MountAttr) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if deep {
		flags |= unix.AT_RECURSIVE
	}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(fd, "", flags, attr))
}

// cloneTree makes a detached copy of the mount at a path, or at a descriptor if the path is
// empty; with below, of all mounts below it, too.
func cloneTree(dirfd int, path string, below bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if !below {
		fd, err := unix.OpenTree(dirfd, path, flags)
		// EINVAL: something is mounted below that must not be uncovered; see mount_namespaces(7).
		if !errors.Is(err, unix.EINVAL) {
			return fd, err
		}
	}
	return unix.OpenTree(dirfd, path, flags|unix.AT_RECURSIVE)
}

// cloneBelow makes a detached copy of what is at a path in a detached mount, which it takes
// over. That works only while the mount is attached somewhere: for a moment it is on dir.
func cloneBelow(tree, dir int, unsafePath string) (int, error) {
	defer unix.Close(tree) // only a handle
	if err := place(tree, dir); err != nil {
		return -1, err
	}
	part, err := directory{tree}.find(unsafePath)
	if err != nil {
		return -1, err
	}
	defer unix.Close(part) // only a handle
	clone, err := cloneTree(part, "", true)
	if err != nil {
		return -1, err
	}
	return clone, os.NewSyscallError("umount2", unix.Unmount(entryPath(tree, ""), unix.MNT_DETACH))
}

// place moves a detached mount on top of what a handle refers to.
func place(tree, target int) error {
	err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
}

// under returns the part of a clean path below prefix.
func under(path, prefix string) (rest string, ok bool) {
	if path == prefix {
		return "", true
	}
	return strings.CutPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}
