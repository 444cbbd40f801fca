package sandbox

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/sandbox/seccomp"
)

// caller makes the system calls by which a thread gives up rights: for the calling thread
// alone, or for all threads of a process that stays.
type caller struct{ everywhere bool }

// call makes a system call. The directive keeps memory in place that an argument points to.
//
//go:uintptrescapes
func (c caller) call(number, a1, a2, a3 uintptr) unix.Errno {
	if c.everywhere {
		_, _, errno := syscall.AllThreadsSyscall6(number, a1, a2, a3, 0, 0, 0)
		return errno
	}
	_, _, errno := unix.RawSyscall6(number, a1, a2, a3, 0, 0, 0)
	return errno
}

// filter is a compiled seccomp filter.
type filter struct {
	program []unix.SockFilter
	flags   seccomp.Flags
}

// compileFilters makes the filters of the workload's system calls. They add up: where
// emulation answers for the kernel, the profile can still say no.
func (s *setup) compileFilters() error {
	if s.spec.Annotations[AnnotationEmulate] == "true" {
		program, err := seccomp.EmulateIDs()
		if err != nil {
			return err
		}
		s.filters = append(s.filters, filter{program, seccomp.SpecAllow})
	}
	profile := s.spec.Linux.Seccomp
	if profile == nil {
		return nil
	}
	program, err := seccomp.Compile(profile)
	if err != nil {
		return err
	}
	flags, err := seccomp.ParseFlags(profile.Flags)
	if err != nil {
		return err
	}
	s.filters = append(s.filters, filter{program, flags})
	return nil
}

// drop gives up everything that the workload is not to have. From its first filter on, the
// workload's rules hold for init, too, so that little may follow it.
func (s *setup) drop(c caller) error {
	own, err := ownCaps()
	if err != nil {
		return err
	}
	caps, err := planCaps(s.spec.Process.Capabilities, s.user.uid == 0, own)
	if err != nil {
		return err
	}
	if err := c.dropBounding(caps.bounding); err != nil {
		return err
	}
	// Without no_new_privs a filter can be loaded by CAP_SYS_ADMIN only, that is now.
	if !s.spec.Process.NoNewPrivileges {
		if err := s.loadFilters(c); err != nil {
			return err
		}
	}
	if err := s.becomeUser(c); err != nil {
		return err
	}
	if err := c.setCaps(caps); err != nil {
		return err
	}
	if !s.spec.Process.NoNewPrivileges {
		return nil
	}
	if errno := c.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", errno)
	}
	return s.loadFilters(c)
}

func (s *setup) loadFilters(c caller) error {
	for _, f := range s.filters {
		flags := f.flags
		if c.everywhere {
			flags |= seccomp.AllThreads
		}
		if err := seccomp.Load(f.program, flags); err != nil {
			return err
		}
	}
	return nil
}

// becomeUser takes on the workload's ids and keeps the capabilities for setCaps to choose from.
func (s *setup) becomeUser(c caller) error {
	if s.setgroups && !s.keepsGroups() {
		groups := append([]uint32{s.user.gid}, s.user.groups...)
		if errno := c.call(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
			return fmt.Errorf("set the supplementary groups: %w", errno)
		}
	}
	gid, uid := uintptr(s.user.gid), uintptr(s.user.uid)
	if errno := c.call(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("become group %d: %w", gid, errno)
	}
	if errno := c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl PR_SET_KEEPCAPS", errno)
	}
	if errno := c.call(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("become user %d: %w", uid, errno)
	}
	// A change of ids takes the death signal away, so it is asked for here: when the monitor
	// is killed, the container ends with it; see PR_SET_PDEATHSIG in prctl(2).
	if errno := c.call(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0); errno != 0 {
		return os.NewSyscallError("prctl PR_SET_PDEATHSIG", errno)
	}
	return nil
}
