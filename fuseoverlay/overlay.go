package fuseoverlay

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// overlay mounts the kernel's overlay file system.
func (s *stack) overlay(o Options) (*os.File, error) {
	if s.upper == nil && len(s.lower) == 1 {
		return clone(s.lower[0], true)
	}
	if err := s.checkUpper(); err != nil {
		return nil, err
	}
	tree, err := s.fsmount(o.Volatile)
	if errors.Is(err, unix.EINVAL) && o.Scratch != "" {
		// Before Linux 6.8 layers cannot be given one by one, and no option string may exceed 255 bytes
		// in fsconfig(2); mount(2) takes a page. A real EINVAL comes back the same way.
		if tree, older := s.mountData(o); older == nil {
			return tree, nil
		}
	}
	return tree, err
}

// checkUpper refuses an upper directory on which overlayfs would mount but not work: it
// needs attributes to remember directories that hide those below them, and says so only
// when a program comes to make one.
func (s *stack) checkUpper() error {
	if s.upper == nil {
		return nil
	}
	_, err := unix.Fgetxattr(int(s.work.Fd()), "user.overlay.opaque", nil)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return &UnavailableError{Cause: fmt.Sprintf("%s is on %s, which keeps no extended attributes of users", s.layers.Upper, fileSystem(s.upper))}
	}
	return nil
}

// fsmount mounts with the interface that takes the layers one by one.
func (s *stack) fsmount(volatile bool) (*os.File, error) {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if errors.Is(err, unix.ENODEV) {
		return nil, &UnavailableError{Cause: "the kernel has no overlay file system", Remedy: "ask an administrator: modprobe overlay"}
	}
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	config := os.NewFile(uintptr(fd), "overlay")
	defer config.Close()
	err = unix.FsconfigSetString(fd, "source", "overlay")
	for _, l := range s.lower {
		if err == nil {
			err = unix.FsconfigSetString(fd, "lowerdir+", procFD(int(l.Fd())))
		}
	}
	var attributes int
	if s.upper == nil {
		attributes = unix.MOUNT_ATTR_RDONLY
	} else if err == nil {
		if err = unix.FsconfigSetString(fd, "upperdir", procFD(int(s.upper.Fd()))); err == nil {
			err = unix.FsconfigSetString(fd, "workdir", procFD(int(s.work.Fd())))
		}
		if volatile && err == nil {
			err = unix.FsconfigSetFlag(fd, "volatile")
		}
	}
	if err == nil {
		err = unix.FsconfigSetFlag(fd, "userxattr")
	}
	if err == nil {
		err = unix.FsconfigCreate(fd)
	}
	if err != nil {
		return nil, s.refused(err, complaint(config))
	}
	tree, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return nil, s.refused(err, complaint(config))
	}
	return os.NewFile(uintptr(tree), "overlay"), nil
}

// mountData mounts with all options in one string, on the scratch directory for a moment.
func (s *stack) mountData(o Options) (*os.File, error) {
	fds := make([]int, len(s.lower))
	for i, l := range s.lower {
		fds[i] = int(l.Fd())
	}
	data := "userxattr,lowerdir=" + lowers(fds)
	if s.upper != nil {
		data += ",upperdir=" + procFD(int(s.upper.Fd())) + ",workdir=" + procFD(int(s.work.Fd()))
		if o.Volatile {
			data += ",volatile"
		}
	}
	if len(data) >= os.Getpagesize() {
		return nil, &UnavailableError{Cause: fmt.Sprintf("%d layers are too many for this kernel", len(s.lower)), Remedy: "Linux 6.8 and later stack up to 500"}
	}
	if err := unix.Mount("overlay", o.Scratch, "overlay", 0, data); err != nil {
		return nil, s.refused(err, "")
	}
	return lift(o.Scratch, s.upper == nil)
}

// lift takes what is mounted on dir off it and keeps it as a detached tree.
func lift(dir string, readOnly bool) (*os.File, error) {
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }() // it is mounted: nothing to fail
	top, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	return clone(top, readOnly)
}

// refused explains a failed mount as far as it can be told from outside.
func (s *stack) refused(err error, complaint string) error {
	where := ""
	if s.upper != nil {
		where = fmt.Sprintf(" with %s on %s", s.layers.Upper, fileSystem(s.upper))
	}
	if complaint != "" {
		complaint = " (" + complaint + ")"
	}
	return fmt.Errorf("mount %d layers%s: %w%s", len(s.lower), where, err, complaint)
}

// complaint reads what the kernel noted about a failed configuration; see fsopen(2).
func complaint(config *os.File) string {
	var all []string
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(int(config.Fd()), buf)
		if err != nil || n <= 0 {
			return strings.Join(all, ", ")
		}
		// A message begins with its class, "e ", "w " or "i ".
		if msg := strings.TrimSpace(string(buf[:n])); len(msg) > 2 && msg[1] == ' ' {
			all = append(all, msg[2:])
		}
	}
}

// fileSystem names the type of the file system that holds f.
func fileSystem(f *os.File) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return "an unknown file system"
	}
	known := map[int64]string{
		unix.NFS_SUPER_MAGIC:       "NFS",
		unix.OVERLAYFS_SUPER_MAGIC: "an overlay",
		unix.TMPFS_MAGIC:           "tmpfs",
		unix.EXT4_SUPER_MAGIC:      "ext4",
		unix.XFS_SUPER_MAGIC:       "XFS",
		unix.BTRFS_SUPER_MAGIC:     "btrfs",
		unix.FUSE_SUPER_MAGIC:      "FUSE",
		0x0bd00bd0:                 "Lustre",
		0x47504653:                 "GPFS",
		0x19830326:                 "BeeGFS",
		0x00c36400:                 "Ceph",
		0x2fc12fc1:                 "ZFS",
	}
	if name, ok := known[int64(st.Type)]; ok {
		return name
	}
	return fmt.Sprintf("a file system of type %#x", st.Type)
}
