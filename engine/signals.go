package engine

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/monitor"
)

// signalCatcher catches what is meant for the workload. Until the workload runs, a signal
// that would end rlc cancels the context instead, so that nothing is left behind.
type signalCatcher struct {
	raw     chan os.Signal
	caught  chan os.Signal
	ending  atomic.Int32 // the first signal that would have ended rlc
	cancel  context.CancelFunc
	running atomic.Bool
	done    chan struct{}
}

// catchSignals begins to catch what would end rlc; stop ends it. What else is meant for the
// workload is caught from started on: to catch a signal takes the runtime microseconds each.
func catchSignals(ctx context.Context) (context.Context, *signalCatcher) {
	ctx, cancel := context.WithCancel(ctx)
	c := &signalCatcher{raw: make(chan os.Signal, 64), caught: make(chan os.Signal, 64), cancel: cancel, done: make(chan struct{})}
	signal.Notify(c.raw, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	signal.Ignore(unix.SIGPIPE) // a closed output is an error to handle
	go c.sort()
	return ctx, c
}

// started says that the workload runs: from now on signals are its own.
func (c *signalCatcher) started() {
	c.running.Store(true)
	const first, last = syscall.Signal(1), syscall.Signal(64)
	var all []os.Signal
	for s := first; s <= last; s++ {
		switch s {
		case unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE, unix.SIGPROF, unix.SIGTTIN, unix.SIGTTOU, unix.SIGKILL, unix.SIGSTOP:
		default:
			all = append(all, s)
		}
	}
	signal.Notify(c.raw, all...)
}

// sort passes signals on, or before the workload runs cancels the start.
func (c *signalCatcher) sort() {
	for {
		select {
		case s := <-c.raw:
			c.take(s)
		case <-c.done:
			signal.Stop(c.raw)
			return
		}
	}
}

func (c *signalCatcher) take(s os.Signal) {
	switch s {
	case unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT:
		if !c.running.Load() {
			if n, ok := s.(syscall.Signal); ok {
				c.ending.CompareAndSwap(0, int32(n))
			}
			c.cancel()
		}
	}
	select {
	case c.caught <- s:
	default: // a flood: the workload has enough of them waiting
	}
}

// first is the signal that cancelled the start; 0: none did.
func (c *signalCatcher) first() int { return int(c.ending.Load()) }

func (c *signalCatcher) stop() {
	close(c.done)
	c.cancel()
}

// patience is how many interrupts a person sends before the workload, which ignores them,
// is killed.
const patience = 3

// signal handles one that rlc caught while the workload runs.
func (s *session) signal(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	if n == unix.SIGWINCH {
		s.resize()
		return
	}
	if !s.proxy {
		s.own(n)
		return
	}
	if n == unix.SIGINT {
		s.interrupts++
		if s.interrupts == patience {
			s.e.Warn("the container ignores interrupts: killing it")
			n = unix.SIGKILL
		}
	}
	_ = s.l.client.Send(monitor.Request{Signal: int(n)}) // its end is told elsewhere
	if n == unix.SIGTSTP {
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP) // the shell's job control sees rlc stop
	}
}

// own does what a signal does to a program that does not catch it, with the terminal restored.
func (s *session) own(n syscall.Signal) {
	switch n {
	case unix.SIGCONT, unix.SIGWINCH:
		return
	case unix.SIGTSTP:
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		return
	}
	s.restore()
	signal.Reset(n)
	_ = unix.Kill(os.Getpid(), n)
}
