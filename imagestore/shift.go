package imagestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/idmap"
)

// shifter gives the files of a copied image to other owners. Names are looked up one at a
// time in open directories, and never through a link.
type shifter struct {
	ctx  context.Context
	uids idmap.Map
	gids idmap.Map
	seen map[inode]bool // files of several names that have their owner already
}

type inode struct{ device, number uint64 }

// shift changes the owners of everything in dir, and of dir itself, as the maps say. An id
// without a place in its map goes to where 0 goes.
func shift(ctx context.Context, dir string, uids, gids idmap.Map) error {
	if len(uids) == 0 && len(gids) == 0 {
		return nil
	}
	w := &shifter{ctx: ctx, uids: uids, gids: gids, seen: map[inode]bool{}}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	root := os.NewFile(uintptr(fd), dir)
	defer root.Close() // a directory
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if err := w.contents(root); err != nil {
		return err
	}
	return w.own(fd, ".", &st)
}

func (w *shifter) contents(dir *os.File) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.entry(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func (w *shifter) entry(dir *os.File, name string) error {
	parent := int(dir.Fd())
	var st unix.Stat_t
	if err := unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: name, Err: err}
		}
		sub := os.NewFile(uintptr(fd), name)
		err = w.contents(sub)
		_ = sub.Close() // a directory
		if err != nil {
			return err
		}
	} else if st.Nlink > 1 {
		key := inode{st.Dev, st.Ino}
		if w.seen[key] {
			return nil
		}
		w.seen[key] = true
	}
	return w.own(parent, name, &st)
}

// own changes one owner, and puts back what chown(2) takes away.
func (w *shifter) own(parent int, name string, st *unix.Stat_t) error {
	uid, gid := target(w.uids, st.Uid), target(w.gids, st.Gid)
	if uid == st.Uid && gid == st.Gid {
		return nil
	}
	path := "/proc/self/fd/" + strconv.Itoa(parent) + "/" + name // only its last part is looked up
	regular := st.Mode&unix.S_IFMT == unix.S_IFREG
	capability := make([]byte, 64)
	length := 0
	if regular && st.Mode&0o111 != 0 {
		length, _ = unix.Lgetxattr(path, "security.capability", capability) // mostly there is none
	}
	if err := unix.Fchownat(parent, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "chown", Path: name, Err: fmt.Errorf("to %d:%d: %w", uid, gid, err)}
	}
	if regular && st.Mode&0o6000 != 0 {
		if err := unix.Fchmodat(parent, name, st.Mode&0o7777, 0); err != nil {
			return &os.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	if length >= 20 {
		if err := unix.Lsetxattr(path, "security.capability", rooted(capability[:length], target(w.uids, 0)), 0); err != nil {
			return &os.PathError{Op: "set capabilities", Path: name, Err: err}
		}
	}
	return nil
}

func target(m idmap.Map, id uint32) uint32 {
	if outside, ok := m.ToOutside(id); ok {
		return outside
	}
	if outside, ok := m.ToOutside(0); ok {
		return outside
	}
	return id
}

// rooted makes file capabilities count in the user namespace whose root is uid: revision 3
// of the attribute, which ends with that id; see capabilities(7).
func rooted(capability []byte, uid uint32) []byte {
	const revision3, flags = 0x03000000, 0x00ffffff
	head := binary.LittleEndian.Uint32(capability)
	result := binary.LittleEndian.AppendUint32(nil, revision3|head&flags)
	result = append(result, capability[4:20]...)
	return binary.LittleEndian.AppendUint32(result, uid)
}
