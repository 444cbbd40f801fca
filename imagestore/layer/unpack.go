// Package layer unpacks one layer of an image into a directory: a tar stream whose author
// is not trusted, with whiteouts turned into what overlayfs understands.
//
// It runs in rlc-image, inside the user namespace. It knows neither image stores nor
// registries; every name of the stream is resolved by the kernel beneath the directory.
package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/vbatts/tar-split/archive/tar"
	"golang.org/x/sys/unix"
)

// Options say how a layer is unpacked. The zero value keeps owners and writes no journal.
type Options struct {
	OneOwner bool      // only one id is mapped: every file belongs to the caller
	Journal  io.Writer // receives what is needed to rebuild the very same stream; may be nil
}

// Result is what unpacking a layer found out.
type Result struct {
	RootMode *fs.FileMode // mode of the layer's root directory, when the stream names it
	Devices  int          // device nodes left out: nobody may make them in a user namespace
	Exact    bool         // the journal is complete: the stream can be rebuilt from it
}

// Unpack reads an uncompressed tar stream up to its end and makes its files in dir, which
// must exist and be empty. The process's umask must be 0. On an error dir is left as it is,
// half filled. The end of ctx ends the work.
func Unpack(ctx context.Context, stream io.Reader, dir string, o Options) (Result, error) {
	t, err := openTree(dir)
	if err != nil {
		return Result{}, err
	}
	defer t.close()
	u := &unpacker{ctx: ctx, tree: t, options: o, buffer: make([]byte, 256<<10)}
	u.tar = tar.NewReader(stream)
	u.journal = newJournal(o.Journal, u.tar)
	if err := u.run(); err != nil {
		return Result{}, err
	}
	if err := u.finishDirectories(); err != nil {
		return Result{}, err
	}
	u.result.Exact, err = u.journal.finish(stream)
	return u.result, err
}

type unpacker struct {
	ctx     context.Context
	tree    *tree
	tar     *tar.Reader
	journal *journal
	options Options
	buffer  []byte
	result  Result
	dirs    []directory
}

// directory is one whose mode and time are set last: earlier, a read-only mode could keep
// us out on a network file system, and every new file would change the time.
type directory struct {
	name string
	mode uint32
	time time.Time
}

func (u *unpacker) run() error {
	for {
		if err := u.ctx.Err(); err != nil {
			return context.Cause(u.ctx)
		}
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layer's archive: %w", err)
		}
		if err := u.journal.header(h); err != nil {
			return err
		}
		if err := u.entry(h); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
		if err := u.journal.end(h); err != nil {
			return err
		}
	}
}

// entry makes one entry of the stream. The name is cleaned as a string only to learn
// its parts; where they lead to is decided by the kernel.
func (u *unpacker) entry(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	unsafeName, err := relative(h.Name)
	if err != nil {
		return err
	}
	if unsafeName == "." {
		return u.rootEntry(h)
	}
	dir, base := path.Split(unsafeName)
	dir = strings.TrimSuffix(dir, "/")
	if isWhiteout(base) || isMetadata(unsafeName) {
		return u.whiteout(dir, base)
	}
	parent, err := u.tree.directory(dir)
	if err != nil {
		return err
	}
	return u.make(parent, base, unsafeName, h)
}

func (u *unpacker) rootEntry(h *tar.Header) error {
	if h.Typeflag != tar.TypeDir {
		return errors.New("the root of a layer is not a directory")
	}
	if err := u.own(u.tree.root, ".", h); err != nil {
		return err
	}
	mode := h.FileInfo().Mode()
	u.result.RootMode = &mode
	u.dirs = append(u.dirs, directory{name: ".", mode: uint32(h.Mode) & 0o7777, time: h.ModTime})
	return u.attributes(u.tree.root, h)
}

// relative cleans a name of the stream; "." is the layer's root.
func relative(name string) (string, error) {
	cleaned := path.Clean("./" + strings.TrimLeft(name, "/"))
	if cleaned == ".." || strings.HasPrefix(cleaned, "../") {
		return "", errors.New("the name leads out of the layer")
	}
	return cleaned, nil
}

// finishDirectories sets modes and times, the deepest directories first. One that a later
// entry of the stream replaced is passed over.
func (u *unpacker) finishDirectories() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		d := u.dirs[i]
		fd, err := u.tree.open(d.name, unix.RESOLVE_NO_SYMLINKS)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			continue
		}
		if err != nil {
			return fmt.Errorf("unpack %q: %w", d.name, err)
		}
		err = unix.Fchmod(fd, d.mode)
		if err == nil {
			err = setTime(fd, ".", d.time)
		}
		_ = unix.Close(fd) // a directory
		if err != nil {
			return fmt.Errorf("unpack %q: set mode and time: %w", d.name, err)
		}
	}
	return nil
}

func setTime(dir int, name string, t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	if t.Year() < 1678 || t.Year() > 2261 { // outside of what nanoseconds in 64 bits can say
		ts = unix.Timespec{Sec: t.Unix()}
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
