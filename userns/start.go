// Package userns starts programs of rlc in new user namespaces, puts threads of the
// calling process into namespaces of others, and explains why a machine refuses either. It
// knows no containers; which ids are mapped is package idmap's.
//
// Start runs in rlc; Arrive and BecomeRoot in the programs it starts (rlc-monitor,
// rlc-image); Enter in rlc-monitor.
package userns

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/idmap"
)

// Options describe a program to start. Path, Args and Plan are needed.
type Options struct {
	Path  string      // the program, absolute
	Args  []string    // argv, the name included
	Env   []string    // the whole environment
	Dir   string      // working directory; empty: the caller's
	Stdio [3]*os.File // standard streams; nil: /dev/null
	Files []*os.File  // become descriptors 3, 4, ... of the program
	Plan  idmap.Plan  // the mapping of its user namespace
	// Session starts a session of its own, which no terminal's signals reach; see setsid(2).
	Session bool
	// DieWithParent has the kernel kill the program when this process ends, however it does.
	// A program that calls BecomeRoot must say so there.
	DieWithParent bool
}

// Process is a started program. Whoever started it calls Wait.
type Process struct {
	Pid int // in the caller's pid namespace

	pidfd    int
	mapped   chan struct{} // closed when mapErr is known
	mapErr   error
	reaped   chan struct{} // closed when status and waitErr are known
	reap     sync.Once
	status   syscall.WaitStatus
	waitErr  error
	signal   sync.RWMutex // held while pidfd is used or closed
	finished bool
}

// Start starts a program in a new user namespace and a new mount namespace, with all
// capabilities in them although its ids are not mapped yet: that goes on while the program
// starts, and Mapped tells how it ended. The program inherits all capabilities as ambient
// ones; see Arrive.
//
// The end of ctx stops the mapping; once it is done, ctx means nothing more. The files stay
// the caller's; all others from 3 on become close-on-exec in the whole process. Where the machine forbids user namespaces the error is a *ForbiddenError.
func Start(ctx context.Context, o Options) (*Process, error) {
	// Only the descriptors of o may reach the program, not what a shell left open in rlc.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("close_range", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p := &Process{pidfd: -1, mapped: make(chan struct{}), reaped: make(chan struct{})}
	attr := &syscall.ProcAttr{
		Dir:   o.Dir,
		Env:   o.Env,
		Files: descriptors(o, null),
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			AmbientCaps: Capabilities(),
			Setsid:      o.Session,
			PidFD:       &p.pidfd,
		},
	}
	if o.DieWithParent {
		attr.Sys.Pdeathsig = syscall.SIGKILL
		err = p.startHeld(o, attr)
	} else {
		p.Pid, _, err = syscall.StartProcess(o.Path, o.Args, attr)
	}
	runtime.KeepAlive(o.Files)
	runtime.KeepAlive(o.Stdio)
	if err != nil {
		return nil, explain(o.Path, fmt.Errorf("start %s in a user namespace: %w", o.Path, err))
	}
	go p.apply(ctx, o.Plan)
	return p, nil
}

func descriptors(o Options, null *os.File) []uintptr {
	fds := make([]uintptr, 0, len(o.Stdio)+len(o.Files))
	for _, f := range o.Stdio {
		if f == nil {
			f = null
		}
		fds = append(fds, f.Fd())
	}
	for _, f := range o.Files {
		fds = append(fds, f.Fd())
	}
	return fds
}

// startHeld starts the program on a thread that lasts as long as the program does: the
// parent that a death signal watches is the thread, not the process; see prctl(2).
func (p *Process) startHeld(o Options, attr *syscall.ProcAttr) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		p.Pid, _, err = syscall.StartProcess(o.Path, o.Args, attr)
		started <- err
		if err == nil {
			<-p.reaped
		}
	}()
	return <-started
}

// apply writes the maps; a program that cannot have them is ended.
func (p *Process) apply(ctx context.Context, plan idmap.Plan) {
	defer close(p.mapped)
	p.mapErr = plan.Apply(ctx, p.Pid)
	if p.mapErr != nil {
		_ = p.Kill() // it may have ended by itself
		p.await()
	}
}

// Mapped waits until the program's ids are mapped. On an error the program has been killed
// and reaped. It may be called any number of times, concurrently.
func (p *Process) Mapped() error {
	<-p.mapped
	return p.mapErr
}

// Wait waits until the program has ended and says how. It may be called any number of
// times, concurrently.
func (p *Process) Wait() (syscall.WaitStatus, error) {
	<-p.mapped // Apply needs the process id to stay this program's
	p.await()
	return p.status, p.waitErr
}

// Signal sends a signal. To a program that was waited for it returns os.ErrProcessDone.
func (p *Process) Signal(signal syscall.Signal) error {
	p.signal.RLock()
	defer p.signal.RUnlock()
	if p.finished {
		return os.ErrProcessDone
	}
	err := unix.PidfdSendSignal(p.pidfd, signal, nil, 0)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// Kill ends the program at once. Wait must still be called.
func (p *Process) Kill() error { return p.Signal(syscall.SIGKILL) }

// await reaps the program, once.
func (p *Process) await() {
	p.reap.Do(func() {
		for {
			_, err := syscall.Wait4(p.Pid, &p.status, 0, nil)
			if err != syscall.EINTR {
				p.waitErr = os.NewSyscallError("wait4", err)
				break
			}
		}
		p.signal.Lock()
		p.finished = true
		_ = unix.Close(p.pidfd) // nothing was written
		p.signal.Unlock()
		close(p.reaped)
	})
}
