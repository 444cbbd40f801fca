package monitor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// peer is a connected client.
type peer struct {
	conn  *wire.Conn
	files []*os.File // what came with the order
}

// openControl opens the control socket for later clients. They may come as soon as the
// container is known to run, so it is there before. A container without a control socket
// runs all the same, so what goes wrong is a warning.
func (m *monitor) openControl() {
	var err error
	if m.control, err = listen(filepath.Join(m.container.Runtime, SocketName)); err != nil {
		_ = m.first.conn.Send(Event{Warning: fmt.Sprintf("open the control socket: %v", err)}) // a client that has gone is noticed next
	}
}

// serve lets clients in; the result ends that.
func (m *monitor) serve() func() {
	if m.control == nil {
		return func() {}
	}
	go func() {
		for {
			conn, err := acceptFrom(m.control)
			if err != nil {
				return // closed
			}
			p := &peer{conn: conn}
			m.join(p)
			go m.listen(p)
		}
	}()
	return func() { _ = m.control.Close() } // the process ends
}

// listen makes a listening socket at path. The address of a unix socket has room for 107
// bytes, so it is reached through the directory's descriptor.
func listen(path string) (*os.File, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close() // read-only
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "control")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: shortPath(dir, path)}); err != nil {
		_ = f.Close() // unusable
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 64); err != nil {
		_ = f.Close() // unusable
		return nil, os.NewSyscallError("listen", err)
	}
	return f, nil
}

func shortPath(dir *os.File, path string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
}

// acceptFrom waits for the next client.
func acceptFrom(listener *os.File) (*wire.Conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	conn, failure := -1, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		conn, _, failure = unix.Accept4(int(fd), unix.SOCK_CLOEXEC)
		return !errors.Is(failure, unix.EAGAIN) && !errors.Is(failure, unix.EINTR) && !errors.Is(failure, unix.ECONNABORTED)
	})
	if err := errors.Join(err, failure); err != nil {
		return nil, err
	}
	return wire.New(os.NewFile(uintptr(conn), "client"))
}

// join makes a client one of those who hear of the end; one that comes late hears at once.
func (m *monitor) join(p *peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients = append(m.clients, p)
	if m.exited != nil {
		_ = p.conn.Send(Event{Exited: m.exited}) // it may have gone
	}
}

// listen carries out what a client asks until it goes.
func (m *monitor) listen(p *peer) {
	defer m.forget(p)
	for {
		var r Request
		files, err := p.conn.Receive(&r)
		if err != nil {
			return // it has gone; the workload stays
		}
		if err := m.carryOut(p, r, files); err != nil {
			_ = p.conn.Send(Event{Failed: failure(err)}) // the next Receive ends when it has gone
		}
	}
}

func (m *monitor) forget(p *peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients = slices.DeleteFunc(m.clients, func(other *peer) bool { return other == p })
	_ = p.conn.Close() // both ways are done
}

// broadcast tells every client something.
func (m *monitor) broadcast(e Event) {
	m.mu.Lock()
	clients := slices.Clone(m.clients)
	m.mu.Unlock()
	for _, p := range clients {
		_ = p.conn.Send(e) // whoever has gone does not care
	}
}

// carryOut does one request.
func (m *monitor) carryOut(p *peer, r Request, files []*os.File) error {
	switch {
	case r.Signal != 0:
		return m.signal(syscall.Signal(r.Signal))
	case r.Resize != nil:
		return m.resize(*r.Resize)
	case r.Broken != nil:
		if r.Broken.Stdout && m.stdout != nil {
			m.stdout.broken()
		}
		if r.Broken.Stderr && m.stderr != nil {
			m.stderr.broken()
		}
		return nil
	case r.Spawn != nil:
		return m.spawn(p, *r.Spawn, files)
	}
	closeFiles(files)
	return nil
}

// signal sends a signal to the workload's first process.
func (m *monitor) signal(s syscall.Signal) error {
	err := m.init.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil // what was wanted has come to pass
	}
	return err
}

// spawn starts another container's monitor in this one's user namespace, which only a
// process inside can do: setns(2) refuses user namespaces to a process with threads.
func (m *monitor) spawn(p *peer, s Spawn, files []*os.File) error {
	defer closeFiles(files)
	attr := &os.ProcAttr{
		Env:   s.Env,
		Files: append([]*os.File{nil, nil, nil}, files...),
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, AmbientCaps: userns.Capabilities(), Setsid: true},
	}
	process, err := os.StartProcess(s.Path, s.Args, attr)
	if err != nil {
		return fmt.Errorf("start the other monitor: %w", err)
	}
	go process.Wait() // only reaps: its client learns how it ended
	return p.conn.Send(Event{Spawned: &Spawned{Pid: process.Pid}})
}
