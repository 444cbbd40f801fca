package fuseoverlay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// copyAttributes gives a file or directory owner, mode, extended attributes and times of another.
func copyAttributes(from, to int, st *unix.Stat_t) error {
	// Owner first: a change of it takes set-id bits and file capabilities away; see chown(2).
	if err := setOwnerModeTimes(to, "", st); err != nil {
		return err
	}
	names, err := list(from)
	if err != nil || len(names) == 0 {
		return err
	}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names, []byte{0}), []byte{0}) {
		if err := copyAttribute(from, to, string(name)); err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	return nil
}

// setOwnerModeTimes makes fd look like st. An owner that is not mapped here cannot be given:
// it would be shown as nobody, and the caller's root takes its place.
func setOwnerModeTimes(fd int, name string, st *unix.Stat_t) error {
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, unix.EINVAL) {
		return &os.PathError{Op: "fchown", Path: name, Err: err}
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return &os.PathError{Op: "fchmod", Path: name, Err: err}
	}
	// An empty path with AT_EMPTY_PATH is newer than the kernels we serve; a descriptor's own link in /proc is not.
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, procFD(fd), times(st), 0); err != nil {
		return &os.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}

func times(st *unix.Stat_t) []unix.Timespec { return []unix.Timespec{st.Atim, st.Mtim} }

// list gives the names of fd's extended attributes, each with a zero byte behind it.
func list(fd int) ([]byte, error) {
	for size := 256; ; {
		buf := make([]byte, size)
		n, err := unix.Flistxattr(fd, buf)
		switch {
		case err == nil:
			return buf[:n], nil
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case !errors.Is(err, unix.ERANGE):
			return nil, os.NewSyscallError("flistxattr", err)
		}
		size *= 8 // the kernel's limit is 64 KiB
	}
}

// copyAttribute copies one attribute, unless it is meant for the layers or for the host, or
// the target keeps none of its kind.
func copyAttribute(from, to int, name string) error {
	for _, prefix := range []string{"user.overlay.", "trusted.overlay.", "user.fuseoverlayfs."} {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	if strings.HasPrefix(name, "security.") && name != "security.capability" {
		return nil // labels and signatures of the host
	}
	for size := 256; ; {
		value := make([]byte, size)
		n, err := unix.Fgetxattr(from, name, value)
		if errors.Is(err, unix.ERANGE) && size < 1<<16 {
			size *= 16 // the kernel's limit is 64 KiB
			continue
		}
		if err == nil {
			err = unix.Fsetxattr(to, name, value[:n], 0)
		}
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODATA) {
			return nil
		}
		return err
	}
}
