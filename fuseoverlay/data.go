package fuseoverlay

import (
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// cloner copies the contents of files, by the cheapest way that has worked so far: sharing
// the blocks (reflink), copying in the kernel, copying through memory.
type cloner struct {
	noReflink  atomic.Bool
	noInKernel atomic.Bool
}

// chunk bounds a step of copying, after which an interruption is seen.
const chunk = 8 << 20

// copy copies the contents of in, which st describes, to the empty file out, holes as holes.
// It stops early, without an error, when stop says so.
func (c *cloner) copy(in, out int, st *unix.Stat_t, stop func() bool) error {
	if st.Size == 0 {
		return nil
	}
	if !c.noReflink.Load() {
		err := unix.IoctlFileClone(out, in)
		if err == nil {
			return nil
		}
		if outOfSpace(err) {
			return err
		}
		c.noReflink.Store(true) // one file system each: what is refused once is refused always
	}
	if st.Blocks*512 >= st.Size {
		return c.extent(in, out, 0, st.Size, stop)
	}
	for at := int64(0); at < st.Size; {
		data, err := unix.Seek(in, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // a hole up to the end; see lseek(2)
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(in, data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if err := c.extent(in, out, data, hole, stop); err != nil {
			return err
		}
		at = hole
	}
	return unix.Ftruncate(out, st.Size)
}

// extent copies the bytes from at up to end.
func (c *cloner) extent(in, out int, at, end int64, stop func() bool) error {
	for at < end && !stop() {
		n := int(min(chunk, end-at))
		copied := 0
		var err error
		if !c.noInKernel.Load() {
			from, to := at, at
			copied, err = unix.CopyFileRange(in, &from, out, &to, n, 0)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case outOfSpace(err), errors.Is(err, unix.EIO):
				return err
			case err != nil:
				copied = 0
				c.noInKernel.Store(true) // EXDEV, EOPNOTSUPP...: this pair of file systems cannot
			}
		}
		if copied == 0 {
			if copied, err = throughMemory(in, out, at, min(n, 256<<10)); err != nil {
				return err
			}
		}
		at += int64(copied)
	}
	return nil
}

// throughMemory copies up to n bytes.
func throughMemory(in, out int, at int64, n int) (int, error) {
	buf := make([]byte, n)
	n, err := unix.Pread(in, buf, at)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.ErrUnexpectedEOF // shorter than it was: somebody changes the layer
	}
	for done := 0; done < n; {
		w, err := unix.Pwrite(out, buf[done:n], at+int64(done))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, err
		}
		done += max(w, 0)
	}
	return n, nil
}
