package monitor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/fuseoverlay"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// Descriptors that a monitor is born with.
const (
	orderFD = 3 // connection to the first client
	lockFD  = 4 // the container's lock, held
)

// monitor is the state of the process.
type monitor struct {
	order     Order
	container *container.Container
	lock      *os.File
	first     *peer // the client that started the container

	self    *os.File // this program, read-only
	init    *os.Process
	pid     int    // of init: it outlives the process handle
	mounts  string // names init's mount namespace, where the container has no pid namespace of its own
	console *os.File
	root    *fuseoverlay.Mount
	trees   []*fuseoverlay.Mount
	stdin   *input
	stdout  *output
	stderr  *output
	started time.Time
	control *os.File // the control socket, listening; nil: there is none

	over chan struct{} // closed at the end of the process

	mu       sync.Mutex
	clients  []*peer
	exited   *Exited
	timedOut bool
}

// Main is the whole life of a monitor; it returns the exit code of the process. It keeps its
// thread: init, born of it, is to die with it, and so with the monitor.
func Main() int {
	runtime.LockOSThread()
	// What a monitor starts, init and other monitors and fuse-overlayfs, needs capabilities.
	if err := userns.ArriveAmbient(); err != nil {
		fmt.Fprintln(os.Stderr, "rlc-monitor: arrive in the user namespace:", err)
		return 125
	}
	ignoreSignals()
	unix.Umask(0o022)
	m, err := accept()
	if errors.Is(err, io.EOF) {
		return 125 // rlc gave up meanwhile, and says why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rlc-monitor: receive the order:", err)
		return 125
	}
	defer close(m.over)
	if err := m.start(); err != nil {
		m.abandon(err)
		return 125
	}
	m.live()
	return 0
}

// accept receives the order over the inherited connection.
func accept() (*monitor, error) {
	conn, err := wire.New(os.NewFile(orderFD, "order"))
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(lockFD)
	m := &monitor{lock: os.NewFile(lockFD, "lock"), first: &peer{conn: conn}, over: make(chan struct{})}
	m.first.files, err = conn.Receive(&m.order)
	if err != nil {
		return nil, err
	}
	if want := m.order.Attach.count() + m.order.Preserve; len(m.first.files) != want {
		return nil, fmt.Errorf("%d descriptors came with it instead of %d", len(m.first.files), want)
	}
	m.container = m.order.Home.At(container.Record{ID: m.order.ID, Name: m.order.Name, Volumes: m.order.Volumes})
	return m, nil
}

// start brings the workload to life and tells the client.
func (m *monitor) start() error {
	conn, err := m.startInit()
	if err != nil {
		return err
	}
	defer conn.Close() // closes early where its end matters; a second time does nothing
	if err := m.awaitMaps(); err != nil {
		return err
	}
	if err := m.mountTrees(); err != nil {
		return err
	}
	if err := m.instruct(conn); err != nil {
		return err
	}
	if err := dropStderr(); err != nil {
		return err
	}
	return m.first.conn.Send(Event{Started: &Started{Pid: m.pid, Driver: string(m.driver())}})
}

// announce makes the container known as running. That is done while init prepares it: once
// the workload runs, the disk may be full.
func (m *monitor) announce() error {
	m.openControl()
	m.started = time.Now()
	status := container.Status{State: container.Running, Pid: m.pid, Monitor: os.Getpid(), Started: m.started, Driver: string(m.driver())}
	if err := m.container.SetStatus(status); err != nil {
		return fmt.Errorf("record the start: %w", err)
	}
	return nil
}

// driver is how the root is mounted; a directory used in place has none.
func (m *monitor) driver() fuseoverlay.Driver {
	if m.root == nil {
		return ""
	}
	return m.root.Driver
}

// awaitMaps waits until rlc has written the id maps, and takes on the namespace's root
// where the invoking user has no id in it.
func (m *monitor) awaitMaps() error {
	if _, err := m.first.conn.Receive(nil); err != nil {
		return fmt.Errorf("wait for the id maps: %w", err)
	}
	if !m.order.BecomeRoot {
		return nil
	}
	return becomeRoot()
}

// becomeRoot makes the process root of the user namespace, with no further groups.
func becomeRoot() error {
	if err := syscall.Setgroups(nil); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	return userns.BecomeRoot(false)
}

