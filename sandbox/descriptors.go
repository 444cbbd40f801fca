package sandbox

import (
	"fmt"
	"math"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/wire"
)

// preservedCount is how many descriptors beyond the standard streams the workload gets.
func preservedCount(spec *specs.Spec) (int, error) {
	word := spec.Annotations[AnnotationPreserveFDs]
	if word == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 || n > wire.MaxFiles {
		return 0, fmt.Errorf("annotation %s: %q is not a number from 0 to %d", AnnotationPreserveFDs, word, wire.MaxFiles)
	}
	return n, nil
}

// inherited are the descriptors of the workload, from 0 on.
func (s *setup) inherited() []uintptr {
	var fds []uintptr
	for i := range 3 {
		fds = append(fds, s.stdio[min(i, len(s.stdio)-1)].Fd())
	}
	for _, f := range s.preserve {
		fds = append(fds, f.Fd())
	}
	return fds
}

// arrangeDescriptors gives this thread a table of descriptors of its own, in which only the
// workload's survive an exec. The other threads keep theirs: the workload's descriptor 3
// may be what the Go runtime polls with, and report must still find its socket.
func (s *setup) arrangeDescriptors() error {
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return os.NewSyscallError("unshare CLONE_FILES", err)
	}
	fds := s.inherited()
	for i, fd := range fds { // out of each other's way first
		high, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, len(fds))
		if err != nil {
			return os.NewSyscallError("fcntl F_DUPFD", err)
		}
		fds[i] = uintptr(high)
	}
	for i, fd := range fds {
		if err := unix.Dup3(int(fd), i, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	err := unix.CloseRange(uint(len(fds)), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	return os.NewSyscallError("close_range", err)
}

// release closes all that init has open but for its connection and the runtime's own: for an
// init that stays. Its standard streams become what it was born with at 0, /dev/null.
func (s *setup) release() error {
	for _, list := range [][]*os.File{s.trees, s.stdio, s.preserve, {s.master}} {
		for _, f := range list {
			_ = f.Close() // the workload has its own; nil is an error too
		}
	}
	for _, fd := range s.placed {
		_ = unix.Close(fd) // only a handle
	}
	if s.empty != 0 {
		_ = unix.Close(s.empty) // only a handle
	}
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(0, fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}
