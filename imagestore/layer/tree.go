package layer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxOpen bounds the directories kept open; tar streams walk a tree, so that few suffice.
const maxOpen = 64

// maxLinks bounds the dangling links that are followed to make a directory.
const maxLinks = 16

// tree is the directory that a layer is unpacked into. All lookups of more than one
// component are made with RESOLVE_IN_ROOT; see openat2(2).
type tree struct {
	root int
	dirs map[string]int // open directories by cleaned name
}

// openTree opens dir and takes from it what new files would inherit: the group of a
// set-group-ID directory and a default access control list.
func openTree(dir string) (*tree, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	err = unix.Fchown(fd, os.Geteuid(), os.Getegid())
	if err == nil {
		err = unix.Fchmod(fd, 0o755)
	}
	if err != nil {
		_ = unix.Close(fd) // a directory
		return nil, &os.PathError{Op: "chown and chmod", Path: dir, Err: err}
	}
	_ = unix.Fremovexattr(fd, "system.posix_acl_default") // mostly there is none
	return &tree{root: fd, dirs: map[string]int{}}, nil
}

func (t *tree) close() {
	t.forget()
	_ = unix.Close(t.root) // a directory
}

// forget closes the directories kept open, because one of them may be gone.
func (t *tree) forget() {
	for name, fd := range t.dirs {
		_ = unix.Close(fd) // a directory
		delete(t.dirs, name)
	}
}

func (t *tree) open(name string, resolve uint64) (int, error) {
	for {
		fd, err := unix.Openat2(t.root, name, &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | resolve,
		})
		// EAGAIN: something else on the machine was renamed meanwhile; see openat2(2).
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

// directory opens the directory of a cleaned name, and makes what is missing on the way.
// The tree keeps the descriptor.
func (t *tree) directory(name string) (int, error) { return t.follow(name, maxLinks) }

func (t *tree) follow(name string, links int) (int, error) {
	if name == "" || name == "." {
		return t.root, nil
	}
	if fd, ok := t.dirs[name]; ok {
		return fd, nil
	}
	fd, err := t.open(name, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		fd, err = t.makeDirectory(name, links)
	}
	if err != nil {
		return -1, err
	}
	if len(t.dirs) >= maxOpen {
		t.forget()
	}
	t.dirs[name] = fd
	return fd, nil
}

// hidden says that a cleaned name lies below something that is no directory.
func (t *tree) hidden(name string) bool {
	if _, ok := t.dirs[name]; ok || name == "" {
		return false
	}
	fd, err := t.open(name, 0)
	if err == nil {
		_ = unix.Close(fd) // a directory
	}
	return errors.Is(err, unix.ENOTDIR)
}

func (t *tree) makeDirectory(name string, links int) (int, error) {
	up, base := path.Split(name)
	up = path.Clean(up)
	parent, err := t.follow(up, links)
	if err != nil {
		return -1, err
	}
	err = unix.Mkdirat(parent, base, 0o755)
	if errors.Is(err, unix.EEXIST) {
		return t.replace(parent, up, base, links)
	}
	if err != nil {
		return -1, &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return t.open(name, 0)
}

// replace makes a directory where something else is: the target of a dangling link, or a
// directory that hides the lower layers' in the place of a whiteout.
func (t *tree) replace(parent int, up, base string, links int) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1, &os.PathError{Op: "stat", Path: base, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return t.open(path.Join(up, base), 0)
	case isHole(&st):
		if err := makeOpaqueDirectory(parent, base, 0o755); err != nil {
			return -1, err
		}
		return t.open(path.Join(up, base), 0)
	case st.Mode&unix.S_IFMT != unix.S_IFLNK:
		return -1, fmt.Errorf("%q is no directory: %w", path.Join(up, base), unix.ENOTDIR)
	case links == 0:
		return -1, unix.ELOOP
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(parent, base, target)
	if err != nil {
		return -1, &os.PathError{Op: "readlink", Path: base, Err: err}
	}
	unsafeTarget := string(target[:n])
	if !path.IsAbs(unsafeTarget) {
		unsafeTarget = path.Join("/", up, unsafeTarget)
	}
	if _, err := t.follow(filepath.Clean("/" + unsafeTarget)[1:], links-1); err != nil {
		return -1, err
	}
	return t.open(path.Join(up, base), 0)
}

// remove takes away whatever an entry of the same name left before.
func (t *tree) remove(parent int, base string) error {
	err := unix.Unlinkat(parent, base, 0)
	if errors.Is(err, unix.EISDIR) {
		t.forget()
		// The first part of this path is the open directory itself, and RemoveAll never
		// follows a link in the last one.
		return os.RemoveAll("/proc/self/fd/" + strconv.Itoa(parent) + "/" + base)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "remove", Path: base, Err: err}
	}
	return nil
}
