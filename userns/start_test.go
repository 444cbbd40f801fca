package userns

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/idmap"
)

// start is Start, with the person's default mapping unless o has one, or a loud skip where
// that is impossible.
func start(t testing.TB, o Options) *Process {
	t.Helper()
	if o.Plan.UID == nil {
		o.Plan = planned(t)
	}
	if err := Restriction(); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	process, err := Start(t.Context(), o)
	var forbidden *ForbiddenError
	if errors.As(err, &forbidden) {
		t.Skipf("SKIPPED: %v; %s", err, forbidden.Hint())
	}
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// planned is the person's default mapping.
func planned(t testing.TB) idmap.Plan {
	t.Helper()
	p, err := plan()
	var only *idmap.OnlyRootError
	if errors.As(err, &only) {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pipe is an os.Pipe for one test.
func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // most tests have closed one of them
		_ = w.Close()
	})
	return r, w
}

// answer starts a role, tells it when it is mapped, and returns what it says.
func answer(t *testing.T, o Options, into any) {
	t.Helper()
	stdin, tell := pipe(t)
	listen, stdout := pipe(t)
	o.Stdio = [3]*os.File{stdin, stdout, os.Stderr}
	p := start(t, o)
	_ = stdout.Close() // so that reading ends with the program
	if err := p.Mapped(); err != nil {
		t.Fatal(err)
	}
	if _, err := tell.WriteString("mapped\n"); err != nil {
		t.Error(err)
	}
	data, err := io.ReadAll(listen)
	if err != nil {
		t.Error(err)
	}
	if status, err := p.Wait(); err != nil || status != 0 {
		t.Fatalf("the program ended with %v, %v", status, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
}

func TestStartGivesAllPower(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		r, w := pipe(t)
		if _, err := w.WriteString("third"); err != nil {
			t.Fatal(err)
		}
		o := role("arrive")
		o.Files, o.Dir, o.Session = []*os.File{r}, "/usr", true
		var a arrival
		answer(t, o, &a)
		own, _ := os.Readlink("/proc/self/ns/user")
		mount, _ := os.Readlink("/proc/self/ns/mnt")
		switch {
		case !a.Root:
			t.Errorf("it is %+v", a.After)
		case a.Ambient != 0 || a.Powerless != 0 || a.Threads < 2:
			t.Errorf("of %d threads %d have ambient capabilities and %d lack some", a.Threads, a.Ambient, a.Powerless)
		case a.User == own || a.Mount == mount:
			t.Errorf("its namespaces are %s and %s", a.User, a.Mount)
		case a.Third != "third" || len(a.Descriptors) != 4:
			t.Errorf("descriptor 3 says %q, all are %q", a.Third, a.Descriptors)
		case !reflect.DeepEqual(a.Environ, o.Env) || a.Dir != "/usr" || !a.SessionLeader:
			t.Errorf("environment %q, directory %s, session %v", a.Environ, a.Dir, a.SessionLeader)
		case !a.MountsPrivately:
			t.Error("it cannot mount")
		case strings.HasPrefix(a.UIDMap, "0 0") && os.Geteuid() == 0 && ownNamespaceIsInitial():
			t.Errorf("container root is host root: %s", a.UIDMap)
		}
	})
}

func ownNamespaceIsInitial() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(data)), " ") == "0 0 4294967295"
}

func TestStartWithoutStreams(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		p := start(t, role("wait")) // /dev/null ends at once
		if err := p.Mapped(); err != nil && !strings.Contains(err.Error(), "no such process") {
			t.Logf("it ended before it was mapped: %v", err)
		}
		if status, err := p.Wait(); err != nil || !status.Exited() && status.Signal() != unix.SIGKILL {
			t.Errorf("%v, %v", status, err)
		}
	})
}

func TestMappedEndsAProgramThatCannotBeMapped(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		bad := map[string]idmap.Plan{"nothing": {}}
		if os.Geteuid() != 0 {
			bad["not granted"] = idmap.Plan{
				UID: idmap.Map{{Inside: 0, Outside: 4000000000, Count: 1}}, GID: idmap.Map{{Inside: 0, Outside: 4000000000, Count: 1}}, Helpers: true,
			}
		}
		for name, plan := range bad {
			stdin, _ := pipe(t)
			o := role("wait")
			o.Stdio[0], o.Plan = stdin, plan
			p, err := Start(t.Context(), o)
			if err != nil {
				t.Skipf("SKIPPED: %v", err)
			}
			if err := p.Mapped(); err == nil {
				t.Errorf("%s: mapped", name)
			}
			if err := unix.Kill(p.Pid, 0); err != unix.ESRCH {
				t.Errorf("%s: after Mapped the process is still there: %v", name, err)
			}
			if status, err := p.Wait(); err != nil || !status.Signaled() {
				t.Errorf("%s: Wait says %v, %v", name, status, err)
			}
			if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("%s: Signal says %v", name, err)
			}
		}
	})
}

func TestProcessFromManySides(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		stdin, _ := pipe(t)
		o := role("wait")
		o.Stdio[0] = stdin
		p := start(t, o)
		if err := p.Mapped(); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := p.Mapped(); err != nil {
					t.Error(err)
				}
				if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Error(err)
				}
				if status, err := p.Wait(); err != nil || status.Signal() != syscall.SIGKILL {
					t.Errorf("%v, %v", status, err)
				}
			})
		}
		all.Wait()
	})
}

func TestStartStopsWithItsContext(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		plan := planned(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stdin, _ := pipe(t)
		o := role("wait")
		o.Stdio[0], o.Plan = stdin, plan
		p, err := Start(ctx, o)
		if err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
		if p.Mapped() == nil { // it was quicker
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
		}
		if status, err := p.Wait(); err != nil || !status.Signaled() {
			t.Errorf("%v, %v", status, err)
		}
	})
}

func TestDieWithParent(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		planned(t)
		listen, stdout := pipe(t)
		parent := exec.Command("/proc/self/exe")
		parent.Env = []string{roleVariable + "=parent"}
		parent.Stdout, parent.Stderr = stdout, os.Stderr
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		_ = stdout.Close() // the child's must be the last one
		word := make([]byte, len("runs\n"))
		if _, err := io.ReadFull(listen, word); err != nil {
			t.Fatal(err)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(listen); err != nil || len(rest) > 0 { // until the child has died
			t.Errorf("%q, %v", rest, err)
		}
		_ = parent.Wait() // killed
	})
}

// BenchmarkStart is a start until the program has arrived and is mapped, and its end.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p := start(b, role("wait"))
		if err := p.Mapped(); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