// dropStderr lets go of the client's standard error, which was only for the worst during
// the start: whoever reads it would wait for its end.
func dropStderr() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close() // duplicated
	return os.NewSyscallError("dup3", unix.Dup3(int(null.Fd()), 2, 0))
}

// abandon ends a start that went wrong: no workload, no trace, and the reason to the client.
func (m *monitor) abandon(cause error) {
	if m.init != nil {
		_ = m.init.Kill() // may have ended by itself
		_, _ = m.init.Wait()
	}
	m.unmount()
	leftover, err := m.container.Vanish()
	if err == nil {
		_ = m.container.Erase(leftover) // the cause is the message to give
	}
	_ = m.first.conn.Send(Event{Failed: failure(cause)}) // the client may have gone
}

// failure turns an error into what a client is told.
func failure(err error) *Failed {
	var told *Failed
	if errors.As(err, &told) {
		return told
	}
	f := &Failed{Message: err.Error(), Code: 125}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		f.Remedy = hinter.Hint()
	}
	return f
}

// live watches the running workload to its end and cleans up.
func (m *monitor) live() {
	m.join(m.first) // before anything can end: it must hear of it
	stop := m.serve()
	go m.listen(m.first)
	timeout := m.armTimeout()
	slim := time.AfterFunc(time.Second, slimDown)
	state, err := m.init.Wait()
	slim.Stop()
	timeout()
	m.killStragglers()
	m.drain()
	m.finish(exitOf(state, err))
	stop()
}

// slimDown gives back the memory that the start needed and the rest of a long life will not,
// and turns on the garbage collection that a short one does without.
func slimDown() {
	debug.SetGCPercent(50)
	debug.FreeOSMemory()
}

func exitOf(state *os.ProcessState, err error) Exited {
	if err != nil {
		return Exited{Code: 137}
	}
	ws, _ := state.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return Exited{Code: 128 + int(ws.Signal())}
	}
	return Exited{Code: ws.ExitStatus()}
}

// armTimeout kills the workload after the time it was given; the result disarms it.
func (m *monitor) armTimeout() func() {
	if m.order.Timeout == 0 {
		return func() {}
	}
	t := time.AfterFunc(time.Duration(m.order.Timeout)*time.Second, func() {
		m.mu.Lock()
		m.timedOut = true
		m.mu.Unlock()
		_ = m.init.Kill() // ends the pid namespace, all processes with it
	})
	return func() { t.Stop() }
}

// finish records and tells the end, and leaves nothing behind. The client does not wait
// for the last part, since freeing an overlay that must survive a crash writes all of it to
// disk; unless the next container could miss the space.
func (m *monitor) finish(end Exited) {
	m.mu.Lock()
	end.TimedOut = m.timedOut
	m.mu.Unlock()
	status := container.Status{State: container.Exited, Started: m.started, Finished: time.Now(), ExitCode: end.Code, Driver: string(m.driver())}
	if end.TimedOut {
		status.Error = fmt.Sprintf("killed after %d seconds, as --timeout asked", m.order.Timeout)
	}
	var leftover string
	var err error
	if m.order.Remove {
		m.unmountNamed()
		leftover, err = m.container.Vanish()
	} else {
		err = m.container.SetStatus(status)
	}
	if err != nil {
		m.broadcast(Event{Warning: fmt.Sprintf("record the end of the container: %v", err)})
	}
	waiting := leftover != "" && scarce(leftover)
	if waiting {
		m.clean(leftover)
	}
	m.mu.Lock()
	m.exited = &end
	m.mu.Unlock()
	m.broadcast(Event{Exited: &end})
	if !waiting {
		m.clean(leftover)
	}
}

// clean frees the container's mounts and removes what is not to stay.
func (m *monitor) clean(leftover string) {
	m.unmount()
	if leftover != "" {
		_ = m.container.Erase(leftover) // what remains is found and removed by rlc ps and rm
	} else {
		m.tidyRuntime()
	}
}

// scarce says that there is little space left on a directory's file system: less than a
// fiftieth of it, or than a container may well have taken.
func scarce(dir string) bool {
	const little = 256 << 20 // bytes
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return false
	}
	return s.Bavail < s.Blocks/50 || s.Bavail*uint64(s.Bsize) < little
}
