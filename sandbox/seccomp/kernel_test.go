package seccomp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childVariable makes the test binary a process behind a filter: it holds a probe in JSON.
const childVariable = "SECCOMP_TEST_PROBE"

// probe is what such a process does: load the filters, then try the calls one after the
// other, or become a program.
type probe struct {
	Filters [][]unix.SockFilter
	Flags   Flags
	Calls   []try
	Exec    string
}

// try is a system call by number; Path, if any, is the first or (with At) second argument.
type try struct {
	Number uintptr
	Args   [6]uintptr
	Path   string
	At     bool
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := become(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(200)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// become does what a probe says and prints one error number a line.
func become(text string) error {
	runtime.LockOSThread()
	var p probe
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	for _, f := range p.Filters {
		if err := Load(f, p.Flags); err != nil {
			return err
		}
	}
	if p.Exec != "" {
		return unix.Exec(p.Exec, []string{p.Exec}, nil)
	}
	for _, c := range p.Calls {
		fmt.Println(int(c.run()))
	}
	return nil
}

// runProbe runs a probe in a process of its own and returns the error numbers of its calls.
func runProbe(t *testing.T, p probe, prepare func(*exec.Cmd)) []unix.Errno {
	t.Helper()
	out, err := probeCommand(t, p, prepare).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("probe: %v: %s", err, exit.Stderr)
		}
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
			t.Skipf("SKIPPED: no user namespaces to be had: %v", err)
		}
		t.Fatal(err)
	}
	var numbers []unix.Errno
	for line := range strings.Lines(string(out)) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			t.Fatalf("probe printed %q", out)
		}
		numbers = append(numbers, unix.Errno(n))
	}
	return numbers
}

// probeCommand is the process that carries out a probe.
func probeCommand(t *testing.T, p probe, prepare func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childVariable + "=" + string(text)}
	if prepare != nil {
		prepare(cmd)
	}
	return cmd
}

// run makes the call with nothing between it and the kernel.
func (c try) run() unix.Errno {
	a := c.Args
	path, err := unix.BytePtrFromString(c.Path)
	if err != nil {
		return unix.EINVAL
	}
	var errno unix.Errno
	switch {
	case c.At:
		_, _, errno = unix.RawSyscall6(c.Number, a[0], uintptr(unsafe.Pointer(path)), a[2], a[3], a[4], a[5])
	case c.Path != "":
		_, _, errno = unix.RawSyscall6(c.Number, uintptr(unsafe.Pointer(path)), a[1], a[2], a[3], a[4], a[5])
	default:
		_, _, errno = unix.RawSyscall6(c.Number, a[0], a[1], a[2], a[3], a[4], a[5])
	}
	return errno
}
