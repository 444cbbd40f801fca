package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newHome(t *testing.T) Home {
	t.Helper()
	dir := t.TempDir()
	return Home{Data: filepath.Join(dir, "data"), Runtime: filepath.Join(dir, "run")}
}

func create(t *testing.T, h Home, name string) (*Container, *os.File) {
	t.Helper()
	c, lock, err := h.Create(Record{ID: NewID(), Name: name, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	return c, lock
}

func TestLookup(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c, _ := create(t, h, "web")
	other, _ := create(t, h, "")
	for name, tc := range map[string]struct{ in, want string }{
		"by name":           {"web", c.Record.ID},
		"by id":             {c.Record.ID, c.Record.ID},
		"by prefix":         {c.Record.ID[:12], c.Record.ID},
		"by generated name": {other.Record.Name, other.Record.ID},
	} {
		got, err := h.Lookup(tc.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got.Record.ID != tc.want {
			t.Errorf("%s: found %s, want %s", name, got.Record.ID, tc.want)
		}
	}
	var missing *NotFoundError
	for _, in := range []string{"", "nobody", "../names/web", "web/..", "ffffffffffff0"} {
		if _, err := h.Lookup(in); !errors.As(err, &missing) {
			t.Errorf("lookup %q: %v, want a *NotFoundError", in, err)
		}
	}
	var ambiguous *AmbiguousError
	clash := strings.Repeat("a", 64)
	for _, id := range []string{clash, clash[:63] + "b"} {
		if err := os.Mkdir(filepath.Join(h.Data, "containers", id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Lookup("aaaa"); !errors.As(err, &ambiguous) {
		t.Errorf("lookup of a shared prefix: %v, want an *AmbiguousError", err)
	}
}

func TestANameBelongsToOneContainer(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	first, lock := create(t, h, "web")
	_, _, err := h.Create(Record{ID: NewID(), Name: "web"})
	var taken *NameTakenError
	if !errors.As(err, &taken) || taken.ID != first.Record.ID {
		t.Fatalf("the second got %v, want a *NameTakenError with the first's id", err)
	}
	if dirs, _ := os.ReadDir(filepath.Join(h.Data, "containers")); len(dirs) != 1 {
		t.Errorf("the refused one left something behind: %v", dirs)
	}
	leftover, err := first.Vanish()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Erase(leftover); err != nil {
		t.Fatal(err)
	}
	_ = lock.Close()
	create(t, h, "web")
}

func TestANameOfAVanishedContainerIsFree(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c, _ := create(t, h, "web")
	if err := os.RemoveAll(c.Dir); err != nil { // as a crash in the middle of a removal leaves it
		t.Fatal(err)
	}
	create(t, h, "web")
}

func TestTheLockIsTheTruth(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c, lock := create(t, h, "")
	if err := c.SetStatus(Status{State: Running, Pid: 42}); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Status(); err != nil || s.State != Running {
		t.Errorf("with the lock held: %+v, %v; want running", s, err)
	}
	if again, err := c.Lock(); err != nil || again != nil {
		t.Errorf("a second lock: %v, %v; want none", again, err)
	}
	_ = lock.Close()
	want := Status{State: Exited, ExitCode: 137, Error: "its monitor was killed"}
	if s, err := c.Status(); err != nil || s != want {
		t.Errorf("with the lock free: %+v, %v; want %+v", s, err, want)
	}
	if err := os.RemoveAll(h.Runtime); err != nil { // as a reboot does
		t.Fatal(err)
	}
	if s, err := c.Status(); err != nil || s.State != Exited {
		t.Errorf("without a runtime directory: %+v, %v; want exited", s, err)
	}
}

func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":      "",
		"not JSON":   "garbage",
		"other id":   `{"Version":1,"ID":"abc"}`,
		"newer":      `{"Version":99,"ID":"x"}`,
		"wrong type": `[]`,
	} {
		h := newHome(t)
		c, _ := create(t, h, "web")
		if err := os.WriteFile(filepath.Join(c.Dir, "record.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var damaged *DamagedError
		if _, err := h.Lookup("web"); !errors.As(err, &damaged) {
			t.Errorf("%s: %v, want a *DamagedError", name, err)
		}
		if all, err := h.List(); err != nil || len(all) != 1 || all[0].Record.ID != c.Record.ID {
			t.Errorf("%s: listed %v, %v; want the damaged one", name, all, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "web-1", "A.b_c-9", strings.Repeat("x", 255)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "-a", ".a", "_a", "a/b", "a b", "é", "a\n", strings.Repeat("x", 256)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for attempt := range 200 {
		if err := CheckName(randomName(attempt)); err != nil {
			t.Errorf("generated: %v", err)
		}
	}
}

func TestRemoveTreeOpensClosedDirectories(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tree")
	work := filepath.Join(dir, "work", "work")
	if err := os.MkdirAll(filepath.Join(work, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(work, 0); err != nil { // as the kernel makes an overlay's
		t.Fatal(err)
	}
	if err := RemoveTree(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestAbandonedAreThoseNobodyWorksOn(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	_, making := create(t, h, "making")
	defer making.Close()
	done, lock := create(t, h, "done")
	if err := errors.Join(done.SetStatus(Status{State: Exited}), lock.Close()); err != nil {
		t.Fatal(err)
	}
	left, lock := create(t, h, "left")
	_ = lock.Close()
	found := h.Abandoned()
	if len(found) != 1 || found[0].Record.ID != left.Record.ID {
		t.Errorf("found %v, want only the one whose maker died", found)
	}
	if err := os.RemoveAll(left.Dir); err != nil {
		t.Fatal(err)
	}
	h.SweepNames()
	if links, _ := os.ReadDir(filepath.Join(h.Data, "names")); len(links) != 2 {
		t.Errorf("names after the sweep: %v, want those of the two that exist", links)
	}
}
