package seccomp

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Flags tell the kernel how to apply a filter; see seccomp(2).
type Flags uint

const (
	// Log asks for a line in the audit log for every answer but "allow".
	Log Flags = unix.SECCOMP_FILTER_FLAG_LOG
	// SpecAllow leaves speculative store bypass as it is instead of slowing the process down.
	SpecAllow Flags = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	// AllThreads applies the filter to every thread of the process; see Load.
	AllThreads Flags = unix.SECCOMP_FILTER_FLAG_TSYNC
)

// ParseFlags translates the flags of a profile; a profile without any gets SpecAllow, as in
// runc. SECCOMP_FILTER_FLAG_TSYNC and ..._WAIT_KILLABLE_RECV are accepted without effect: the
// first would only reach threads that end with the coming exec, the second speaks of notifications.
func ParseFlags(names []specs.LinuxSeccompFlag) (Flags, error) {
	if names == nil {
		return SpecAllow, nil
	}
	var flags Flags
	for _, name := range names {
		switch name {
		case specs.LinuxSeccompFlagLog:
			flags |= Log
		case specs.LinuxSeccompFlagSpecAllow:
			flags |= SpecAllow
		case specs.LinuxSeccompFlagWaitKillableRecv, "SECCOMP_FILTER_FLAG_TSYNC":
		default:
			return 0, fmt.Errorf("unknown seccomp flag %q", name)
		}
	}
	return flags, nil
}

// LoadError reports that the kernel refused a filter.
type LoadError struct{ Cause error }

func (e *LoadError) Error() string { return fmt.Sprintf("load seccomp filter: %v", e.Cause) }

// Unwrap returns the kernel's error number.
func (e *LoadError) Unwrap() error { return e.Cause }

// Hint names what must have been missing.
func (e *LoadError) Hint() string {
	switch {
	case errors.Is(e.Cause, unix.EACCES):
		return "a filter needs CAP_SYS_ADMIN in the user namespace, or no_new_privs"
	case errors.Is(e.Cause, unix.ENOSYS), errors.Is(e.Cause, unix.EINVAL):
		return "the kernel may lack CONFIG_SECCOMP_FILTER; --security-opt seccomp=unconfined does without"
	}
	return ""
}

// Load puts a filter before every further system call of the calling thread, of the threads
// and processes that it starts, and of the programs that they execute. Filters add up: each
// can only take away. The caller has CAP_SYS_ADMIN in its user namespace or has set
// no_new_privs (EACCES otherwise).
//
// An init that will exec calls it without AllThreads, on a thread locked to its goroutine, and
// execs from that thread: exec ends all others, so they need no filter, and Go's runtime goes on
// to use calls on them that the filter may not allow (it may even kill for them). Between Load
// and exec only raw system calls belong. AllThreads is for a process that stays what it is.
func Load(filter []unix.SockFilter, flags Flags) error {
	if len(filter) == 0 {
		return &LoadError{unix.EINVAL}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.RawSyscall(unix.SYS_SECCOMP,
		unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	switch {
	case errno != 0:
		return &LoadError{errno}
	case thread != 0: // with AllThreads: one that has a filter of its own
		return &LoadError{fmt.Errorf("thread %d has another filter", thread)}
	}
	return nil
}
