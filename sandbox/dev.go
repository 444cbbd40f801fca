package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// standardDevices are the nodes that every container has: a user cannot make nodes, so they
// are the host's, bound.
var standardDevices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// standardLinks are the symbolic links of /dev: name and target.
var standardLinks = [][2]string{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
	{"core", "/proc/kcore"},
}

// device is an entry of spec.Linux.Devices on its way into the container.
type device struct {
	path string
	tree int // detached mount of the host's node
}

// openDevice takes hold of a device of the host.
func (s *setup) openDevice(d *specs.LinuxDevice) error {
	fd, err := unix.Open(d.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return hinted("nodes cannot be made without root: the host must have it", "the host has no %s", d.Path)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd) // only a handle
	if err := checkDevice(fd); err != nil {
		return err
	}
	tree, err := cloneTree(fd, "", false)
	if err != nil {
		return kernelTooOld("open_tree", err)
	}
	s.devices = append(s.devices, &device{path: path.Clean("/" + d.Path), tree: tree})
	return nil
}

// checkDevice finds out whether the person may use a device, if a handle is of one. It does not
// open it, which for some devices has effects.
func checkDevice(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFCHR && kind != unix.S_IFBLK {
		return nil
	}
	node := entryPath(fd, "")
	readable := unix.Faccessat(unix.AT_FDCWD, node, unix.R_OK, unix.AT_EACCESS)
	writable := unix.Faccessat(unix.AT_FDCWD, node, unix.W_OK, unix.AT_EACCESS)
	if readable == nil || writable == nil {
		return nil
	}
	return hinted("become a member of the group that owns the device, and pass --group-add keep-groups",
		"you may neither read nor write the device: %w", readable)
}

// populateDev fills /dev with the standard nodes and links, if it is the container's own.
func (s *setup) populateDev() error {
	fd, own := s.placed["/dev"]
	if !own {
		return nil
	}
	dev := directory{fd}
	for _, name := range standardDevices {
		tree, err := cloneTree(unix.AT_FDCWD, "/dev/"+name, false)
		if err != nil {
			return &os.PathError{Op: "open_tree", Path: "/dev/" + name, Err: err}
		}
		if err := addNode(dev, name, tree); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, link := range standardLinks {
		if err := unix.Symlinkat(link[1], fd, link[0]); err != nil {
			return &os.LinkError{Op: "symlink", Old: link[1], New: "/dev/" + link[0], Err: err}
		}
	}
	return nil
}

// addDevices binds what spec.Linux.Devices lists.
func (s *setup) addDevices() error {
	for _, d := range s.devices {
		if err := addNode(s.root, d.path, d.tree); err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
	}
	return nil
}

// addNode puts a device at a path, and takes its mount over.
func addNode(dir directory, unsafePath string, tree int) error {
	defer unix.Close(tree) // only a handle, once placed
	target, err := dir.ensure(unsafePath, false, nil)
	if err != nil {
		return err
	}
	defer unix.Close(target) // only a handle
	return place(tree, target)
}
