package fuseoverlay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInterruptedCopyStartsAnew(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	write(t, filepath.Join(p.layers.Work, unfinished, "half"), "")
	write(t, filepath.Join(p.layers.Work, finished), "")
	tree, _ := open(t, p.layers, p.options(Copy))
	if _, err := os.Lstat(tree + "/half"); err == nil {
		t.Error("the interrupted copy is part of the tree")
	}
	if got := read(t, tree+"/top"); got != "0" {
		t.Errorf("got %q", got)
	}
}

// TestCopyStays shows that no other driver takes a complete copy for changes.
func TestCopyStays(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	tree, m := open(t, p.layers, p.options(Copy))
	if err := os.Remove(tree + "/file1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	tree, m = open(t, p.layers, p.options(Auto))
	if m.Driver != Copy {
		t.Errorf("got driver %q", m.Driver)
	}
	if _, err := os.Lstat(tree + "/file1"); err == nil {
		t.Error("a removed file is back")
	}
}

func TestCopyRefusesChangesOfOthers(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	write(t, filepath.Join(p.layers.Upper, "change"), "")
	mkdir(t, filepath.Join(p.layers.Work, "work"))
	_, err := Open(t.Context(), p.layers, p.options(Copy))
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("got %v", err)
	}
	if got := read(t, filepath.Join(p.layers.Upper, "change")); got != "" {
		t.Error("the change is gone")
	}
}

// tmpfs mounts a small file system on a new directory.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("small", dir, "tmpfs", 0, options); err != nil {
		t.Skip("SKIPPED: no tmpfs in user namespaces:", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	lower := t.TempDir()
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(lower, fmt.Sprint(i)), bytes.Repeat([]byte{1}, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newPlace(t, lower)
	small := tmpfs(t, "size=5m")
	p.layers.Upper, p.layers.Work = mkdir(t, small+"/upper"), mkdir(t, small+"/work")
	_, err := Open(t.Context(), p.layers, p.options(Copy))
	var full *SpaceError
	if !errors.As(err, &full) || full.Hint() == "" {
		t.Fatalf("got %v", err)
	}
	if left, err := os.ReadDir(p.layers.Work); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestCopyCrossesFileSystems copies where neither reflinks nor copying in the kernel work.
func TestCopyCrossesFileSystems(t *testing.T) {
	t.Parallel()
	small := tmpfs(t, "size=64m")
	lower := t.TempDir()
	f, err := os.Create(lower + "/sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 700_000), 20<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil { // more than fits, were it not a hole
		t.Fatal(err)
	}
	p := newPlace(t, lower)
	p.layers.Upper, p.layers.Work = mkdir(t, small+"/upper"), mkdir(t, small+"/work")
	tree, _ := open(t, p.layers, p.options(Copy))
	got, err := os.Open(tree + "/sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	data := make([]byte, 700_001)
	if _, err := got.ReadAt(data, 20<<20); err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Repeat([]byte("x"), 700_000), 0); !bytes.Equal(data, want) {
		t.Error("the contents differ")
	}
	if info, err := got.Stat(); err != nil || info.Size() != 1<<30 {
		t.Errorf("got %v %v", info, err)
	}
}
