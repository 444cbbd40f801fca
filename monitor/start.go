package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/fuseoverlay"
	"github.com/rlc-containers/rlc/sandbox"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// ignoreSignals keeps the monitor alive when its terminal goes or somebody means the client.
func ignoreSignals() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
}

// cloneFlags are the flags of clone(2) for a new namespace of each kind.
var cloneFlags = map[string]uintptr{
	"pid":     unix.CLONE_NEWPID,
	"network": unix.CLONE_NEWNET,
	"ipc":     unix.CLONE_NEWIPC,
	"uts":     unix.CLONE_NEWUTS,
	"cgroup":  unix.CLONE_NEWCGROUP,
}

// startInit clones init into the container's namespaces. Its Go runtime comes up while the
// id maps are still being written.
func (m *monitor) startInit() (*wire.Conn, error) {
	self, err := readOnlySelf() // stays open: to close a mount waits for all processors
	if err != nil {
		return nil, err
	}
	m.self = self
	flags, join, err := m.namespaces()
	defer closeFiles(join)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close() // init's by then
	attr := &os.ProcAttr{
		Env:   []string{"GOGC=off", "GOMAXPROCS=1"},
		Files: []*os.File{nil, nil, os.Stderr, theirs},
		Sys:   &syscall.SysProcAttr{Cloneflags: flags | unix.CLONE_NEWNS, AmbientCaps: userns.Capabilities()},
	}
	start := func() error {
		m.init, err = os.StartProcess(fmt.Sprintf("/proc/self/fd/%d", self.Fd()), []string{"rlc-monitor", "init"}, attr)
		return err
	}
	if len(join) > 0 || m.has("time") {
		err = m.startInside(join, start)
	} else {
		err = start()
	}
	if err != nil {
		_ = ours.Close() // nobody is at the other end
		return nil, fmt.Errorf("start init: %w", err)
	}
	m.pid = m.init.Pid
	if !m.has("pid") {
		m.mounts = mountNamespace(m.pid)
	}
	return ours, nil
}

// startInside runs start on a thread that has joined the namespaces, which lasts as long as
// the monitor does: the death signal of init is about its parent thread; see
// PR_SET_PDEATHSIG in prctl(2).
func (m *monitor) startInside(join []*os.File, start func() error) error {
	started := make(chan error, 2)
	go func() {
		started <- userns.Enter(join, func() error {
			err := m.newTime()
			if err == nil {
				err = start()
			}
			started <- err
			if err == nil {
				<-m.over
			}
			return err
		})
	}()
	return <-started
}

// readOnlySelf opens this program through a mount of its own that is read-only: whatever
// reaches /proc/PID/exe inside the container cannot open it for writing, although it
// belongs to the very user that the container's root is (CVE-2019-5736 is the story).
func readOnlySelf() (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("clone the mount of rlc-monitor: %w", err)
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		_ = unix.Close(fd) // unusable
		return nil, fmt.Errorf("make the mount of rlc-monitor read-only: %w", err)
	}
	// Above the few descriptors that a child gets, so that none of them takes its number, and
	// below 64: a larger table of descriptors would have to wait for all processors.
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 32)
	_ = unix.Close(fd) // replaced
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(high), "rlc-monitor"), nil
}

// namespaces sorts the order's namespaces into flags for new ones and opened existing ones.
func (m *monitor) namespaces() (flags uintptr, join []*os.File, err error) {
	for _, ns := range m.order.Namespaces {
		if ns.Path == "" {
			flags |= cloneFlags[ns.Kind]
			continue
		}
		f, err := os.Open(ns.Path)
		if err != nil {
			return 0, join, fmt.Errorf("open the %s namespace to join: %w", ns.Kind, err)
		}
		join = append(join, f)
	}
	return flags, join, nil
}

func (m *monitor) has(kind string) bool {
	for _, ns := range m.order.Namespaces {
		if ns.Kind == kind && ns.Path == "" {
			return true
		}
	}
	return false
}

// newTime gives the children of the calling thread a time namespace, if one was asked for.
func (m *monitor) newTime() error {
	if !m.has("time") {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("make a time namespace: %w", err)
	}
	return nil
}

// mountTrees makes the root and the further trees, detached.
func (m *monitor) mountTrees() error {
	root, err := m.mountTree(m.order.Root, "root")
	if err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	m.root = root
	for i, t := range m.order.Trees {
		tree, err := m.mountTree(t, fmt.Sprintf("tree%d", i+1))
		if err != nil {
			return fmt.Errorf("mount layers: %w", err)
		}
		m.trees = append(m.trees, tree)
	}
	return nil
}

