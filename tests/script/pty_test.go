package script

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// terminal is a pty with a program on it.
type terminal struct {
	master *os.File
	fd     int // the master's: File.Fd would make it blocking, and Close would wait for a read
	cmd    *exec.Cmd

	mu      sync.Mutex
	news    *sync.Cond // of fresh and ended
	fresh   []byte     // output that no expectation has consumed
	ended   bool
	written []byte // all output
}

// converse runs a command on a terminal of 24 lines of 80 and follows a dialogue:
//
//	expect REGEXP       wait until the output since the last expectation matches
//	send TEXT           type TEXT, quoted as in Go: "ls\r", "\x10\x11"
//	resize ROWS COLS
//	signal NUMBER       send a signal to the command
//	hangup              take the terminal away
//	raw, cooked         the terminal must be in this mode now or in a moment
//	exit CODE           wait for the command's end and expect this code (0 if not said)
//
// All output is left in the file pty.out.
func converse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pty DIALOGUE COMMAND ARGS...")
	}
	dialogue := ts.ReadFile(args[0])
	environ := []string{"TERM=xterm"}
	for _, name := range []string{"PATH", "HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR", "USER", "RLC_ROOT", "RLC_RUNROOT"} {
		if value := ts.Getenv(name); value != "" {
			environ = append(environ, name+"="+value)
		}
	}
	program := args[1]
	if !strings.Contains(program, "/") {
		program = ts.Getenv("BIN") + "/" + program
	}
	term, err := openTerminal(program, args[2:], environ, ts.Getenv("WORK"))
	ts.Check(err)
	defer term.close()
	ended := false
	for n, line := range strings.Split(dialogue, "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "" || verb[0] == '#' {
			continue
		}
		ended = ended || verb == "exit"
		if err := term.follow(verb, rest); err != nil {
			ts.Logf("[terminal]\n%s", term.output())
			ts.Fatalf("%s:%d: %s %s: %v", args[0], n+1, verb, rest, err)
		}
	}
	if !ended {
		ts.Check(term.exit("0"))
	}
	ts.Check(os.WriteFile(ts.MkAbs("pty.out"), term.output(), 0o600))
}

// openTerminal makes a pty and starts a program as the leader of a session on it.
func openTerminal(program string, args, environ []string, dir string) (*terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	t := &terminal{master: os.NewFile(uintptr(fd), "/dev/ptmx"), fd: fd, cmd: exec.Command(program, args...)}
	t.news = sync.NewCond(&t.mu)
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("find the terminal: %w", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	if err := t.resize("24 80"); err != nil {
		return nil, err
	}
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.Env, t.cmd.Dir = environ, dir
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go t.read()
	return t, nil
}

// read collects the output until the last one who has the terminal open is gone.
func (t *terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := t.master.Read(buffer)
		t.mu.Lock()
		t.fresh = append(t.fresh, buffer[:n]...)
		t.written = append(t.written, buffer[:n]...)
		t.ended = err != nil
		t.news.Broadcast()
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *terminal) follow(verb, rest string) error {
	switch verb {
	case "expect":
		return t.expect(rest)
	case "send":
		text, err := strconv.Unquote(rest)
		if err != nil {
			return err
		}
		_, err = t.master.WriteString(text)
		return err
	case "resize":
		return t.resize(rest)
	case "signal":
		number, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		return t.cmd.Process.Signal(syscall.Signal(number))
	case "hangup":
		return t.master.Close()
	case "raw", "cooked":
		return t.mode(verb == "raw")
	case "exit":
		return t.exit(rest)
	}
	return fmt.Errorf("unknown instruction")
}

// expect waits for output and consumes it up to the end of the match.
func (t *terminal) expect(pattern string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	late := false
	alarm := time.AfterFunc(patience, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		late = true
		t.news.Broadcast()
	})
	defer alarm.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if at := re.FindIndex(t.fresh); at != nil {
			t.fresh = t.fresh[at[1]:]
			return nil
		}
		if t.ended {
			return fmt.Errorf("the output ended")
		}
		if late {
			return fmt.Errorf("not within %v", patience)
		}
		t.news.Wait()
	}
}

func (t *terminal) resize(size string) error {
	var w unix.Winsize
	if _, err := fmt.Sscanf(size, "%d %d", &w.Row, &w.Col); err != nil {
		return err
	}
	return unix.IoctlSetWinsize(t.fd, unix.TIOCSWINSZ, &w)
}

// mode waits until the terminal is raw or not: whether it echoes what is typed.
func (t *terminal) mode(raw bool) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		state, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
		if err != nil {
			return err
		}
		if (state.Lflag&(unix.ECHO|unix.ICANON) == 0) == raw {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the terminal's mode is another")
		}
	}
}

func (t *terminal) exit(want string) error {
	number, err := strconv.Atoi(want)
	if err != nil {
		return err
	}
	alarm := time.AfterFunc(patience, func() { _ = t.cmd.Process.Kill() })
	defer alarm.Stop()
	if got := code(t.cmd.Wait()); got != number {
		return fmt.Errorf("it ended with code %d", got)
	}
	return nil
}

func (t *terminal) output() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.written)
}

func (t *terminal) close() {
	if t.cmd.ProcessState == nil {
		_ = t.cmd.Process.Kill() // the dialogue failed
		_ = t.cmd.Wait()
	}
	_ = t.master.Close() // read to its end
}
