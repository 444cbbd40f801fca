package idmap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Apply writes the maps of the user namespace that the process pid is in, a child of this
// process that nobody has reaped yet. It may run while that process already works. What
// went wrong comes back as a *HelperError, *NotGrantedError, *MapError or *ForbiddenError;
// the namespace is of no use then.
func (p Plan) Apply(ctx context.Context, pid int) error {
	if err := bothSides(p.UID.Validate(), p.GID.Validate()); err != nil {
		return err
	}
	if !p.Helpers {
		return p.write(pid)
	}
	uid, err := startWriter("newuidmap", subuidFile, pid, p.UID)
	if err != nil {
		return err
	}
	gid, err := startWriter("newgidmap", subgidFile, pid, p.GID)
	uidErr := uid.wait(ctx)
	if err != nil {
		return errors.Join(uidErr, err)
	}
	gidErr := gid.wait(ctx)
	// Both usually fail for one cause, which is worth saying once.
	if uidErr != nil {
		return uidErr
	}
	return gidErr
}

// write writes the maps directly: a single id may be mapped by its owner, any by root.
func (p Plan) write(pid int) error {
	dir := fmt.Sprintf("/proc/%d/", pid)
	if p.Single && syscall.Geteuid() != 0 {
		// Without it nobody unprivileged may write gid_map: dropping a group could open files
		// that deny access to that group; see user_namespaces(7).
		if err := write(dir+"setgroups", "deny"); err != nil {
			return err
		}
	}
	if err := write(dir+"uid_map", p.UID.String()); err != nil {
		return err
	}
	return write(dir+"gid_map", p.GID.String())
}

// write passes text in one write(2), the only way that a map can be written.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		_ = f.Close() // the kernel has answered already
	}
	if errors.Is(err, fs.ErrPermission) {
		return &ForbiddenError{Err: err, Root: syscall.Geteuid() == 0}
	}
	return err
}

// ForbiddenError reports that the kernel does not let this process write a map.
type ForbiddenError struct {
	Err  error // an *fs.PathError
	Root bool  // the process is root
}

// Error names the file.
func (e *ForbiddenError) Error() string { return e.Err.Error() }

// Unwrap returns the kernel's answer.
func (e *ForbiddenError) Unwrap() error { return e.Err }

// Hint says what the kernel wants to see.
func (e *ForbiddenError) Hint() string {
	if e.Root {
		return "give the container that rlc runs in the capabilities CAP_SETUID and CAP_SETGID, or run rlc there as an ordinary user"
	}
	return "user namespaces are restricted on this machine or in this container; ask an administrator whether AppArmor, SELinux or a seccomp profile forbids them"
}