func (m *monitor) mountTree(t Tree, name string) (*fuseoverlay.Mount, error) {
	if t.Bind != "" {
		return bind(t)
	}
	scratch := filepath.Join(m.container.Dir, "mnt-"+name)
	if err := os.Mkdir(scratch, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return fuseoverlay.Open(context.Background(), t.Layers, fuseoverlay.Options{
		Driver:   fuseoverlay.Driver(m.order.Driver),
		Volatile: m.order.Volatile,
		Scratch:  scratch,
		Program:  m.order.FUSE,
	})
}

// bind makes a detached mount of a directory, with what is mounted below it. In another
// mount namespace the path is that namespace's: whatever links there lead to stays there.
func bind(t Tree) (*fuseoverlay.Mount, error) {
	fd := -1
	clone := func() (err error) {
		fd, err = unix.OpenTree(unix.AT_FDCWD, t.Bind, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return &os.PathError{Op: "open_tree", Path: t.Bind, Err: err}
		}
		return nil
	}
	err := error(nil)
	if t.Namespace == "" {
		err = clone()
	} else {
		var ns *os.File
		if ns, err = os.Open(t.Namespace); err != nil {
			return nil, err
		}
		defer ns.Close() // read-only
		err = userns.Enter([]*os.File{ns}, clone)
	}
	if err != nil {
		return nil, err
	}
	return &fuseoverlay.Mount{Tree: os.NewFile(uintptr(fd), t.Bind), Driver: "bind"}, nil
}

// unmount gives the trees up.
func (m *monitor) unmount() {
	for _, t := range append(m.trees, m.root) {
		if t != nil {
			_ = t.Close() // the container is gone: there is nobody to tell
		}
	}
	m.trees, m.root = nil, nil
}

// unmountNamed gives up what is mounted at a path, before the path changes its name. The
// kernel's overlay is mounted nowhere.
func (m *monitor) unmountNamed() {
	if m.root != nil && m.root.Driver != fuseoverlay.Overlay {
		m.unmount()
	}
}

// instruct gives init all it needs, lets it prepare, and starts the workload.
func (m *monitor) instruct(conn *wire.Conn) error {
	files, finish, err := m.initFiles()
	defer closeFiles(finish)
	if err != nil {
		return err
	}
	if err := conn.Send(nil, files...); err != nil {
		return initDied(conn, err)
	}
	if err := m.announce(); err != nil {
		return err
	}
	var r sandbox.Reply
	console, err := conn.Receive(&r)
	if err != nil {
		return initDied(conn, err)
	}
	if r.Cause != "" {
		return refused(r)
	}
	for _, note := range r.Notes {
		_ = m.first.conn.Send(Event{Warning: note}) // a client that has gone is noticed below
	}
	if err := m.startStreams(console); err != nil {
		return err
	}
	if err := conn.Send(nil); err != nil {
		return initDied(conn, err)
	}
	if _, err := conn.Receive(&r); err == nil {
		return refused(r)
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("wait for the workload to start: %w", err)
	}
	return nil
}

// initDied looks for a last word of an init that has gone.
func initDied(conn *wire.Conn, err error) error {
	var r sandbox.Reply
	if _, rerr := conn.Receive(&r); rerr == nil && r.Cause != "" {
		return refused(r)
	}
	return fmt.Errorf("speak with init: %w", err)
}

// refused is the failure that init reported.
func refused(r sandbox.Reply) *Failed {
	message := r.Cause
	if r.Stage != "" {
		message = r.Stage + ": " + r.Cause
	}
	code := r.ExitCode
	if code == 0 {
		code = 125
	}
	return &Failed{Message: message, Remedy: r.Hint, Code: code}
}

// initFiles are the descriptors beside init's order. Those in the second result are of no
// more use here once they are sent.
func (m *monitor) initFiles() (files, finish []*os.File, err error) {
	config, err := os.Open(filepath.Join(m.container.Dir, "config.json"))
	if err != nil {
		return nil, nil, err
	}
	finish = append(finish, config)
	files = append(files, config, m.root.Tree)
	for _, t := range m.trees {
		files = append(files, t.Tree)
	}
	if !m.order.Terminal {
		stdio, err := m.makePipes()
		finish = append(finish, stdio...)
		if err != nil {
			return nil, finish, err
		}
		files = append(files, stdio...)
	}
	preserved := m.first.files[m.order.Attach.count():]
	return append(files, preserved...), append(finish, preserved...), nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // read-only, or handed on
	}
}
