package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/vbatts/tar-split/archive/tar"
	"golang.org/x/sys/unix"
)

// attributePrefix marks extended attributes among the records of a PAX header.
const attributePrefix = "SCHILY.xattr."

// UnmappedError reports a file whose owner has no place in the mapping.
type UnmappedError struct{ UID, GID int }

func (e *UnmappedError) Error() string {
	return fmt.Sprintf("owner %d:%d is not among the ids mapped here", e.UID, e.GID)
}

// Hint tells how many ids would be needed.
func (e *UnmappedError) Hint() string {
	return fmt.Sprintf("the image needs subordinate ids up to %d: ask an administrator for a larger range in /etc/subuid and /etc/subgid", max(e.UID, e.GID))
}

// make makes the file of a header under base in parent. It replaces what an earlier entry
// made there, except that a directory is merged with a directory.
func (u *unpacker) make(parent int, base, unsafeName string, h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return u.makeDirectory(parent, base, unsafeName, h)
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse:
		return u.makeRegular(parent, base, h)
	case tar.TypeLink:
		return u.makeLink(parent, base, h)
	case tar.TypeSymlink:
		return u.makeOther(parent, base, h, func() error { return unix.Symlinkat(h.Linkname, parent, base) })
	case tar.TypeFifo:
		return u.makeOther(parent, base, h, func() error {
			return unix.Mknodat(parent, base, unix.S_IFIFO|uint32(h.Mode)&0o777, 0)
		})
	case tar.TypeChar, tar.TypeBlock:
		u.result.Devices++
		return nil
	}
	return fmt.Errorf("an entry of unknown type %q", h.Typeflag)
}

func (u *unpacker) makeDirectory(parent int, base, unsafeName string, h *tar.Header) error {
	err := unix.Mkdirat(parent, base, 0o755)
	if errors.Is(err, unix.EEXIST) {
		var st unix.Stat_t
		if err = unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		case isHole(&st):
			err = makeOpaqueDirectory(parent, base, 0o755)
		default:
			if err = u.remove(parent, base); err == nil {
				err = unix.Mkdirat(parent, base, 0o755)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := u.own(parent, base, h); err != nil {
		return err
	}
	u.dirs = append(u.dirs, directory{name: unsafeName, mode: uint32(h.Mode) & 0o7777, time: h.ModTime})
	if !hasAttributes(h) {
		return nil
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return u.attributes(fd, h)
}

func (u *unpacker) makeRegular(parent int, base string, h *tar.Header) (err error) {
	mode := uint32(h.Mode) & 0o7777
	fd := -1
	err = u.replacing(parent, base, func() (err error) {
		fd, err = unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode&0o777)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if closing := unix.Close(fd); err == nil { // a full disk or quota may show only here
			err = closing
		}
	}()
	if err := u.content(fd, h); err != nil {
		return err
	}
	if err := u.own(parent, base, h); err != nil {
		return err
	}
	if mode&^0o777 != 0 { // after chown(2), which takes set-user-ID away
		if err := unix.Fchmod(fd, mode); err != nil {
			return err
		}
	}
	if err := u.attributes(fd, h); err != nil { // after chown(2), which takes capabilities away
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// content copies the payload of the current entry; runs of zeros in a sparse one become holes.
func (u *unpacker) content(fd int, h *tar.Header) error {
	sparse := isSparse(h)
	if sparse {
		if err := unix.Ftruncate(fd, h.Size); err != nil {
			return err
		}
	}
	for {
		n, err := u.tar.Read(u.buffer)
		data := u.buffer[:n]
		u.journal.payload(data)
		if sparse && allZero(data) {
			if err := u.ctx.Err(); err != nil { // a huge hole reads no stream that could end
				return context.Cause(u.ctx)
			}
			if _, err := unix.Seek(fd, int64(n), io.SeekCurrent); err != nil {
				return err
			}
			data = nil
		}
		for len(data) > 0 {
			written, err := unix.Write(fd, data)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			data = data[written:]
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layer's archive: %w", err)
		}
	}
}

func (u *unpacker) makeLink(parent int, base string, h *tar.Header) error {
	unsafeTarget, err := relative(h.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	dir, targetBase := path.Split(unsafeTarget)
	targetParent := u.tree.root
	if dir != "" {
		if targetParent, err = u.tree.open(strings.TrimSuffix(dir, "/"), 0); err != nil {
			return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
		}
		defer unix.Close(targetParent)
	}
	var target, there unix.Stat_t
	if err := unix.Fstatat(targetParent, targetBase, &target, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	if unix.Fstatat(parent, base, &there, unix.AT_SYMLINK_NOFOLLOW) == nil && there.Ino == target.Ino && there.Dev == target.Dev {
		return nil // a link to itself must not remove itself first
	}
	err = u.replacing(parent, base, func() error {
		return unix.Linkat(targetParent, targetBase, parent, base, 0)
	})
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	return nil
}

func (u *unpacker) makeOther(parent int, base string, h *tar.Header, create func() error) error {
	if err := u.replacing(parent, base, create); err != nil {
		return err
	}
	if err := u.own(parent, base, h); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// replacing creates a file, once more when another had to be removed first.
func (u *unpacker) replacing(parent int, base string, create func() error) error {
	err := create()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := u.remove(parent, base); err != nil {
		return err
	}
	return create()
}

// remove takes away what an earlier entry made.
func (u *unpacker) remove(parent int, base string) error {
	u.journal.drop()
	return u.tree.remove(parent, base)
}

// own gives a new file to its owner. It belongs to root already, since no directory has
// its set-group-ID bit yet.
func (u *unpacker) own(parent int, base string, h *tar.Header) error {
	if u.options.OneOwner || h.Uid == 0 && h.Gid == 0 {
		return nil
	}
	if h.Uid < 0 || h.Gid < 0 || h.Uid >= math.MaxUint32 || h.Gid >= math.MaxUint32 {
		return &UnmappedError{UID: h.Uid, GID: h.Gid}
	}
	err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) { // see chown(2) and user_namespaces(7)
		return &UnmappedError{UID: h.Uid, GID: h.Gid}
	}
	return err
}

func hasAttributes(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, attributePrefix) {
			return true
		}
	}
	return false
}

// attributes sets the extended attributes of a header, except those that are the
// machine's own business or that overlayfs would take for its own.
func (u *unpacker) attributes(fd int, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, attributePrefix)
		if !ok || !strings.HasPrefix(name, "user.") && name != "security.capability" && !strings.HasPrefix(name, "system.posix_acl_") ||
			strings.HasPrefix(name, "user.overlay.") || strings.HasPrefix(name, "user.containers.") || strings.HasPrefix(name, "user.fuseoverlayfs.") {
			continue
		}
		err := unix.Fsetxattr(fd, name, []byte(value), 0)
		// EOPNOTSUPP: not on this file system. EPERM, EINVAL: not in this user namespace.
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("set attribute %s: %w", name, err)
		}
	}
	return nil
}

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
