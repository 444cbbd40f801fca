package userns

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Kind is a kind of namespace, by its name in /proc/PID/ns.
type Kind string

// The kinds of namespaces; see namespaces(7).
const (
	User    Kind = "user"
	Mount   Kind = "mnt"
	PID     Kind = "pid"
	Network Kind = "net"
	IPC     Kind = "ipc"
	UTS     Kind = "uts"
	Cgroup  Kind = "cgroup"
	Time    Kind = "time"
)

// flag is the kind's CLONE_NEW flag.
func (k Kind) flag() int {
	switch k {
	case User:
		return unix.CLONE_NEWUSER
	case Mount:
		return unix.CLONE_NEWNS
	case PID:
		return unix.CLONE_NEWPID
	case Network:
		return unix.CLONE_NEWNET
	case IPC:
		return unix.CLONE_NEWIPC
	case UTS:
		return unix.CLONE_NEWUTS
	case Cgroup:
		return unix.CLONE_NEWCGROUP
	case Time:
		return unix.CLONE_NEWTIME
	}
	return 0
}

// ErrNotNamespace says that a file is no namespace.
var ErrNotNamespace = errors.New("not a namespace")

// KindOf returns the kind of the namespace that f refers to, an open file of /proc/PID/ns
// or a bind mount of one. Other files give ErrNotNamespace.
func KindOf(f *os.File) (Kind, error) {
	// Other files may know the same number as another request: ask for the file system first.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	if fs.Type == unix.NSFS_MAGIC {
		flag, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Name(), err)
		}
		for _, k := range []Kind{User, Mount, PID, Network, IPC, UTS, Cgroup, Time} {
			if k.flag() == flag {
				return k, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", f.Name(), ErrNotNamespace)
}

// Ownership says whose a namespace is, seen from this process's user namespace: only there,
// or above, does anybody have power over it.
type Ownership string

// The ownerships.
const (
	Ours    Ownership = "this user namespace"
	Below   Ownership = "a user namespace below this one"
	Foreign Ownership = "another user namespace"
)

// Owner returns which user namespace owns the namespace f; see ioctl_ns(2).
func Owner(f *os.File) (Ownership, error) {
	fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		return Foreign, nil // neither this one nor a descendant of it
	}
	if err != nil {
		return "", fmt.Errorf("%s: ask for its owner: %w", f.Name(), err)
	}
	defer unix.Close(fd)
	var owner, own unix.Stat_t
	if err := unix.Fstat(fd, &owner); err != nil {
		return "", fmt.Errorf("%s: look at its owner: %w", f.Name(), err)
	}
	if err := unix.Stat("/proc/self/ns/user", &own); err != nil {
		return "", fmt.Errorf("look at /proc/self/ns/user: %w", err)
	}
	if owner.Dev == own.Dev && owner.Ino == own.Ino {
		return Ours, nil
	}
	return Below, nil
}
