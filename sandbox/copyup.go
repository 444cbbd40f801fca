package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// copyUp fills the root of a mount that is not yet to be seen with what the image has at its
// mount point, if the mount is empty. Containers that share a volume take turns.
func copyUp(image int, m *mount) error {
	dst, names, err := readDirectory(m.tree, ".")
	if err != nil {
		return err
	}
	defer dst.Close() // read-only
	if len(names) > 0 {
		return nil
	}
	fd := int(dst.Fd())
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		return os.NewSyscallError("flock", err)
	}
	// Somebody may have been faster; the lock ends with dst.
	if _, err := dst.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if names, err = dst.Readdirnames(1); len(names) > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var st, own unix.Stat_t
	if err := errors.Join(unix.Fstat(image, &st), unix.Fstat(fd, &own)); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	c := &copier{top: directory{fd}, device: st.Dev, links: map[uint64]string{}}
	src, names, err := readDirectory(image, ".")
	if err != nil {
		return err
	}
	defer src.Close() // read-only
	if err := c.entries(int(src.Fd()), fd, names, ""); err != nil {
		return err
	}
	// What the mount's options say counts more than what the image has.
	for _, p := range m.options.data {
		switch p.key {
		case "mode":
			st.Mode = own.Mode
		case "uid":
			st.Uid = own.Uid
		case "gid":
			st.Gid = own.Gid
		}
	}
	return finish(int(src.Fd()), fd, &st)
}

// copier copies a tree within one file system.
type copier struct {
	top    directory         // where the copy goes
	device uint64            // of the source
	links  map[uint64]string // inodes with several names: path of the copy
}

func (c *copier) entries(src, dst int, names []string, where string) error {
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(src, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("%s: %w", path.Join(where, name), err)
		}
		if st.Dev != c.device && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			continue // another mount
		}
		if err := c.entry(src, dst, name, where, &st); err != nil {
			return fmt.Errorf("%s: %w", path.Join(where, name), err)
		}
	}
	return nil
}

// entry copies one name. Devices are left out: only root makes these.
func (c *copier) entry(src, dst int, name, where string, st *unix.Stat_t) error {
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		if done, err := c.link(dst, name, where, st.Ino); done || err != nil {
			return err
		}
	}
	switch kind {
	case unix.S_IFDIR:
		return c.directory(src, dst, name, where, st)
	case unix.S_IFREG:
		return copyFile(src, dst, name, st)
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(src, name, buf)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(string(buf[:n]), dst, name); err != nil {
			return err
		}
		return giveTo(dst, name, st)
	case unix.S_IFIFO, unix.S_IFSOCK:
		if err := unix.Mknodat(dst, name, st.Mode, 0); err != nil {
			return err
		}
		if err := giveTo(dst, name, st); err != nil {
			return err
		}
		return unix.Fchmodat(dst, name, st.Mode&0o7777, 0)
	}
	return nil
}

// link makes a further name for an inode that was copied before.
func (c *copier) link(dst int, name, where string, inode uint64) (bool, error) {
	first, ok := c.links[inode]
	if !ok {
		c.links[inode] = path.Join(where, name)
		return false, nil
	}
	dir, err := c.top.find(path.Dir(first))
	if err != nil {
		return false, err
	}
	defer unix.Close(dir) // only a handle
	return true, unix.Linkat(dir, path.Base(first), dst, name, 0)
}

func (c *copier) directory(src, dst int, name, where string, st *unix.Stat_t) error {
	from, names, err := readDirectory(src, name)
	if err != nil {
		return err
	}
	defer from.Close() // read-only
	if err := unix.Mkdirat(dst, name, 0o700); err != nil {
		return err
	}
	to, _, err := readDirectory(dst, name)
	if err != nil {
		return err
	}
	defer to.Close() // read-only
	if err := c.entries(int(from.Fd()), int(to.Fd()), names, path.Join(where, name)); err != nil {
		return err
	}
	return finish(int(from.Fd()), int(to.Fd()), st)
}

func copyFile(src, dst int, name string, st *unix.Stat_t) error {
	in, err := unix.Openat(src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	from := os.NewFile(uintptr(in), name)
	defer from.Close() // read-only
	out, err := unix.Openat(dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(out), name)
	if _, err = io.Copy(to, from); err == nil { // copy_file_range where it works
		err = finish(in, out, st)
	}
	return errors.Join(err, to.Close())
}

// finish gives a copied file or directory the owner, mode, extended attributes and times of
// its original, in the order in which none of them undoes another.
func finish(src, dst int, st *unix.Stat_t) error {
	if err := giveTo(dst, "", st); err != nil {
		return err
	}
	if err := unix.Fchmod(dst, st.Mode&0o7777); err != nil {
		return err
	}
	if err := copyAttributes(src, dst); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, entryPath(dst, ""), []unix.Timespec{st.Atim, st.Mtim}, 0)
}

// giveTo changes the owner. One that the mapping does not have cannot be kept: EINVAL, or
// EPERM for the overflow id.
func giveTo(dir int, name string, st *unix.Stat_t) error {
	err := unix.Fchownat(dir, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// copyAttributes copies extended attributes as far as source and destination have them.
func copyAttributes(src, dst int) error {
	size, err := unix.Flistxattr(src, nil)
	if err != nil || size == 0 {
		return nil // none, or a file system without
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(src, list); err != nil {
		return err
	}
	for name := range bytes.SplitSeq(list[:size], []byte{0}) {
		if !copiedAttribute(string(name)) {
			continue
		}
		if err := copyAttribute(src, dst, string(name)); err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return nil
}

// copiedAttribute leaves out what belongs to the layers' file system or the host's policy.
func copiedAttribute(name string) bool {
	return name != "" && name != "security.selinux" &&
		!strings.HasPrefix(name, "trusted.") && !strings.HasPrefix(name, "user.overlay.")
}

func copyAttribute(src, dst int, name string) error {
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	n, err := unix.Fgetxattr(src, name, value)
	if err != nil {
		return err
	}
	return unix.Fsetxattr(dst, name, value[:n], 0)
}
