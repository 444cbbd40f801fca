package fuseoverlay

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// copyEntries copies some entries of one directory.
func (m *merger) copyEntries(dir string, entries []entry) error {
	to, err := openBelow(m.target, dir)
	if err != nil {
		return err
	}
	defer to.Close()
	var from *os.File
	layer := -1
	defer func() { _ = from.Close() }() // read only; nil is fine
	for _, e := range entries {
		if m.failed() {
			return nil
		}
		if e.layer != layer { // entries of a layer lie side by side
			_ = from.Close() // read only; nil is fine
			if from, err = openBelow(m.lower[e.layer], dir); err != nil {
				return err
			}
			layer = e.layer
		}
		if err := m.copyEntry(from, to, dir, &e); err != nil {
			return fmt.Errorf("copy %q: %w", path.Join(dir, e.name), err)
		}
	}
	return nil
}

// copyEntry makes e, or, if another name of it has been made, a link to that.
func (m *merger) copyEntry(from, to *os.File, dir string, e *entry) error {
	if e.stat.Nlink < 2 {
		return m.create(from, to, e)
	}
	l, first := m.links.claim(linkKey{e.layer, e.stat.Dev, e.stat.Ino}, dir, e.name)
	if first {
		defer close(l.made)
		return m.create(from, to, e)
	}
	<-l.made
	old, err := openBelow(m.target, l.dir)
	if err != nil {
		return err
	}
	defer old.Close()
	err = unix.Linkat(int(old.Fd()), l.name, int(to.Fd()), e.name, 0)
	if errors.Is(err, unix.EMLINK) || errors.Is(err, unix.ENOENT) {
		return m.create(from, to, e) // the target allows fewer links; or the first was a device that may not be made
	}
	return err
}

// create makes e anew.
func (m *merger) create(from, to *os.File, e *entry) error {
	switch e.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return m.createFile(from, to, e)
	case unix.S_IFLNK:
		text, err := readlinkat(from, e)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(text, int(to.Fd()), e.name); err != nil {
			return err
		}
	default:
		err := unix.Mknodat(int(to.Fd()), e.name, e.stat.Mode&unix.S_IFMT|0o600, int(e.stat.Rdev))
		if errors.Is(err, unix.EPERM) {
			return nil // devices belong to the host; a container's come from its /dev
		}
		if err != nil {
			return err
		}
	}
	err := unix.Fchownat(int(to.Fd()), e.name, int(e.stat.Uid), int(e.stat.Gid), unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: not mapped here; see setOwnerModeTimes
		return err
	}
	if e.stat.Mode&unix.S_IFMT != unix.S_IFLNK { // after the owner, whose change takes set-id bits away
		if err := unix.Fchmodat(int(to.Fd()), e.name, e.stat.Mode&0o7777, 0); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(int(to.Fd()), e.name, times(&e.stat), unix.AT_SYMLINK_NOFOLLOW)
}

func (m *merger) createFile(from, to *os.File, e *entry) error {
	in, err := unix.Openat(int(from.Fd()), e.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	out, err := unix.Openat(int(to.Fd()), e.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	err = m.cloner.copy(in, out, &e.stat, m.failed)
	if err == nil {
		err = copyAttributes(in, out, &e.stat)
	}
	// A network file system may report a full disk only now; see close(2).
	return errors.Join(err, unix.Close(out))
}

func readlinkat(from *os.File, e *entry) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(from.Fd()), e.name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// links remembers the files that have several names in a layer.
type links struct {
	mu   sync.Mutex
	made map[linkKey]*link
}

// linkKey is a file of a layer. Layers that share files do not share them in the tree.
type linkKey struct {
	layer    int
	dev, ino uint64
}

// link is the first name of such a file, complete once made is closed.
type link struct {
	dir, name string
	made      chan struct{}
}

// claim gives the first name of a file, and whether it is the one just claimed.
func (l *links) claim(k linkKey, dir, name string) (*link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.made[k]; ok {
		return old, false
	}
	l.made[k] = &link{dir: dir, name: name, made: make(chan struct{})}
	return l.made[k], true
}
