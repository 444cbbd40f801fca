package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/monitor"
)

// clientPipes are our ends of the pipes between the caller's streams and the monitor.
type clientPipes struct {
	streams monitor.Streams
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
}

// openPipes makes the pipes for the streams to attach and returns the monitor's ends. A
// terminal has one output, which is the standard one.
func (l *launched) openPipes(o RunOptions) ([]*os.File, error) {
	p := &l.pipes
	p.streams = monitor.Streams{Stdin: o.AttachStdin, Stdout: o.AttachStdout, Stderr: o.AttachStderr && !o.Request.Terminal}
	if o.Detach {
		p.streams = monitor.Streams{}
	}
	var theirs []*os.File
	for _, s := range []struct {
		on    bool
		ours  **os.File
		write bool
	}{{p.streams.Stdin, &p.stdin, true}, {p.streams.Stdout, &p.stdout, false}, {p.streams.Stderr, &p.stderr, false}} {
		if !s.on {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(theirs)
			return nil, err
		}
		if s.write {
			*s.ours, theirs = w, append(theirs, r)
		} else {
			*s.ours, theirs = r, append(theirs, w)
		}
	}
	return theirs, nil
}

// endOfTransmission is ^D, a terminal's end of input; see VEOF in termios(3).
const endOfTransmission = 4

// session connects the caller's streams and terminal with a running workload.
type session struct {
	e        *Engine
	l        *launched
	options  RunOptions
	proxy    bool
	keys     []byte
	terminal *terminal // nil unless raw mode is on
	outputs  sync.WaitGroup
	detached chan struct{} // closed when the person typed the detach keys
	cancel   *os.File      // closing it ends the reading of input

	interrupts int // that the person sent
}

// newSession prepares to attach; begin does it.
func (e *Engine) newSession(o RunOptions, l *launched) (*session, error) {
	keys, err := parseDetachKeys(o.DetachKeys)
	if err != nil {
		return nil, err
	}
	s := &session{e: e, l: l, options: o, proxy: !o.NoSigProxy, keys: keys, detached: make(chan struct{})}
	if o.Request.Terminal && o.AttachStdin && !o.Detach && !isTerminal(e.Stdin) {
		e.Warn("standard input is not a terminal: --tty with --interactive works best on one")
	}
	return s, nil
}

// begin connects the streams now that the workload runs.
func (s *session) begin() error {
	p := s.l.pipes
	if p.stdout != nil {
		s.outputs.Go(func() { s.copyOut(s.e.Stdout, p.stdout, monitor.Broken{Stdout: true}) })
	}
	if p.stderr != nil {
		s.outputs.Go(func() { s.copyOut(s.e.Stderr, p.stderr, monitor.Broken{Stderr: true}) })
	}
	if s.l.terminal && p.stdin != nil && isTerminal(s.e.Stdin) {
		raw, err := makeRaw(s.e.Stdin)
		if err != nil {
			return fmt.Errorf("set the terminal to raw mode: %w", err)
		}
		s.terminal = raw
	}
	if s.l.terminal {
		s.resize()
	}
	if p.stdin == nil {
		return nil
	}
	stop, cancel, err := os.Pipe()
	if err != nil {
		return err
	}
	s.cancel = cancel
	go s.copyIn(p.stdin, stop) // ends when cancel is closed; the process does not outlive it by more
	return nil
}

// restore gives the terminal back as it was. It may be called several times.
func (s *session) restore() {
	if s.cancel != nil {
		_ = s.cancel.Close() // wakes copyIn
	}
	if s.terminal != nil {
		s.terminal.restore()
	}
}

// copyOut moves output to the caller until the monitor closes the pipe. When the caller's
// own reader has gone, the workload is told as a broken pipe would tell it.
func (s *session) copyOut(to, from *os.File, broken monitor.Broken) {
	defer from.Close() // read to its end
	if _, err := io.Copy(to, from); err != nil {
		_ = s.l.client.Send(monitor.Request{Broken: &broken}) // the monitor may have ended
	}
}

// copyIn moves input to the workload until its end, until the detach keys, or until stop
// becomes readable, which closing its other end does.
func (s *session) copyIn(to, stop *os.File) {
	defer stop.Close() // read-only
	defer to.Close()   // the workload sees the end of its input
	var filter *detachFilter
	if s.l.terminal {
		filter = &detachFilter{keys: s.keys}
	}
	in := int(s.e.Stdin.Fd())
	buf := make([]byte, 32<<10)
	for waitReadable(in, int(stop.Fd())) {
		n, err := unix.Read(in, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil || n <= 0 {
			if s.l.terminal {
				_, _ = to.Write([]byte{endOfTransmission}) // what a person types to end the input
			}
			return
		}
		data, detach := filter.pass(buf[:n])
		if _, err := to.Write(data); err != nil {
			return
		}
		if detach {
			close(s.detached)
			return
		}
	}
}

// follow serves signals and the terminal until the workload ends or the person detaches.
func (s *session) follow(signals *signalCatcher) (int, error) {
	signals.started()
	ended := make(chan monitor.Exited, 1)
	failed := make(chan error, 1)
	go s.listen(ended, failed)
	for {
		select {
		case sig := <-signals.caught:
			s.signal(sig)
		case <-s.detached:
			return 0, nil
		case end := <-ended:
			s.outputs.Wait()
			if end.TimedOut {
				s.e.Warn("the container was killed: its --timeout is over")
			}
			return end.Code, nil
		case err := <-failed:
			return 125, err
		}
	}
}

// listen receives the monitor's messages up to the end of the workload.
func (s *session) listen(ended chan<- monitor.Exited, failed chan<- error) {
	for {
		event, err := s.l.client.Next()
		switch {
		case err != nil:
			failed <- s.lost()
			return
		case event.Exited != nil:
			ended <- *event.Exited
			return
		case event.Warning != "":
			s.e.Warn(event.Warning)
		case event.Failed != nil:
			s.e.Warn(event.Failed.Message)
		}
	}
}

// lost explains the end of a monitor that did not tell how the workload ended.
func (s *session) lost() error {
	status, err := s.l.container.Status()
	if err == nil && status.Error != "" {
		return fmt.Errorf("follow the container: %s", status.Error)
	}
	return errors.New("follow the container: its monitor was killed")
}

// isGone says that the other end of a connection has closed it.
func isGone(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}
