package userns

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Capabilities are the numbers of all capabilities that the running kernel has, for
// syscall.SysProcAttr.AmbientCaps: a process whose ids are not mapped, or not root, keeps
// them through exec only so.
func Capabilities() []uintptr {
	var all []uintptr
	// EINVAL: the first number that is none; see prctl(2). No file of /proc is needed.
	for c := uintptr(0); ; c++ {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); err != nil {
			return all
		}
		all = append(all, c)
	}
}

// Arrive is the first thing that a program of Start's does; its ids need not be mapped yet.
// It clears the ambient capabilities of all threads, so that what the program runs gets
// none by mistake; the program keeps its own. If the machine leaves these without effect,
// the error is a *ForbiddenError.
func Arrive() error {
	// Every thread has ambient capabilities of its own, and any may start a process.
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("clear the ambient capabilities: %w", errno)
	}
	return ArriveAmbient()
}

// ArriveAmbient is Arrive for a program all of whose children are to have its capabilities:
// it leaves the ambient ones alone, and so need not stop the threads, which takes a
// millisecond while they all come up.
func ArriveAmbient() error {
	// Changes nothing, and is refused where AppArmor takes the capabilities' power away.
	if err := unix.Chroot("/"); err != nil {
		return &ForbiddenError{Cause: Powerless, Err: os.NewSyscallError("chroot", err)}
	}
	return nil
}

// BecomeRoot makes all threads uid 0 and gid 0 of the user namespace, once these are
// mapped. Supplementary groups stay as they are. A change of ids takes the death signal
// away: dieWithParent, as in Options, asks for it again.
func BecomeRoot(dieWithParent bool) error {
	if err := syscall.Setresgid(0, 0, 0); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		return os.NewSyscallError("setresuid", err)
	}
	if dieWithParent {
		// That of one thread would do, if only it lived as long as the process.
		if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0); errno != 0 {
			return fmt.Errorf("ask for the death signal: %w", errno)
		}
	}
	return nil
}
