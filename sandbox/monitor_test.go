package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/wire"
)

// job is what a test asks of the monitor.
type job struct {
	Spec     specs.Spec
	Root     string // a directory; becomes the root as it is
	Trees    []string
	Stdin    string
	Signal   int      // sent to the workload's init once it has written something
	Preserve int      // pipes for the workload
	Swap     []string // pairs of paths to exchange all the while
}

// outcome is what came of it.
type outcome struct {
	Refused  *Reply `json:",omitempty"`
	Notes    []string
	Code     int
	Out, Err string
}

func playMonitor() int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTOU) // as a monitor does
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, "monitor:", err)
		return 1
	}
	o, err := j.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "monitor:", err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		return 1
	}
	return 0
}

var namespaceFlags = map[specs.LinuxNamespaceType]uintptr{
	specs.PIDNamespace:     unix.CLONE_NEWPID,
	specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.IPCNamespace:     unix.CLONE_NEWIPC,
	specs.UTSNamespace:     unix.CLONE_NEWUTS,
	specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
}

func (j *job) run() (*outcome, error) {
	conn, theirs, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=init", "GOGC=off", "GOMAXPROCS=1"}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		cmd.SysProcAttr.AmbientCaps = append(cmd.SysProcAttr.AmbientCaps, c)
	}
	for _, ns := range j.Spec.Linux.Namespaces {
		cmd.SysProcAttr.Cloneflags |= namespaceFlags[ns.Type]
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start init: %w", err)
	}
	_ = theirs.Close()
	stop := j.swap()
	defer stop()
	o, err := j.drive(conn, cmd)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return o, nil
}

// swap exchanges pairs of paths again and again while init works.
func (j *job) swap() func() {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
			}
			for i := 0; i+1 < len(j.Swap); i += 2 {
				_ = unix.Renameat2(unix.AT_FDCWD, j.Swap[i], unix.AT_FDCWD, j.Swap[i+1], unix.RENAME_EXCHANGE)
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (j *job) drive(conn *wire.Conn, cmd *exec.Cmd) (*outcome, error) {
	files, out, errOut, err := j.files()
	if err != nil {
		return nil, err
	}
	if err := conn.Send(nil, files...); err != nil {
		return nil, fmt.Errorf("send the order: %w", err)
	}
	for _, f := range files {
		_ = f.Close()
	}
	o := &outcome{}
	var r Reply
	beside, err := conn.Receive(&r)
	if err != nil {
		return nil, fmt.Errorf("await readiness: %w", err)
	}
	o.Notes = r.Notes
	if r.Cause == "" {
		if err := conn.Send(nil); err != nil {
			return nil, err
		}
		r = Reply{}
		if _, err := conn.Receive(&r); errors.Is(err, io.EOF) {
			return o, j.finish(o, cmd, beside, out, errOut)
		}
	}
	o.Refused = &r
	_ = cmd.Wait()
	o.Code = cmd.ProcessState.ExitCode()
	return o, nil
}

func (j *job) finish(o *outcome, cmd *exec.Cmd, beside []*os.File, out, errOut *os.File) error {
	var first []byte
	if j.Signal != 0 {
		buf := make([]byte, 1)
		n, _ := out.Read(buf)
		first = buf[:n]
		if err := cmd.Process.Signal(syscall.Signal(j.Signal)); err != nil {
			return err
		}
	}
	if len(beside) == 1 { // a terminal
		if _, err := beside[0].WriteString(j.Stdin); err != nil {
			return err
		}
		out = beside[0]
	}
	done := make(chan []byte, 1)
	go func() { data, _ := io.ReadAll(errOut); done <- data }()
	data, _ := io.ReadAll(out) // EIO ends a terminal
	o.Out, o.Err = string(first)+string(data), string(<-done)
	_ = cmd.Wait()
	o.Code = cmd.ProcessState.ExitCode()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		o.Code = 128 + int(ws.Signal())
	}
	return nil
}

// files makes what goes beside the order, and the ends of the output pipes to read from.
func (j *job) files() (files []*os.File, out, errOut *os.File, err error) {
	config, err := os.CreateTemp("", "config")
	if err != nil {
		return nil, nil, nil, err
	}
	defer os.Remove(config.Name())
	if err := json.NewEncoder(config).Encode(j.Spec); err != nil {
		return nil, nil, nil, err
	}
	if _, err := config.Seek(0, io.SeekStart); err != nil {
		return nil, nil, nil, err
	}
	files = []*os.File{config}
	for _, dir := range append([]string{j.Root}, j.Trees...) {
		fd, err := cloneTree(unix.AT_FDCWD, dir, true)
		if err != nil {
			return nil, nil, nil, err
		}
		files = append(files, os.NewFile(uintptr(fd), dir))
	}
	stdin, feed, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := feed.WriteString(j.Stdin); err != nil {
		return nil, nil, nil, err
	}
	_ = feed.Close()
	out, outEnd, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	errOut, errEnd, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	if !j.Spec.Process.Terminal {
		files = append(files, stdin, outEnd, errEnd)
	} else {
		_ = outEnd.Close()
		_ = errEnd.Close()
	}
	for i := range j.Preserve {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, nil, err
		}
		fmt.Fprintf(w, "preserved %d\n", i)
		_ = w.Close()
		files = append(files, r)
	}
	return files, out, errOut, nil
}
