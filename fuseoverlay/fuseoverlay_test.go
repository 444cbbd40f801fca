package fuseoverlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var drivers = []Driver{Overlay, FUSE, Copy}

// layersOf makes n layers: each has a file of its own, and all have "top", which says which is uppermost.
func layersOf(t *testing.T, n int) []string {
	t.Helper()
	base := t.TempDir()
	var all []string
	for i := range n {
		dir := filepath.Join(base, fmt.Sprintf("layer,%d:%s", i, strings.Repeat("long", 30)))
		write(t, filepath.Join(dir, fmt.Sprint("file", i)), fmt.Sprint(i))
		write(t, filepath.Join(dir, "top"), fmt.Sprint(i))
		all = append(all, dir)
	}
	return all
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		for _, n := range []int{1, 2, 60, 120} {
			t.Run(fmt.Sprint(d, "/", n), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, layersOf(t, n)...)
				tree, m := open(t, p.layers, p.options(d))
				if m.Driver != d {
					t.Fatalf("got driver %q", m.Driver)
				}
				if got := read(t, tree+"/top"); got != "0" {
					t.Errorf("top comes from layer %s", got)
				}
				for i := range n {
					if got := read(t, fmt.Sprint(tree, "/file", i)); got != fmt.Sprint(i) {
						t.Errorf("file%d: got %q", i, got)
					}
				}
				write(t, tree+"/new", "new")
				if d != FUSE { // which may hold it back until Close
					if got := read(t, p.at("upper/new")); got != "new" {
						t.Errorf("upper/new: got %q", got)
					}
				}
			})
		}
	}
}

// TestOlderKernel mounts the way that kernels before 6.8 need.
func TestOlderKernel(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 120)...)
	s, err := openStack(p.layers)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	f, err := s.mountData(Options{Scratch: p.at("scratch"), Volatile: true})
	skipWithout(t, Overlay, err)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := read(t, procFD(int(f.Fd()))+"/file119"); got != "119" {
		t.Errorf("got %q", got)
	}
	if left, err := os.ReadDir(p.at("scratch")); err != nil || len(left) > 0 {
		t.Errorf("scratch is still mounted on: %v %v", left, err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprint(d, "/", n), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, layersOf(t, n)...)
				tree, m := open(t, Layers{Lower: p.layers.Lower}, p.options(d))
				if got := read(t, tree+"/top"); got != "0" {
					t.Errorf("got %q", got)
				}
				if err := os.WriteFile(tree+"/top", nil, 0); !errors.Is(err, unix.EROFS) {
					t.Errorf("write: got %v", err)
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
				if left, err := os.ReadDir(p.at("scratch")); err != nil || len(left) > 0 {
					t.Errorf("scratch holds %v %v", left, err)
				}
			})
		}
	}
}

