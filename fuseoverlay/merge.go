package fuseoverlay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// merger copies the merged view of some layers into one directory, with as many goroutines as
// there are processors. It never follows a symbolic link: paths are resolved by openat2(2)
// below a layer or below the target, names one component at a time.
type merger struct {
	lower  []*os.File // uppermost first
	target *os.File
	cloner cloner
	links  links

	mu      sync.Mutex
	wake    *sync.Cond
	todo    []func() error // last in, first out: keeps the list short
	pending int            // tasks in todo or at work
	failure error
	dirs    []directory // copied, without their attributes; parents before children
}

// directory is one directory of the merged view.
type directory struct {
	path   string
	layers []int // indexes of the layers that have it, uppermost first
}

// entry is anything else, from the uppermost layer that has it.
type entry struct {
	name  string
	layer int
	stat  unix.Stat_t
}

// merge copies what layers show together into the empty directory target.
func merge(ctx context.Context, layers []*os.File, target *os.File) error {
	m := &merger{lower: layers, target: target}
	m.wake = sync.NewCond(&m.mu)
	m.links.made = map[linkKey]*link{}
	root := directory{path: ".", layers: make([]int, len(layers))}
	for i := range layers {
		root.layers[i] = i
	}
	m.dirs = []directory{root}
	m.add(func() error { return m.list(root) })
	stop := context.AfterFunc(ctx, func() { m.fail(context.Cause(ctx)) })
	defer stop()
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(m.work)
	}
	workers.Wait()
	if m.failure != nil {
		return m.failure
	}
	// Children first: copying them changed their parents' times, and a parent may forbid access.
	for i := len(m.dirs) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.finish(m.dirs[i]); err != nil {
			return fmt.Errorf("copy directory %q: %w", m.dirs[i].path, err)
		}
	}
	return nil
}

func (m *merger) add(task func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.todo = append(m.todo, task)
	m.pending++
	m.wake.Signal()
}

func (m *merger) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure == nil {
		m.failure = err
	}
	m.wake.Broadcast()
}

// work does tasks until all are done or one has failed.
func (m *merger) work() {
	for {
		m.mu.Lock()
		for len(m.todo) == 0 && m.pending > 0 && m.failure == nil {
			m.wake.Wait()
		}
		if m.pending == 0 || m.failure != nil {
			m.mu.Unlock()
			return
		}
		task := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		m.mu.Unlock()
		if err := task(); err != nil {
			m.fail(err)
		}
		m.mu.Lock()
		if m.pending--; m.pending == 0 {
			m.wake.Broadcast()
		}
		m.mu.Unlock()
	}
}

func (m *merger) failed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failure != nil
}

// list makes the subdirectories of d and adds tasks for them and for its other entries.
func (m *merger) list(d directory) error {
	const batch = 64
	dirs, entries, err := m.view(d)
	if err != nil {
		return fmt.Errorf("read directory %q: %w", d.path, err)
	}
	if len(dirs) > 0 {
		at, err := openBelow(m.target, d.path)
		if err != nil {
			return err
		}
		defer at.Close()
		for _, sub := range dirs {
			if err := unix.Mkdirat(int(at.Fd()), path.Base(sub.path), 0o700); err != nil {
				return fmt.Errorf("make directory %q: %w", sub.path, err)
			}
		}
		m.mu.Lock()
		m.dirs = append(m.dirs, dirs...)
		m.mu.Unlock()
		for _, sub := range dirs {
			m.add(func() error { return m.list(sub) })
		}
	}
	for len(entries) > 0 {
		some := entries[:min(batch, len(entries))]
		entries = entries[len(some):]
		m.add(func() error { return m.copyEntries(d.path, some) })
	}
	return nil
}

// view merges one directory: an upper entry hides a lower one of the same name, except that
// directories join; a whiteout hides what is below it, and an opaque directory everything
// below itself. See the kernel's overlayfs.rst.
func (m *merger) view(d directory) ([]directory, []entry, error) {
	const hidden = -1
	seen := map[string]int{} // name -> index in dirs, or hidden
	var dirs []directory
	var entries []entry
	for _, layer := range d.layers {
		at, err := openBelow(m.lower[layer], d.path)
		if errors.Is(err, unix.EXDEV) {
			continue // something is mounted there, which is not part of the layer
		}
		if err != nil {
			return nil, nil, err
		}
		names, err := at.Readdirnames(-1)
		for _, name := range names {
			index, known := seen[name]
			if index == hidden && known {
				continue
			}
			e := entry{name: name, layer: layer}
			if err = unix.Fstatat(int(at.Fd()), name, &e.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				break
			}
			isDir := e.stat.Mode&unix.S_IFMT == unix.S_IFDIR
			switch {
			case isDir && known:
				dirs[index].layers = append(dirs[index].layers, layer)
			case isDir:
				seen[name] = len(dirs)
				dirs = append(dirs, directory{path: path.Join(d.path, name), layers: []int{layer}})
			default:
				seen[name] = hidden
				if !known && !isWhiteout(&e.stat) {
					entries = append(entries, e)
				}
			}
		}
		opaque := isOpaque(at)
		_ = at.Close() // read only
		if err != nil {
			return nil, nil, err
		}
		if opaque {
			break
		}
	}
	return dirs, entries, nil
}

// finish gives a directory, whose contents are complete, its attributes.
func (m *merger) finish(d directory) error {
	from, err := openBelow(m.lower[d.layers[0]], d.path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openBelow(m.target, d.path)
	if err != nil {
		return err
	}
	defer to.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return err
	}
	return copyAttributes(int(from.Fd()), int(to.Fd()), &st)
}

// openBelow opens a directory below root, never through a symbolic link nor onto another mount.
func openBelow(root *os.File, name string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(int(root.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN): // EAGAIN: a rename got in the way; see openat2(2)
			continue
		}
		return nil, &os.PathError{Op: "openat2", Path: name, Err: err}
	}
}

func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// isOpaque asks for the attribute that a user namespace can set. The "trusted." one of a mount
// outside is not visible in here, to nobody.
func isOpaque(dir *os.File) bool {
	var value [2]byte
	n, err := unix.Fgetxattr(int(dir.Fd()), "user.overlay.opaque", value[:])
	return err == nil && n == 1 && value[0] == 'y'
}
