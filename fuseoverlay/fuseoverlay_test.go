package fuseoverlay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func TestProbe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, wished := range []Driver{Overlay, FUSE, Copy, Auto} {
		got, reasons, err := Probe(t.Context(), dir, Options{Driver: wished})
		t.Logf("%q: %q %q %v", wished, got, reasons, err)
		if (wished == Copy || wished == Auto) && err != nil {
			t.Errorf("%q: %v: a copy works anywhere", wished, err)
		}
		if err == nil && wished != Auto && got != wished {
			t.Errorf("%q: got %q", wished, got)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
