package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// attachRoot puts the root's detached mount on top of "/". Absolute paths go on to mean the
// host's, since a path walk begins below what is stacked on its starting point; the
// container's are resolved from the descriptor of its root. Nothing of the host serves as a
// mount point, so that there is nothing to create and nothing to race for.
func (s *setup) attachRoot() error {
	// Slave, not private: a bind must be able to go on receiving the host's mounts.
	slave := &unix.MountAttr{Propagation: unix.MS_SLAVE}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, slave); err != nil {
		return kernelTooOld("mount_setattr", err)
	}
	err := unix.MoveMount(s.root.fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
}

// pivot makes the container's root the root of this process and takes all of the host's
// mounts away.
func (s *setup) pivot() error {
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/", Err: err}
	}
	defer unix.Close(old) // only a handle
	if err := unix.Fchdir(s.root.fd); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	// The old root lands on top of the new one, where only its descriptor still finds it;
	// see pivot_root(2) about the two dots.
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Fchdir(old); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount2", err)
	}
	return os.NewSyscallError("chdir", unix.Chdir("/"))
}

// finishRoot gives the root mount its last properties: what is below has its own.
func (s *setup) finishRoot() error {
	attr := &unix.MountAttr{}
	if s.spec.Root.Readonly {
		attr.Attr_set = unix.MOUNT_ATTR_RDONLY
	}
	if word := s.spec.Linux.RootfsPropagation; word != "" {
		var ok bool
		if attr.Propagation, ok = propagations[strings.TrimPrefix(word, "r")]; !ok {
			return fmt.Errorf("propagation %q is unknown", word)
		}
	}
	if *attr == (unix.MountAttr{}) {
		return nil
	}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(s.root.fd, "", unix.AT_EMPTY_PATH, attr))
}

// kernelTooOld explains a system call that does not exist.
func kernelTooOld(call string, err error) error {
	if errors.Is(err, unix.ENOSYS) {
		return hinted("rlc needs Linux 5.12 or later", "%s: %w", call, err)
	}
	return os.NewSyscallError(call, err)
}
