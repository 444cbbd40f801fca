package fuseoverlay

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// fuse has fuse-overlayfs serve the tree. We make the mount ourselves, detached, and hand the
// program its end of it, /dev/fuse, by descriptor, which libfuse 3.3 and later take for a
// mount point. So there is no mount point, nothing to wait for before the tree can be used
// (requests wait in the kernel for the program, and fail when it dies), and the program
// stays in the foreground as our child, whose end is ours to see.
func (s *stack) fuse(ctx context.Context, o Options) (*Mount, error) {
	program, err := findProgram(o)
	if err != nil {
		return nil, err
	}
	tree, device, err := mountFUSE(s.upper == nil)
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(program, s.fuseOptions(o), append([]*os.File{device}, s.files()...))
	_ = device.Close() // the program's copy alone keeps the tree alive, so that its death ends it
	if err == nil {
		err = d.answer(ctx, tree)
	}
	if err != nil {
		_ = tree.Close() // nobody serves it
		return nil, err
	}
	return &Mount{Tree: tree, Driver: FUSE, early: d.early, release: d.stop}, nil
}

// mountFUSE makes a FUSE mount, and opens the device through which it is served.
func mountFUSE(readOnly bool) (tree, device *os.File, err error) {
	device, err = os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, &UnavailableError{Cause: err.Error(), Remedy: "ask an administrator: modprobe fuse && chmod 0666 /dev/fuse"}
	}
	fd, err := configureFUSE(int(device.Fd()), readOnly)
	if err != nil {
		_ = device.Close() // never used
		return nil, nil, fmt.Errorf("mount fuse: %w", err)
	}
	return os.NewFile(uintptr(fd), "fuse-overlayfs"), device, nil
}

func configureFUSE(device int, readOnly bool) (int, error) {
	fd, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd) // it would keep the file system alive
	for _, option := range [][2]string{
		{"source", "fuse-overlayfs"},
		{"fd", strconv.Itoa(device)},
		{"rootmode", "40000"},
		{"user_id", strconv.Itoa(os.Geteuid())},
		{"group_id", strconv.Itoa(os.Getegid())},
	} {
		if err := unix.FsconfigSetString(fd, option[0], option[1]); err != nil {
			return -1, fmt.Errorf("option %s: %w", option[0], err)
		}
	}
	// The kernel checks permissions, for all users of the container alike.
	for _, flag := range []string{"default_permissions", "allow_other"} {
		if err := unix.FsconfigSetFlag(fd, flag); err != nil {
			return -1, fmt.Errorf("option %s: %w", flag, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, err
	}
	attributes := unix.MOUNT_ATTR_NOATIME
	if readOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	return unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attributes)
}

// Descriptors of the program: its standard streams, the device, the layers.
const (
	deviceFD     = 3
	firstLayerFD = 4
)

// files are the layers in the order in which the program inherits them.
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
		fds[i] = firstLayerFD + i
	}
	options := "lowerdir=" + lowers(fds)
	if s.upper != nil {
		next := firstLayerFD + len(fds)
		options += ",upperdir=" + procFD(next) + ",workdir=" + procFD(next+1)
		if o.Volatile {
			options += ",volatile"
		}
	}
	return options
}

// findProgram finds fuse-overlayfs.
func findProgram(o Options) (string, error) {
	if o.Program != "" {
		if err := unix.Access(o.Program, unix.X_OK); err != nil {
			return "", &UnavailableError{Cause: fmt.Sprintf("run %s: %v", o.Program, err)}
		}
		return o.Program, nil
	}
	for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/bin", "/usr/libexec/podman", "/usr/local/libexec"} {
		p := dir + "/fuse-overlayfs"
		if unix.Access(p, unix.X_OK) == nil {
			return p, nil
		}
	}
	return "", &UnavailableError{Cause: "the program fuse-overlayfs is not installed", Remedy: "install fuse-overlayfs"}
}
