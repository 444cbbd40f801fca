package sandbox

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of a resolution that somebody may want to be endless.
const (
	maxSymlinks = 40 // as the kernel's own; see path_resolution(7)
	maxAttempts = 64 // when paths change below us
)

// directory is an open directory that is the root of every path resolved in it: neither
// ".." nor an absolute symbolic link leads out of it, even while others rename things in it.
type directory struct{ fd int }

// open opens a path that exists. Links of /proc that lead to anywhere (magic links) are refused.
func (d directory) open(unsafePath string, flags int) (int, error) {
	if unsafePath == "" {
		unsafePath = "."
	}
	how := &unix.OpenHow{
		Flags:   uint64(flags) | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range maxAttempts {
		fd, err := unix.Openat2(d.fd, unsafePath, how)
		// EAGAIN: something was renamed while ".." was resolved; see openat2(2).
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}

// find returns a handle (O_PATH) for what is at a path.
func (d directory) find(unsafePath string) (int, error) {
	return d.open(unsafePath, unix.O_PATH)
}

// ensure returns a handle for the directory or file at a path. What is missing is created;
// made, if not nil, is called with each directory that was.
func (d directory) ensure(unsafePath string, isDir bool, made func(fd int) error) (int, error) {
	fd, err := d.find(unsafePath)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAGAIN) {
		fd, err = d.create(unsafePath, isDir, made)
	}
	if err != nil {
		return -1, err
	}
	existing, err := isDirectory(fd)
	switch {
	case err != nil:
	case isDir && !existing:
		err = unix.ENOTDIR
	case !isDir && existing:
		err = unix.EISDIR
	}
	if err != nil {
		_ = unix.Close(fd) // only a handle
		return -1, err
	}
	return fd, nil
}

// create resolves a path one name at a time and creates what is missing, through dangling
// symbolic links too. It holds a handle for each directory on its way and steps back to
// these for "..", so that nothing that moves meanwhile leads it out of the root.
func (d directory) create(unsafePath string, isDir bool, made func(fd int) error) (int, error) {
	start, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, err
	}
	w := &walker{stack: []int{start}, rest: splitPath(unsafePath), isDir: isDir, made: made}
	defer w.close()
	for len(w.rest) > 0 {
		name := w.rest[0]
		w.rest = w.rest[1:]
		if err := w.step(name); err != nil {
			return -1, err
		}
	}
	return w.pop(), nil
}

// walker is a resolution in progress.
type walker struct {
	stack []int    // handles from the root to where it stands
	rest  []string // names still to go
	links int
	isDir bool // whether a missing last name becomes a directory
	made  func(fd int) error
}

func (w *walker) top() int { return w.stack[len(w.stack)-1] }

func (w *walker) pop() int {
	fd := w.top()
	w.stack = w.stack[:len(w.stack)-1]
	return fd
}

func (w *walker) close() {
	for _, fd := range w.stack {
		_ = unix.Close(fd) // only handles
	}
}

// step goes to name in the directory at the top of the stack.
func (w *walker) step(name string) error {
	if name == ".." {
		if isDir, err := isDirectory(w.top()); err != nil || !isDir {
			return errors.Join(err, unix.ENOTDIR)
		}
		if len(w.stack) > 1 {
			_ = unix.Close(w.pop()) // only a handle
		}
		return nil
	}
	fd, err := w.enter(name)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd) // only a handle
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		w.stack = append(w.stack, fd)
		return nil
	}
	defer unix.Close(fd) // only a handle
	return w.follow(fd)
}

// enter opens name without following it, and creates it first if need be.
func (w *walker) enter(name string) (int, error) {
	asDir := w.isDir || len(w.rest) > 0
	for range maxAttempts {
		fd, err := unix.Openat(w.top(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.ENOENT) {
			return fd, err
		}
		if asDir {
			err = unix.Mkdirat(w.top(), name, 0o755)
		} else {
			err = unix.Mknodat(w.top(), name, unix.S_IFREG|0o644, 0)
		}
		if errors.Is(err, unix.EEXIST) {
			continue // somebody was faster: see what it is
		}
		if err != nil {
			return -1, err
		}
		if asDir && w.made != nil {
			if err := w.report(name); err != nil {
				return -1, err
			}
		}
	}
	return -1, unix.EAGAIN
}

// report tells the caller of a directory that was just created.
func (w *walker) report(name string) error {
	fd, err := unix.Openat(w.top(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // only a handle
	return w.made(fd)
}

// follow puts the target of a symbolic link before the rest of the path.
func (w *walker) follow(fd int) error {
	if w.links++; w.links > maxSymlinks {
		return unix.ELOOP
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return err
	}
	target := string(buf[:n])
	if strings.HasPrefix(target, "/") {
		for len(w.stack) > 1 {
			_ = unix.Close(w.pop()) // only a handle
		}
	}
	w.rest = append(splitPath(target), w.rest...)
	return nil
}

// splitPath returns the names of a path, without those that change nothing.
func splitPath(path string) []string {
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

func isDirectory(fd int) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}
