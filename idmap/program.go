package idmap

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every outside program: behind them may stand a directory service that
// does not answer.
const patience = 20 * time.Second

// maxOutput is more than any of these programs has to say.
const maxOutput = 1 << 20

// program is a running outside program. It is started below os/exec: two of them stand in
// the way of every container start.
type program struct {
	path   string
	pid    int
	output *os.File
}

// find returns the absolute path of a program. The person's PATH does not count: these
// programs belong to the system. The first directory is where NixOS has its setuid programs.
func find(name string) (path string, ok bool) {
	for _, dir := range []string{"/run/wrappers/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"} {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.F_OK) == nil {
			return path, true
		}
	}
	return "", false
}

// start runs a program with nothing to read and a minimal environment. The caller waits for it.
func start(path string, args ...string) (*program, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer w.Close()
	pid, _, err := syscall.StartProcess(path, append([]string{filepath.Base(path)}, args...), &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"},
		Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
	})
	if err != nil {
		_ = r.Close() // nobody writes to it
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	return &program{path: path, pid: pid, output: r}, nil
}

// wait returns what the program wrote, to standard output and error alike, once it has
// ended or has been killed because ctx ended or patience did. success means exit status 0.
func (p *program) wait(ctx context.Context) (output string, success bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	idle := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(idle)
		_ = unix.Kill(p.pid, unix.SIGKILL)       // it may have ended already
		_ = p.output.SetReadDeadline(time.Now()) // a child of it may hold the pipe
	})
	data, _ := io.ReadAll(io.LimitReader(p.output, maxOutput)) // the exit status tells the rest
	_ = p.output.Close()                                       // read only
	err = ended(p.pid)
	if !stop() {
		<-idle // before reaping: its process id must not be another's when it is killed
	}
	var status syscall.WaitStatus
	if err == nil {
		_, err = syscall.Wait4(p.pid, &status, 0, nil)
	}
	output = strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return output, false, fmt.Errorf("wait for %s: %w", p.path, err)
	case ctx.Err() != nil && !status.Exited():
		return output, false, fmt.Errorf("wait for %s: %w", p.path, context.Cause(ctx))
	}
	return output, status.Exited() && status.ExitStatus() == 0, nil
}

// ended waits for the end of a process and leaves it to be reaped.
func ended(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
