package fuseoverlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Grace periods of a daemon whose tree is closed, before it is asked to end, and before it is made to.
// It ends by itself as soon as nobody has a file of the tree open.
const (
	closeGrace = 10 * time.Second
	termGrace  = 5 * time.Second
)

// daemon is a running fuse-overlayfs.
type daemon struct {
	cmd    *exec.Cmd
	stderr tail
	done   chan struct{} // closed once it has ended and err is set
	err    error
}

// startDaemon starts program in the foreground. It dies with us. The first of files is the device.
func startDaemon(program, options string, files []*os.File) (*daemon, error) {
	d := &daemon{done: make(chan struct{})}
	d.cmd = &exec.Cmd{
		Path:        program,
		Args:        []string{"fuse-overlayfs", "-f", "-o", options, fmt.Sprint("/dev/fd/", deviceFD)},
		Env:         []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Dir:         "/",
		ExtraFiles:  files,
		Stderr:      &d.stderr,
		SysProcAttr: &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true, AmbientCaps: heldCapabilities()},
	}
	started := make(chan error, 1)
	go func() {
		// The death signal comes when the thread that forked ends: keep it until the child is gone; see prctl(2).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			d.err = d.cmd.Wait()
			close(d.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, &UnavailableError{Cause: fmt.Sprintf("run %s: %v", program, err)}
	}
	return d, nil
}

// heldCapabilities are those that a child which is not root must be handed on; root keeps them anyway.
func heldCapabilities() []uintptr {
	if os.Geteuid() == 0 {
		return nil
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return nil // the child will say what it lacks
	}
	var held []uintptr
	for c := range uintptr(64) {
		if data[c/32].Permitted&(1<<(c%32)) != 0 {
			held = append(held, c)
		}
	}
	return held
}

// answer waits until the daemon has answered for tree once, and ends it if it does not.
func (d *daemon) answer(ctx context.Context, tree *os.File) error {
	answered := make(chan error, 1)
	go func() {
		var st unix.Stat_t
		answered <- unix.Fstatat(int(tree.Fd()), "", &st, unix.AT_EMPTY_PATH)
	}()
	select {
	case err := <-answered:
		if err == nil {
			return nil
		}
		d.kill()
		return &UnavailableError{Cause: d.death()}
	case <-ctx.Done():
		d.kill()
		<-answered // with nobody to serve it, the request has failed
		return ctx.Err()
	}
}

// early returns how the program has failed while its tree was still open; nil: it has not.
func (d *daemon) early() error {
	select {
	case <-d.done:
		if d.err != nil {
			return errors.New(d.death())
		}
	default:
	}
	return nil
}

// stop waits for the program's end once its tree is closed. Which code it ends with does not
// matter then: a connection that goes while it reads makes it call that a failure. A signal
// does, unless it is ours.
func (d *daemon) stop() error {
	select {
	case <-d.done:
		if status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return errors.New(d.death())
		}
		return nil
	case <-time.After(closeGrace):
	}
	_ = d.cmd.Process.Signal(unix.SIGTERM) // it may have ended meanwhile
	select {
	case <-d.done:
	case <-time.After(termGrace):
		d.kill()
	}
	return nil
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended meanwhile
	<-d.done
}

// death says how the daemon ended.
func (d *daemon) death() string {
	<-d.done
	how := "exit status 0"
	if d.err != nil {
		how = d.err.Error()
	}
	if said := d.stderr.String(); said != "" {
		return fmt.Sprintf("fuse-overlayfs ended: %s: %s", how, said)
	}
	return "fuse-overlayfs ended: " + how
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu   sync.Mutex
	last []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	const limit = 2048
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if n := len(t.last) - limit; n > 0 {
		t.last = append(t.last[:0], t.last[n:]...)
	}
	return len(p), nil
}

// String gives it in one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join(bytes.Fields(t.last), []byte(" ")))
}
