package userns

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cause is why a machine does not let people have user namespaces.
type Cause string

// The causes, worded to stand behind "user namespaces are forbidden: ".
const (
	Disabled     Cause = "user.max_user_namespaces is 0"
	Exhausted    Cause = "there are too many of them, or they are nested too deeply"
	DebianSwitch Cause = "kernel.unprivileged_userns_clone is 0"
	AppArmor     Cause = "AppArmor restricts them"
	SELinux      Cause = "SELinux denies them"
	Seccomp      Cause = "a seccomp filter of the container or service that rlc runs in denies them"
	Unmapped     Cause = "your own uid or gid is not mapped in the user namespace that rlc was started in"
	Unsupported  Cause = "this kernel has none"
	Powerless    Cause = "capabilities have no effect in them"
	Unknown      Cause = "the kernel does not say why"
)

// ForbiddenError reports that the machine refuses user namespaces, or leaves them useless.
type ForbiddenError struct {
	Cause   Cause
	Profile string // AppArmor: the text of a profile that would allow them
	Err     error  // what the kernel answered
}

// Error names the cause and the kernel's answer.
func (e *ForbiddenError) Error() string {
	message := "user namespaces are forbidden: " + string(e.Cause)
	if e.Err != nil {
		message += fmt.Sprintf(" (%v)", e.Err)
	}
	return message
}

// Unwrap returns the kernel's answer.
func (e *ForbiddenError) Unwrap() error { return e.Err }

// Hint says what an administrator can do.
func (e *ForbiddenError) Hint() string {
	switch e.Cause {
	case Disabled:
		return "ask an administrator: sysctl -w user.max_user_namespaces=65536, and the same line in /etc/sysctl.d"
	case Exhausted:
		return "end other containers, or ask an administrator to raise user.max_user_namespaces; the kernel nests at most 32 deep"
	case DebianSwitch:
		return "ask an administrator: sysctl -w kernel.unprivileged_userns_clone=1, and the same line in /etc/sysctl.d"
	case AppArmor:
		return "ask an administrator to write this into " + profileFile + " and to run apparmor_parser -r " + profileFile + ":\n" + e.Profile
	case SELinux:
		return "ask an administrator what the audit log says: ausearch -m avc -c rlc"
	case Seccomp:
		return "start that container with another seccomp profile (docker run --security-opt seccomp=unconfined), or run rlc outside of it"
	case Unmapped:
		return "run rlc as a user whose ids exist here: see /proc/self/uid_map and /proc/self/gid_map"
	case Unsupported:
		return "rlc needs Linux 5.12 or later with CONFIG_USER_NS"
	case Powerless:
		return "ask an administrator whether AppArmor or another security module restricts user namespaces"
	}
	return "inside a chroot the kernel allows none; otherwise ask an administrator for the security modules of this machine"
}

// Restriction returns a *ForbiddenError when a setting of the machine is known to take the
// power out of user namespaces that this process may well create. It is for finding the
// cause when something inside was refused (EPERM, EACCES): a setting alone is no failure.
func Restriction() error {
	if profile, restricted := apparmorRestriction(); restricted {
		return &ForbiddenError{Cause: AppArmor, Profile: profile}
	}
	return nil
}

// explain adds the machine's reasons to the error of starting program.
func explain(program string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	forbidden := &ForbiddenError{Err: err}
	switch errno {
	case unix.ENOSPC, unix.EUSERS:
		forbidden.Cause = Exhausted
		if sysctl("user/max_user_namespaces") == "0" {
			forbidden.Cause = Disabled
		}
	case unix.EINVAL, unix.ENOSYS:
		forbidden.Cause = Unsupported
		if _, statErr := os.Stat("/proc/self/ns/user"); statErr == nil {
			return err
		}
	case unix.EPERM, unix.EACCES:
		if unix.Access(program, unix.X_OK) != nil {
			return err // the program itself may not be executed
		}
		forbidden.Cause, forbidden.Profile = refusal(errno)
	default:
		return err
	}
	return forbidden
}

// refusal finds out who denied a user namespace, the surest signs first.
func refusal(errno syscall.Errno) (cause Cause, profile string) {
	if sysctl("kernel/unprivileged_userns_clone") == "0" && unix.Geteuid() != 0 {
		return DebianSwitch, ""
	}
	if profile, restricted := apparmorRestriction(); restricted {
		return AppArmor, profile
	}
	if enforce, err := os.ReadFile("/sys/fs/selinux/enforce"); err == nil && string(enforce) == "1" && errno == unix.EACCES {
		return SELinux, ""
	}
	if unmapped() {
		return Unmapped, ""
	}
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err == nil && mode != 0 {
		return Seccomp, ""
	}
	return Unknown, ""
}

// sysctl returns a kernel setting, empty if this kernel does not have it.
func sysctl(name string) string {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// unmapped says whether this process seems to have ids that its user namespace does not
// map, which then look like this one; see user_namespaces(7).
func unmapped() bool {
	const overflow = 65534
	uids, err := os.ReadFile("/proc/self/uid_map")
	initial := strings.Join(strings.Fields(string(uids)), " ") == "0 0 4294967295"
	return err == nil && !initial && (unix.Geteuid() == overflow || unix.Getegid() == overflow)
}
