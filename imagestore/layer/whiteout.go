package layer

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Names that mean something else in a layer's stream; see the OCI image specification.
const (
	whiteoutPrefix = ".wh."
	metadataPrefix = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// opaqueAttribute marks a directory that hides those of lower layers, as overlayfs
// mounted inside a user namespace (userxattr) and fuse-overlayfs read it.
const opaqueAttribute = "user.overlay.opaque"

func isWhiteout(base string) bool { return strings.HasPrefix(base, whiteoutPrefix) }

// isMetadata says that a name lies in one of the directories that aufs kept at a layer's root.
func isMetadata(name string) bool { return strings.HasPrefix(name, metadataPrefix) }

// isHole says that a file is a whiteout of overlayfs: a character device 0/0.
func isHole(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// whiteout hides what lower layers have under a name. What this layer itself has there stays.
func (u *unpacker) whiteout(dir, base string) error {
	if base != opaqueMarker && (isMetadata(base) || isMetadata(dir)) {
		return nil // bookkeeping of aufs, of no use to anybody
	}
	if u.tree.hidden(dir) {
		return nil // by a whiteout or a file of this layer
	}
	parent, err := u.tree.directory(dir)
	if err != nil {
		return err
	}
	if base == opaqueMarker {
		return makeOpaque(parent)
	}
	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return errors.New("a whiteout without a name")
	}
	err = unix.Mknodat(parent, name, unix.S_IFCHR, 0)
	if errors.Is(err, unix.EEXIST) {
		return hideBelow(parent, name)
	}
	if err != nil {
		return fmt.Errorf("make a whiteout: %w", err)
	}
	return nil
}

// hideBelow hides lower layers' files beneath a name that this layer has already made: a
// directory would else be merged with theirs; anything else hides them anyway.
func hideBelow(parent int, name string) error {
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	return makeOpaque(fd)
}

func makeOpaque(dir int) error {
	err := unix.Fsetxattr(dir, opaqueAttribute, []byte("y"), 0)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return os.NewSyscallError("fsetxattr", err)
	}
	// No attributes of users here (an old tmpfs or NFS), so no kernel overlay either:
	// fuse-overlayfs and our own copying know the marker itself.
	fd, err := unix.Openat(dir, opaqueMarker, unix.O_CREAT|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "create", Path: opaqueMarker, Err: err}
	}
	return unix.Close(fd)
}

// makeOpaqueDirectory replaces a whiteout by a directory that hides just as much.
func makeOpaqueDirectory(parent int, base string, mode uint32) error {
	if err := unix.Unlinkat(parent, base, 0); err != nil {
		return &os.PathError{Op: "remove", Path: base, Err: err}
	}
	if err := unix.Mkdirat(parent, base, mode); err != nil {
		return &os.PathError{Op: "mkdir", Path: base, Err: err}
	}
	return hideBelow(parent, base)
}
