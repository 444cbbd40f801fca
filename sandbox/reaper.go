package sandbox

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// reap is the life of an init that stays: it starts the workload, hands on the signals that
// it gets, buries the dead, and returns the workload's exit code. It has the rights of the
// workload, on all threads, and nothing open that the workload does not have.
func (s *setup) reap() (code int, stage string, err error) {
	for _, step := range []step{
		{"start a session", func() error { return ignoreLeader(unix.Setsid()) }},
		{"reset signals", resetSignals},
		{"set resource limits", s.setRlimits},
		{"set the umask", s.setUmask},
		{"drop privileges", func() error { return s.drop(caller{everywhere: true}) }},
		{"hide from the workload", s.hide}, // changed ids may have made it visible
	} {
		if err := step.do(); err != nil {
			return 0, step.name, err
		}
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	child, err := s.spawn()
	if err != nil {
		return 0, execStage(s.spec.Process.Args[0]), err
	}
	if err := s.release(); err != nil {
		return 0, "release descriptors", err
	}
	_ = s.conn.Close() // tells the monitor that the workload runs
	go forward(signals, child)
	return wait(child), "", nil
}

// ignoreLeader makes it no error that a process leads a session already.
func ignoreLeader(_ int, err error) error {
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return os.NewSyscallError("setsid", err)
}

// spawn starts the workload in a session of its own, so that its terminal's signals are not
// also forwarded to it.
func (s *setup) spawn() (pid int, err error) {
	attr := &syscall.ProcAttr{
		Env:   s.env,
		Files: s.inherited(),
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: s.master != nil, Ctty: 0},
	}
	args := s.spec.Process.Args
	err = launch(args[0], s.env, func(path string) (err error) {
		pid, err = syscall.ForkExec(path, args, attr)
		return err
	})
	return pid, err
}

// forward hands signals on to the workload. SIGCHLD is about init itself; SIGURG is what Go's
// scheduler sends, and by default means nothing.
func forward(signals <-chan os.Signal, child int) {
	for sig := range signals {
		number, ok := sig.(syscall.Signal)
		if !ok || number == unix.SIGCHLD || number == unix.SIGURG {
			continue
		}
		_ = unix.Kill(child, number) // it may just have ended
	}
}

// wait buries every process that ends, until the workload does.
func wait(child int) int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return exitSetup
		case pid != child:
		case status.Exited():
			return status.ExitStatus()
		case status.Signaled():
			return exitSignalBase + int(status.Signal())
		}
	}
}
