package fuseoverlay

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stack is the layers, opened. The drivers name them /proc/self/fd/N: short, so that the
// limits on option strings do not matter, and free of the colons, commas, backslashes and
// newlines that a directory's own name may have.
type stack struct {
	layers      Layers
	lower       []*os.File // O_PATH
	upper, work *os.File   // nil when the tree is read-only
	fresh       bool       // no driver has used work yet
	copied      bool       // upper is the whole tree, left by Copy
	stale       bool       // see Mount.Stale
}

// Names that a driver leaves in the work directory: the kernel's mark of a volatile mount,
// and Copy's unfinished tree and its mark of a finished one.
const (
	volatileMark = "work/incompat/volatile"
	unfinished   = "copy"
	finished     = "copied"
)

func openStack(l Layers) (*stack, error) {
	switch {
	case len(l.Lower) == 0:
		return nil, errors.New("stack the layers: there are none")
	case (l.Upper == "") != (l.Work == ""):
		return nil, errors.New("stack the layers: an upper and a work directory go together")
	}
	s := &stack{layers: l}
	if err := s.open(); err != nil {
		s.close()
		return nil, fmt.Errorf("stack the layers: %w", err)
	}
	return s, nil
}

func (s *stack) open() error {
	for _, dir := range s.layers.Lower {
		f, err := openDir(dir, unix.O_PATH)
		if err != nil {
			return err
		}
		s.lower = append(s.lower, f)
	}
	if s.layers.Upper == "" {
		return nil
	}
	var err error
	if s.upper, err = openDir(s.layers.Upper, unix.O_RDONLY); err != nil {
		return err
	}
	if s.work, err = openDir(s.layers.Work, unix.O_RDONLY); err != nil {
		return err
	}
	return s.inspect()
}

// openDir opens a directory without the attempts to poll it that os.Open makes: with 60 layers they add up.
func openDir(name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// inspect finds out what earlier mounts left in the work directory.
func (s *stack) inspect() error {
	names, err := s.work.Readdirnames(-1)
	if err != nil {
		return err
	}
	s.fresh = len(names) == 0
	has := make(map[string]bool, len(names))
	for _, n := range names {
		has[n] = true
	}
	s.copied = has[finished] && !has[unfinished]
	if s.fresh {
		return s.adoptRoot()
	}
	return s.forgetVolatile()
}

// adoptRoot makes a new upper directory look like the image's root directory, which it hides.
func (s *stack) adoptRoot() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.lower[0].Fd()), &st); err != nil {
		return &os.PathError{Op: "fstat", Path: s.layers.Lower[0], Err: err}
	}
	return setOwnerModeTimes(int(s.upper.Fd()), s.layers.Upper, &st)
}

// forgetVolatile removes the mark with which the kernel refuses an upper directory that was
// mounted volatile before; see "Volatile mount" in the kernel's overlayfs.rst. The mark
// stays even after an orderly unmount. Only a crash of the whole machine can have lost what was
// written then, so its age decides whether there is something to warn of.
func (s *stack) forgetVolatile() error {
	dir := int(s.work.Fd())
	var st unix.Stat_t
	err := unix.Fstatat(dir, volatileMark, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		err = unix.Unlinkat(dir, volatileMark+"/dirty", 0)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		err = unix.Unlinkat(dir, volatileMark, unix.AT_REMOVEDIR)
	}
	if err != nil {
		return &os.PathError{Op: "remove", Path: s.layers.Work + "/" + volatileMark, Err: err}
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	s.stale = time.Unix(st.Ctim.Unix()).Before(time.Now().Add(-time.Duration(up.Nano())))
	return nil
}

func (s *stack) close() {
	for _, f := range append(s.lower, s.upper, s.work) {
		if f != nil {
			_ = f.Close() // opened for looking only
		}
	}
}

// lowers lists the lower layers as overlayfs's and fuse-overlayfs's lowerdir wants them.
func lowers(fds []int) string {
	names := make([]string, len(fds))
	for i, fd := range fds {
		names[i] = procFD(fd)
	}
	return strings.Join(names, ":")
}

func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
