package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/monitor"
	"github.com/rlc-containers/rlc/userns"
)

// RunOptions ask for a container that runs at once.
type RunOptions struct {
	Request bundle.Request
	// Attach says which streams of the workload the caller's are connected with.
	AttachStdin, AttachStdout, AttachStderr bool
	Detach                                  bool          // print the id and return when the workload runs
	DetachKeys                              string        // ctrl-p,ctrl-q when empty; "none" for no such keys
	NoSigProxy                              bool          // signals are for rlc itself
	Replace                                 bool          // remove a container of the same name first
	Quiet                                   bool          // no progress of a pull
	Image                                   image.Request // TLSVerify, AuthFile, Creds, Progress... of a pull
}

// Run makes a container, starts it, connects it with the caller's streams and waits for its
// end, whose exit code it returns. The error is about rlc itself; its exit code is 125,
// 126 or 127 as Docker's.
func (e *Engine) Run(ctx context.Context, o RunOptions) (int, error) {
	ctx, signals := catchSignals(ctx)
	defer signals.stop()
	l, err := e.launch(ctx, o)
	if err != nil {
		if caught := signals.first(); caught != 0 && errors.Is(err, context.Canceled) {
			return 128 + caught, nil
		}
		return 125, asExit(err, 125)
	}
	defer l.client.Close() // the workload's end has been told, or does not matter
	s, err := e.newSession(o, l)
	if err != nil {
		return 125, asExit(err, 125)
	}
	defer s.restore()
	if err := e.awaitStart(l, s); err != nil {
		return 125, asExit(err, 125)
	}
	if o.Detach {
		_, err := fmt.Fprintln(e.Stdout, l.container.Record.ID)
		return 0, err
	}
	return s.follow(signals)
}

// awaitStart hands the maps' readiness to the monitor and waits until the workload runs.
func (e *Engine) awaitStart(l *launched, s *session) error {
	if err := l.mapped(); err != nil {
		l.discard()
		return err
	}
	if err := l.client.Mapped(); err != nil && !isGone(err) {
		return fmt.Errorf("speak with the monitor: %w", err)
	}
	for {
		event, err := l.client.Next()
		switch {
		case err != nil:
			l.discard()
			if errors.Is(err, io.EOF) || isGone(err) {
				return monitorEnded()
			}
			return fmt.Errorf("speak with the monitor: %w", err)
		case event.Failed != nil:
			l.discard()
			return event.Failed
		case event.Warning != "":
			e.Warn(event.Warning)
		case event.Started != nil:
			e.Log.Debug("started", "id", l.container.Record.ID, "pid", event.Started.Pid, "driver", event.Started.Driver)
			if err := writePIDFile(s.options.Request.PIDFile, event.Started.Pid); err != nil {
				_ = l.client.Send(monitor.Request{Signal: int(unix.SIGKILL)}) // it may have ended
				return err
			}
			return s.begin()
		}
	}
}

// monitorEnded explains the end of a monitor that did not say why: on some machines its user
// namespace may be made but has no power.
func monitorEnded() error {
	if err := userns.Restriction(); err != nil {
		return fmt.Errorf("start the container: %w", err)
	}
	return errors.New("start the container: its monitor ended unexpectedly")
}

// writeCIDFile creates the file that will hold the id. An existing one may belong to a
// container that still runs.
func writeCIDFile(path, id string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &cidFileError{Path: path}
	}
	if err != nil {
		return fmt.Errorf("make the container id file: %w", err)
	}
	_, err = f.WriteString(id)
	return errors.Join(err, f.Close())
}

// writePIDFile writes the pid, on the host, of the workload's first process.
func writePIDFile(path string, pid int) error {
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, strconv.AppendInt(nil, int64(pid), 10), 0o644); err != nil {
		return fmt.Errorf("write the pid file: %w", err)
	}
	return nil
}

type cidFileError struct{ Path string }

func (e *cidFileError) Error() string {
	return fmt.Sprintf("make the container id file: %s exists", e.Path)
}

func (e *cidFileError) Hint() string {
	return "make sure that no container uses it any more and delete it"
}

// shortName is how a container shows itself in messages.
func shortName(name, id string) string {
	if name != "" {
		return name
	}
	return strings.ToLower(id[:12])
}
