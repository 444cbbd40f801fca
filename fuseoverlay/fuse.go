package fuseoverlay

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fuse has fuse-overlayfs serve the tree. The program stays in the foreground as our child,
// so that its end is ours to see, and mounts on the scratch directory; the kernel announces
// a change of the mount table through poll(2) on mountinfo, which is how we know when. (It
// could be handed /dev/fuse with the mount already made, but only libfuse 3.3 and later
// know how to take it, and not every fuse-overlayfs is built on libfuse.)
func (s *stack) fuse(ctx context.Context, o Options) (*Mount, error) {
	program, err := findProgram(o)
	if err != nil {
		return nil, err
	}
	if o.Scratch == "" {
		return nil, errors.New("mount: no scratch directory given")
	}
	table, err := os.Open("/proc/self/mountinfo") // before the start: poll tells of changes since
	if err != nil {
		return nil, err
	}
	defer table.Close()
	before, err := mountID(o.Scratch)
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(program, s.fuseOptions(o), o.Scratch, s.files())
	if err != nil {
		return nil, err
	}
	tree, err := d.await(ctx, table, func() (*os.File, error) {
		now, err := mountID(o.Scratch)
		if err != nil || now == before {
			return nil, err
		}
		return lift(o.Scratch, s.upper == nil)
	})
	if err != nil {
		d.kill()
		_ = unix.Unmount(o.Scratch, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // EINVAL: nothing was mounted
		return nil, err
	}
	return &Mount{Tree: tree, Driver: FUSE, release: d.stop}, nil
}

// files are the layers in the order in which the program inherits them, from descriptor 3 on.
func (s *stack) files() []*os.File {
	all := append([]*os.File(nil), s.lower...)
	if s.upper != nil {
		all = append(all, s.upper, s.work)
	}
	return all
}

func (s *stack) fuseOptions(o Options) string {
	fds := make([]int, len(s.lower))
	for i := range fds {
		fds[i] = 3 + i
	}
	options := "lowerdir=" + lowers(fds)
	if s.upper != nil {
		next := 3 + len(fds)
		options += ",upperdir=" + procFD(next) + ",workdir=" + procFD(next+1)
		if o.Volatile {
			options += ",volatile"
		}
	}
	return options
}

// findProgram finds fuse-overlayfs and sees that it can do its work.
func findProgram(o Options) (string, error) {
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return "", &UnavailableError{Cause: err.Error(), Remedy: "ask an administrator: modprobe fuse && chmod 0666 /dev/fuse"}
	}
	_ = device.Close() // opened to see whether it can be
	places := []string{"/usr/bin", "/usr/local/bin", "/bin", "/usr/libexec/podman", "/usr/local/libexec"}
	if o.Program != "" {
		if err := unix.Access(o.Program, unix.X_OK); err != nil {
			return "", &UnavailableError{Cause: fmt.Sprintf("run %s: %v", o.Program, err)}
		}
		return o.Program, nil
	}
	for _, dir := range places {
		p := dir + "/fuse-overlayfs"
		if unix.Access(p, unix.X_OK) == nil {
			return p, nil
		}
	}
	return "", &UnavailableError{Cause: "the program fuse-overlayfs is not installed", Remedy: "install fuse-overlayfs"}
}

// mountID tells which mount dir lies on, without asking the file system behind it.
func mountID(dir string) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	if err != nil {
		return 0, &os.PathError{Op: "statx", Path: dir, Err: err}
	}
	return st.Mnt_id, nil
}
