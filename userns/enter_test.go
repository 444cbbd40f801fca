package userns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEnter(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		var failures []string
		answer(t, role("enter"), &failures)
		for _, failure := range failures {
			t.Error(failure)
		}
	})
}

// joinable are the kinds that a thread can join.
var joinable = []Kind{Mount, PID, Network, IPC, UTS, Cgroup}

// enterAll runs in a user namespace of its own and returns what is wrong.
func enterAll() (failures []string, err error) {
	failures = []string{}
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	var flags uintptr
	for _, k := range joinable {
		flags |= uintptr(k.flag())
	}
	pid, stop, err := inner(flags)
	if err != nil {
		return nil, err
	}
	defer stop()
	namespace := func(owner any, k Kind) *os.File {
		f, err := os.Open(fmt.Sprintf("/proc/%v/ns/%s", owner, k))
		if err != nil {
			fail("%v", err)
		}
		return f
	}
	link := func(path string) string {
		target, err := os.Readlink(path)
		if err != nil {
			fail("%v", err)
		}
		return target
	}
	before := map[Kind]string{}
	var all []*os.File
	for _, k := range joinable {
		before[k] = link("/proc/self/ns/" + string(k))
		f := namespace(pid, k)
		all = append(all, f)
		if got, err := KindOf(f); err != nil || got != k {
			fail("the kind of %s is %s, %v", f.Name(), got, err)
		}
		if owner, err := Owner(f); err != nil || owner != Ours {
			fail("the owner of %s is %s, %v", f.Name(), owner, err)
		}
	}
	// Every thread that the runtime hands out at once, the main thread among them.
	for range 20 {
		err := Enter(all, func() error {
			tid := unix.Gettid()
			if tid == os.Getpid() {
				fail("it runs on the main thread")
			}
			for _, k := range joinable {
				name := string(k)
				if k == PID {
					name = "pid_for_children"
				}
				got := link(fmt.Sprintf("/proc/%d/task/%d/ns/%s", os.Getpid(), tid, name))
				if want := link(fmt.Sprintf("/proc/%d/ns/%s", pid, k)); got != want {
					fail("the thread is in %s, not in %s", got, want)
				}
			}
			return nil
		})
		if err != nil {
			fail("%v", err)
		}
	}
	for _, k := range joinable {
		if after := link("/proc/self/ns/" + string(k)); after != before[k] {
			fail("the process moved from %s to %s", before[k], after)
		}
	}
	if want := errors.New("what fn returns"); !errors.Is(Enter(all[:1], func() error { return want }), want) {
		fail("the error of fn is lost")
	}
	if err := Enter(all[:1], func() error { runtime.Goexit(); return nil }); err != nil {
		fail("Goexit gives %v", err)
	}
	refused(fail, namespace)
	return failures, nil
}

// refused tries what cannot be joined.
func refused(fail func(string, ...any), namespace func(any, Kind) *os.File) {
	never := func() error { fail("fn ran although it could not join"); return nil }
	var join *JoinError
	for _, k := range []Kind{User, Time} {
		if err := Enter([]*os.File{namespace("self", k)}, never); !errors.As(err, &join) || join.Kind != k || join.Hint() == "" {
			fail("joining a %s namespace gives %v", k, err)
		}
	}
	own := namespace("self", UTS)
	if err := Enter([]*os.File{own, own}, never); err == nil || !strings.Contains(err.Error(), "both of kind uts") {
		fail("two of a kind give %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		fail("%v", err)
	}
	if err := Enter([]*os.File{null}, never); !errors.Is(err, ErrNotNamespace) {
		fail("/dev/null gives %v", err)
	}
	// The network namespace is still the one of whoever started this program.
	foreign := namespace("self", Network)
	if owner, err := Owner(foreign); err != nil || owner != Foreign {
		fail("the owner of the outer network namespace is %s, %v", owner, err)
	}
	if err := Enter([]*os.File{foreign}, never); !errors.As(err, &join) || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "belongs to another user namespace") || join.Hint() == "" {
		fail("joining it gives %v", err)
	}
	pid, stop, err := inner(unix.CLONE_NEWUSER | unix.CLONE_NEWUTS)
	if err != nil {
		fail("%v", err)
		return
	}
	defer stop()
	below := namespace(pid, UTS)
	if owner, err := Owner(below); err != nil || owner != Below {
		fail("the owner of an inner namespace is %s, %v", owner, err)
	}
	if err := Enter([]*os.File{below}, func() error { return nil }); err != nil {
		fail("%v", err)
	}
}
