package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// chownVolumes gives what is mounted with OptionChown to the workload's user.
func (s *setup) chownVolumes() error {
	for _, m := range s.mounts {
		if !m.options.chown || m.absent {
			continue
		}
		if err := s.chownTree(m.origin); err != nil {
			return fmt.Errorf("%s: %w", m.destination, err)
		}
		if m.late() {
			if err := m.setAttributes(); err != nil {
				return fmt.Errorf("%s: %w", m.destination, err)
			}
		}
		_ = unix.Close(m.origin) // only a handle
	}
	return nil
}

func (s *setup) chownTree(top int) error {
	uid, gid := s.user.uid, s.user.gid
	err := walkTree(top, func(dir int, name string, st *unix.Stat_t) error {
		if st.Uid == uid && st.Gid == gid {
			return nil
		}
		return unix.Fchownat(dir, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
	})
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return hinted("only files of ids that the container has can be given away", "%w", err)
	}
	return err
}

// sharedLabel is what every SELinux container may use.
const sharedLabel = "system_u:object_r:container_file_t:s0"

// relabelVolumes sets the SELinux labels that the spec asks for; without SELinux there is nothing to do.
func (s *setup) relabelVolumes() error {
	if unix.Access("/sys/fs/selinux/enforce", unix.F_OK) != nil {
		return nil
	}
	for _, m := range s.mounts {
		if m.origin == 0 || !m.options.relabel && !m.options.relabelPrivate {
			continue
		}
		label := sharedLabel
		if m.options.relabelPrivate && s.spec.Linux.MountLabel != "" {
			label = s.spec.Linux.MountLabel
		}
		err := walkTree(m.origin, func(dir int, name string, _ *unix.Stat_t) error {
			err := unix.Lsetxattr(entryPath(dir, name), "security.selinux", []byte(label), 0)
			if errors.Is(err, unix.ENOTSUP) {
				return nil // for instance NFS: one label for all of it
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.spec.Source, err)
		}
	}
	return nil
}

// entryPath is a path to an entry of an open directory, or to what is open itself, for calls that
// take no descriptor. It does not depend on where the directory is or goes.
func entryPath(dir int, name string) string {
	return strings.TrimSuffix("/proc/self/fd/"+strconv.Itoa(dir)+"/"+name, "/")
}

// walkTree calls visit for what top refers to, with an empty name, and then for everything below it
// in the same file system. It follows no symbolic links.
func walkTree(top int, visit func(dir int, name string, st *unix.Stat_t) error) error {
	var st unix.Stat_t
	if err := unix.Fstat(top, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if err := visit(top, "", &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	return walkDirectory(top, ".", st.Dev, visit)
}

func walkDirectory(parent int, name string, dev uint64, visit func(dir int, name string, st *unix.Stat_t) error) error {
	dir, names, err := readDirectory(parent, name)
	if err != nil {
		return err
	}
	defer dir.Close() // read-only
	fd := int(dir.Fd())
	for _, name := range names {
		var st unix.Stat_t
		err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) {
			continue // just removed
		}
		if err == nil && st.Dev == dev {
			err = visit(fd, name, &st)
			if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
				err = walkDirectory(fd, name, dev, visit)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readDirectory opens a directory, which must not be a symbolic link, and lists it.
func readDirectory(parent int, name string) (*os.File, []string, error) {
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	names, err := dir.Readdirnames(-1)
	if err != nil {
		_ = dir.Close() // read-only
		return nil, nil, err
	}
	return dir, names, nil
}
