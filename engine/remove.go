package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/monitor"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// Remove removes a container with all its files. One that runs is an error with exit code
// 2, unless force says to kill it first; one that there is not has exit code 1, and is no
// error with force.
func (e *Engine) Remove(ctx context.Context, name string, force bool) error {
	e.sweep(ctx)
	c, err := e.home.Lookup(name)
	var missing *container.NotFoundError
	var damaged *container.DamagedError
	switch {
	case errors.As(err, &missing):
		if force {
			return nil
		}
		return &Error{Err: err, Code: 1}
	case err != nil && !errors.As(err, &damaged):
		return err
	}
	return e.removeContainer(ctx, c, force)
}

// removeExisting removes the container of a name that a new one wants.
func (e *Engine) removeExisting(ctx context.Context, name string) error {
	if err := e.Remove(ctx, name, true); err != nil {
		return fmt.Errorf("replace container %s: %w", name, err)
	}
	return nil
}

func (e *Engine) removeContainer(ctx context.Context, c *container.Container, force bool) error {
	for {
		lock, err := c.Lock()
		if err != nil {
			return err
		}
		if lock != nil {
			return e.removeLocked(ctx, c, lock)
		}
		if !force {
			return &Error{Code: 2, Err: &runningError{Name: shortName(c.Record.Name, c.Record.ID)}}
		}
		if err := e.end(ctx, c, unix.SIGKILL); err != nil {
			return fmt.Errorf("kill container %s: %w", shortName(c.Record.Name, c.Record.ID), err)
		}
		if _, err := os.Lstat(c.Dir); errors.Is(err, os.ErrNotExist) {
			return nil // --rm: its monitor does the rest
		}
	}
}

type runningError struct{ Name string }

func (e *runningError) Error() string {
	return fmt.Sprintf("remove container %s: it is running", e.Name)
}

func (e *runningError) Hint() string {
	return fmt.Sprintf("stop it first (rlc stop %s), or use --force", e.Name)
}

// removeLocked removes a container that nobody else works on.
func (e *Engine) removeLocked(ctx context.Context, c *container.Container, lock *os.File) error {
	defer lock.Close() // gone with the container
	leftover, err := c.Vanish()
	if err != nil {
		return err
	}
	if err := c.Erase(leftover); err == nil {
		return nil
	}
	return e.erase(ctx, c.Remains(leftover))
}

// erase removes directories with files of subordinate ids in them, inside a user namespace
// that has those ids.
func (e *Engine) erase(ctx context.Context, dirs []string) error {
	plan, err := e.storePlan(ctx)
	if err != nil {
		return err
	}
	_, err = e.task(ctx, plan, monitor.Task{Erase: dirs})
	return err
}

// task has a short-lived process inside a user namespace do something.
func (e *Engine) task(ctx context.Context, plan idmap.Plan, t monitor.Task) (monitor.Answer, error) {
	program, err := e.program("rlc-monitor")
	if err != nil {
		return monitor.Answer{}, err
	}
	conn, theirs, err := wire.Pair()
	if err != nil {
		return monitor.Answer{}, err
	}
	defer conn.Close() // the answer has come, or nobody is there
	process, err := userns.Start(ctx, userns.Options{
		Path: program, Args: []string{"rlc-monitor", "task"}, Env: monitorEnv[:], Plan: plan,
		Stdio: [3]*os.File{nil, nil, e.Stderr}, Files: []*os.File{theirs},
	})
	_ = theirs.Close() // the child's by now
	if err != nil {
		return monitor.Answer{}, err
	}
	if err := process.Mapped(); err != nil {
		return monitor.Answer{}, err
	}
	t.BecomeRoot = e.Identity.UID == 0
	answer, err := monitor.NewClient(conn).Do(t)
	_, werr := process.Wait()
	return answer, errors.Join(err, werr)
}

// sweep removes what starts and removals left behind whose processes were killed. What
// cannot be removed now is tried again next time.
func (e *Engine) sweep(ctx context.Context) {
	e.home.SweepNames()
	e.home.SweepRuntime()
	var dirs []string
	for _, dir := range e.home.Leftovers() {
		c := e.home.At(container.Record{ID: strings.TrimPrefix(filepath.Base(dir), "gone-")})
		if held, err := c.Held(); err == nil && !held { // otherwise its monitor is at it
			dirs = append(dirs, dir, c.Runtime)
		}
	}
	if len(dirs) > 0 {
		if err := e.erase(ctx, dirs); err != nil {
			e.Log.Debug("sweep", "error", err)
		}
	}
	for _, c := range e.home.Abandoned() {
		if err := e.removeContainer(ctx, c, false); err != nil {
			e.Log.Debug("sweep", "error", err)
		}
	}
}

// Kill sends a signal to the first process of a container that runs.
func (e *Engine) Kill(_ context.Context, name string, sig unix.Signal) error {
	c, _, err := e.running(name)
	if err != nil {
		return err
	}
	client, err := monitor.Dial(c)
	if err != nil {
		return err
	}
	defer client.Close() // the request is sent
	return client.Send(monitor.Request{Signal: int(sig)})
}

// defaultGrace is how long a container may take to end before it is killed.
const defaultGrace = 10 * time.Second

// Stop ends a container: its stop signal first, SIGKILL once grace is over. A nil grace
// means the container's own, a negative one for ever. One that does not run is no error.
func (e *Engine) Stop(ctx context.Context, name string, grace *time.Duration) error {
	c, err := e.home.Lookup(name)
	if err != nil {
		return err
	}
	wait := defaultGrace
	switch {
	case grace != nil:
		wait = *grace
	case c.Record.StopTimeout != nil:
		wait = time.Duration(*c.Record.StopTimeout) * time.Second
	}
	sig := unix.Signal(c.Record.StopSignal)
	if sig == 0 {
		sig = unix.SIGTERM
	}
	patient, cancel := ctx, context.CancelFunc(func() {})
	if wait >= 0 {
		patient, cancel = context.WithTimeout(ctx, wait)
	}
	defer cancel()
	err = e.end(patient, c, sig)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		e.Warn(fmt.Sprintf("container %s did not end within %s of %s: killing it", shortName(c.Record.Name, c.Record.ID), wait, unix.SignalName(sig)))
		return e.end(ctx, c, unix.SIGKILL)
	}
	return err
}

// end sends a signal and waits until the container has ended.
func (e *Engine) end(ctx context.Context, c *container.Container, sig unix.Signal) error {
	client, err := monitor.Dial(c)
	if errors.Is(err, monitor.ErrNoMonitor) {
		return nil
	}
	if err != nil {
		return err
	}
	defer client.Close() // the end has come, or is not waited for
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	if err := client.Send(monitor.Request{Signal: int(sig)}); err != nil && !isGone(err) {
		return err
	}
	for {
		_, err := client.Next() // the monitor hangs up when all is done
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, io.EOF) || isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