func TestWhiteouts(t *testing.T) {
	t.Parallel()
	lower, upper := t.TempDir(), t.TempDir()
	for _, f := range []string{"gone", "dir/gone", "dir/kept", "opaque/gone", "opaque/sub/gone", "replaced/gone"} {
		write(t, filepath.Join(lower, f), "lower")
	}
	whiteout(t, filepath.Join(upper, "gone"))
	whiteout(t, filepath.Join(upper, "dir/gone"))
	opaque(t, filepath.Join(upper, "opaque"))
	write(t, filepath.Join(upper, "opaque/sub/own"), "upper")
	write(t, filepath.Join(upper, "replaced"), "a file now")
	for _, d := range drivers {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, upper, lower)
			tree, _ := open(t, p.layers, p.options(d))
			var got []string
			for _, l := range snapshot(t, tree) {
				name, _, _ := strings.Cut(l, " ")
				got = append(got, strings.Trim(name, `"`))
			}
			want := []string{".", "dir", "dir/kept", "opaque", "opaque/sub", "opaque/sub/own", "replaced"}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a,b", "a:b", `a\:b`, "a\nb", " lead", "-o", "ro,upperdir=x", "ü\xff", strings.Repeat("n", 255)} {
		for _, d := range drivers {
			t.Run(fmt.Sprintf("%s/%.20q", d, name), func(t *testing.T) {
				t.Parallel()
				base := mkdir(t, filepath.Join(t.TempDir(), name))
				p := place{dir: base}
				for _, n := range []string{"upper", "work", "scratch"} {
					mkdir(t, p.at(n))
				}
				p.layers = Layers{Lower: []string{mkdir(t, p.at("1")), mkdir(t, p.at("2"))}, Upper: p.at("upper"), Work: p.at("work")}
				write(t, p.at("2/file"), "x")
				if d == FUSE && strings.ContainsAny(name, `:\`) {
					// fuse-overlayfs before 1.15 resolves names and then splits them; Auto goes on to Copy.
					m, err := Open(t.Context(), p.layers, p.options(d))
					if err == nil {
						err = m.Close()
					}
					if err != nil && !unavailable(err) {
						t.Error(err)
					}
					return
				}
				tree, _ := open(t, p.layers, p.options(d))
				if got := read(t, tree+"/file"); got != "x" {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// TestReopen keeps changes from one mount to the next, also after a volatile one.
func TestReopen(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, layersOf(t, 2)...)
			o := p.options(d)
			for i, volatile := range []bool{true, true, false, true} {
				o.Volatile = volatile
				tree, m := open(t, p.layers, o)
				if m.Stale {
					t.Error("stale without a start of the machine")
				}
				if i > 0 {
					if got := read(t, tree+"/changed"); got != fmt.Sprint(i-1) {
						t.Errorf("mount %d: got %q", i, got)
					}
				}
				write(t, tree+"/changed", fmt.Sprint(i))
				if err := os.RemoveAll(tree + "/file1"); err != nil {
					t.Error(err)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	mark := mkdir(t, filepath.Join(p.layers.Work, volatileMark))
	tree, m := open(t, p.layers, p.options(Overlay))
	if m.Stale {
		t.Error("a mark made just now is older than the machine's start")
	}
	if _, err := os.Lstat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark stays: %v", err)
	}
	write(t, tree+"/works", "")
}

func TestRootLooksLikeTheImages(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, layersOf(t, 2)...)
			if err := unix.Chmod(p.layers.Lower[0], 0o1751); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(p.layers.Upper, 0o700); err != nil {
				t.Fatal(err)
			}
			tree, _ := open(t, p.layers, p.options(d))
			var st unix.Stat_t
			if err := unix.Stat(tree, &st); err != nil || st.Mode&0o7777 != 0o1751 {
				t.Errorf("got mode %o, %v", st.Mode, err)
			}
		})
	}
}

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

// TestUpperOnOverlay falls through to a driver that can live there.
func TestUpperOnOverlay(t *testing.T) {
	t.Parallel()
	below := newPlace(t, layersOf(t, 2)...)
	tree, _ := open(t, below.layers, below.options(Overlay))
	p := newPlace(t, layersOf(t, 2)...)
	p.layers.Upper, p.layers.Work = mkdir(t, tree+"/upper"), mkdir(t, tree+"/work")
	_, m := open(t, p.layers, p.options(Auto))
	if m.Driver == Overlay || len(m.Reasons) == 0 || !strings.Contains(m.Reasons[0], "overlay") {
		t.Errorf("got driver %q, reasons %q", m.Driver, m.Reasons)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := newPlace(t, dir, dir)
	file := filepath.Join(dir, "file")
	write(t, file, "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name    string
		ctx     context.Context
		layers  Layers
		options Options
		want    string
	}{
		{"no layers", t.Context(), Layers{}, Options{}, "there are none"},
		{"missing layer", t.Context(), Layers{Lower: []string{dir + "/missing"}}, Options{}, "no such file"},
		{"layer is a file", t.Context(), Layers{Lower: []string{file}}, Options{}, "not a directory"},
		{"upper without work", t.Context(), Layers{Lower: []string{dir}, Upper: dir}, Options{}, "go together"},
		{"unknown driver", t.Context(), p.layers, Options{Driver: "vfs"}, "no such storage driver"},
		{"ended context", ended, p.layers, Options{}, "canceled"},
		{"no program", t.Context(), p.layers, Options{Driver: FUSE, Program: dir + "/none", Scratch: p.at("scratch")}, "fuse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, err := Open(test.ctx, test.layers, test.options)
			if err == nil {
				_ = m.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q in it", err, test.want)
			}
		})
	}
}

// TestProgramFails has other programs in place of fuse-overlayfs.
func TestProgramFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, script, want string }{
		{"ends at once", "echo out of luck >&2; exit 3", "exit status 3: out of luck"},
		{"ends well without mounting", "exit 0", "exit status 0"},
		{"is killed", "kill -9 $$", "signal: killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, layersOf(t, 2)...)
			o := p.options(FUSE)
			o.Program = script(t, test.script)
			_, err := Open(t.Context(), p.layers, o)
			if err == nil || !strings.Contains(err.Error(), test.want) && !strings.Contains(err.Error(), "/dev/fuse") {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestProgramHangs(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	o := p.options(FUSE)
	o.Program = script(t, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, p.layers, o)
	skipWithout(t, FUSE, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestDeathOfTheProgram shows that a tree whose server dies fails, and that Close says why.
func TestDeathOfTheProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	o := p.options(FUSE)
	s, err := openStack(p.layers)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	program, err := findProgram(o)
	skipWithout(t, FUSE, err)
	if err != nil {
		t.Fatal(err)
	}
	o.Program = script(t, fmt.Sprintf("echo $$ >%s; exec %s \"$@\"", p.at("pid"), program))
	m, err := Open(t.Context(), p.layers, o)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(read(t, p.at("pid")), &pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; { // it may still answer what it had read
		_, err = os.ReadDir(procFD(int(m.Tree.Fd())))
	}
	if !errors.Is(err, unix.ENOTCONN) && !errors.Is(err, unix.ECONNABORTED) {
		t.Errorf("read: got %v", err)
	}
	if err := m.Close(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("close: got %v", err)
	}
}

// TestCloseWaitsForTheProgram shows that nothing is left of it, and that all is written.
func TestCloseWaitsForTheProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t, layersOf(t, 2)...)
	tree, m := open(t, p.layers, p.options(FUSE))
	write(t, tree+"/held back", strings.Repeat("x", 1<<20))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p.at("upper/held back")); len(got) != 1<<20 {
		t.Errorf("%d bytes arrived", len(got))
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all, err := Probe(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Logf("%s: %v", s.Driver, s.Err)
	}
	if len(all) != 3 || all[2].Err != nil {
		t.Errorf("got %v: a copy works anywhere", all)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
