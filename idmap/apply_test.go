package idmap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// person is who runs the test.
func person() Identity {
	return Identity{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
}

// load is Load for the person who runs the test.
func load(t testing.TB) Facts {
	t.Helper()
	f, err := Load(t.Context(), person())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// planned is New for the person who runs the test.
func planned(t testing.TB, r Request) Plan {
	t.Helper()
	p, err := New(r, person(), load(t))
	var only *OnlyRootError
	if errors.As(err, &only) {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newNamespace starts a process in a new user namespace, which lasts as long as the test.
func newNamespace(t testing.TB) (pid int) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=wait"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED: this machine refuses user namespaces: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // ends it
		_ = cmd.Wait()    // however it ended
	})
	return cmd.Process.Pid
}

// mapsOf are the maps that the kernel has for a process, in terms of the caller's namespace.
func mapsOf(t *testing.T, pid int) (uid, gid Map) {
	t.Helper()
	return readIDMap(fmt.Sprintf("/proc/%d/uid_map", pid)), readIDMap(fmt.Sprintf("/proc/%d/gid_map", pid))
}

func TestApply(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		for _, userns := range []string{"", "keep-id", "keep-id:uid=33,gid=0", "keep-id:uid=4000000000", "nomap"} {
			t.Run("userns="+userns, func(t *testing.T) {
				r, err := ParseRequest(userns, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				if userns == "nomap" && planned(t, Request{}).Single {
					t.Skip("there are no subordinate ids to map")
				}
				p := planned(t, r)
				pid := newNamespace(t)
				if err := p.Apply(t.Context(), pid); err != nil {
					t.Fatal(err)
				}
				if uid, gid := mapsOf(t, pid); !reflect.DeepEqual(uid, p.UID) || !reflect.DeepEqual(gid, p.GID) {
					t.Errorf("the kernel has %v and %v, not %v and %v", uid, gid, p.UID, p.GID)
				}
			})
		}
	})
}

func TestApplyExplainsWhatIsNotGranted(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may map any id")
		}
		if reason := load(t).Unprivileged; reason != nil {
			t.Skipf("SKIPPED: %v", reason)
		}
		others := Map{{0, person().UID, 1}, {1, 3000000000, 10}}
		err := Plan{UID: others, GID: Map{{0, person().GID, 1}}, Helpers: true}.Apply(t.Context(), newNamespace(t))
		var refused *NotGrantedError
		if !errors.As(err, &refused) || refused.Range != (Range{3000000000, 10}) || refused.File != subuidFile {
			t.Fatalf("got %v (%T)", err, err)
		}
		if line := refused.Login + ":3000000000:10"; !strings.Contains(refused.Hint(), line) {
			t.Errorf("hint %q has not the line %s", refused.Hint(), line)
		}
	})
}

func TestApplyToTheDead(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		p := planned(t, Request{})
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context(), cmd.Process.Pid); err == nil {
			t.Error("a process that is gone was mapped")
		}
	})
}

func TestApplyRefusesBadMaps(t *testing.T) {
	t.Parallel()
	for _, p := range []Plan{
		{},
		{UID: Map{{0, 1, 1}}, GID: Map{{0, 1, 0}}},
		{UID: Map{{0, 1, 2}, {1, 9, 1}}, GID: Map{{0, 1, 1}}, Helpers: true},
	} {
		var invalid *MapError
		if err := p.Apply(context.Background(), os.Getpid()); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestApplyStopsWithItsContext(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		p := planned(t, Request{})
		if !p.Helpers {
			t.Skip("no program is run for this person")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		// It may have been quicker than the signal; it must not hang, nor claim what is not so.
		pid := newNamespace(t)
		err := p.Apply(ctx, pid)
		if uid, _ := mapsOf(t, pid); err == nil && !reflect.DeepEqual(uid, p.UID) {
			t.Errorf("claims to have mapped %v, the kernel has %v", p.UID, uid)
		} else if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLoadKnowsThisMachine(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		f := load(t)
		for _, g := range []Grant{f.UID, f.GID} {
			if g.Source == "" || g.Login == "" {
				t.Errorf("grant %+v does not say who granted what to whom", g)
			}
		}
		if f.HereUID.Size() == 0 || f.HereGID.Size() == 0 {
			t.Errorf("no ids exist here: %v, %v", f.HereUID, f.HereGID)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	id := person()
	for b.Loop() {
		if _, err := Load(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	f := granted(Range{100000, 65536})
	for b.Loop() {
		if _, err := New(Request{Mode: KeepID}, alice, f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply needs no namespace: of each only the first mapping counts.
func BenchmarkApply(b *testing.B) {
	p := planned(b, Request{})
	for b.Loop() {
		b.StopTimer()
		pid := newNamespace(b)
		b.StartTimer()
		if err := p.Apply(b.Context(), pid); err != nil {
			b.Fatal(err)
		}
	}
}

func TestGetsubidsAnswersLikeTheFiles(t *testing.T) {
	t.Parallel()
	if _, ok := find("getsubids"); !ok {
		t.Skip("SKIPPED: getsubids is not installed")
	}
	somebody := personWithRanges()
	if somebody == nil {
		t.Skip("SKIPPED: no ordinary user of /etc/passwd has subordinate ids in /etc/subuid and /etc/subgid")
	}
	byFiles, err := Load(t.Context(), Identity{UID: somebody.Uid, GID: somebody.Gid})
	if err != nil {
		t.Fatal(err)
	}
	var byNSS Facts
	byNSS.askNSS(t.Context(), "sss", byFiles.UID.Login)
	if !reflect.DeepEqual(byNSS.UID.Ranges, byFiles.UID.Ranges) || !reflect.DeepEqual(byNSS.GID.Ranges, byFiles.GID.Ranges) || byNSS.Notes != nil {
		t.Errorf("getsubids says %+v, the files %+v", byNSS, byFiles)
	}
	var nobody Facts
	nobody.askNSS(t.Context(), "sss", "no-such-login")
	if nobody.UID.Ranges != nil || nobody.GID.Ranges != nil || nobody.Notes != nil {
		t.Errorf("an unknown login has %+v", nobody)
	}
}

func TestGetentKnowsRoot(t *testing.T) {
	t.Parallel()
	if _, ok := find("getent"); !ok {
		t.Skip("SKIPPED: getent is not installed")
	}
	if got := getent(t.Context(), 0); got != "root" {
		t.Errorf("the login name of 0 is %q", got)
	}
	if got := getent(t.Context(), 4000000000); got != "" {
		t.Errorf("the login name of nobody is %q", got)
	}
}
