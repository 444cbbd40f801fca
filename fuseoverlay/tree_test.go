package fuseoverlay

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// place is a directory with all that Open wants.
type place struct {
	dir    string
	layers Layers
}

func newPlace(t *testing.T, lowers ...string) place {
	t.Helper()
	p := place{dir: t.TempDir()}
	for _, d := range []string{"upper", "work", "scratch"} {
		mkdir(t, p.at(d))
	}
	p.layers = Layers{Lower: lowers, Upper: p.at("upper"), Work: p.at("work")}
	return p
}

func (p place) at(name string) string { return filepath.Join(p.dir, name) }

func (p place) options(d Driver) Options { return Options{Driver: d, Scratch: p.at("scratch")} }

// open opens the tree, gives a path to it, and closes it when the test ends.
func open(t *testing.T, l Layers, o Options) (string, *Mount) {
	t.Helper()
	m, err := Open(t.Context(), l, o)
	skipWithout(t, o.Driver, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return procFD(int(m.Tree.Fd())), m
}

// skipWithout skips the test, loudly, when the machine lacks what the driver needs.
func skipWithout(t *testing.T, d Driver, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, missing := findProgram(Options{}); missing != nil && d == FUSE {
		t.Skipf("SKIPPED: %v", missing)
	}
	if errors.Is(err, unix.EPERM) && d == Overlay {
		t.Skipf("SKIPPED: no overlay in user namespaces: %v", err)
	}
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func whiteout(t *testing.T, name string) {
	t.Helper()
	mkdir(t, filepath.Dir(name))
	if err := unix.Mknod(name, unix.S_IFCHR, 0); err != nil {
		t.Fatal(err)
	}
}

func opaque(t *testing.T, dir string) {
	t.Helper()
	mkdir(t, dir)
	if err := unix.Setxattr(dir, "user.overlay.opaque", []byte("y"), 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("SKIPPED: the temporary directory keeps no extended attributes of users")
	} else if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// snapshot describes every file of a tree in one line each, hard links as groups.
func snapshot(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	groups := map[string][]string{}
	err := filepath.WalkDir(root+"/.", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		err = unix.Lstat(name, &st)
		if errors.Is(err, unix.ENOENT) {
			return nil // overlayfs lists a whiteout that hides nothing, but does not find it
		}
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(name, root+"/")
		line := fmt.Sprintf("%q mode=%o owner=%d:%d mtime=%d.%09d", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" size=%d sum=%x%s", st.Size, sha256.Sum256(b), attributes(t, name))
			groups[fmt.Sprint(st.Dev, " ", st.Ino)] = append(groups[fmt.Sprint(st.Dev, " ", st.Ino)], rel)
		case unix.S_IFLNK:
			to, err := os.Readlink(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" to=%q", to)
		case unix.S_IFDIR:
			line += attributes(t, name)
		case unix.S_IFCHR, unix.S_IFBLK:
			line += fmt.Sprintf(" rdev=%d", st.Rdev)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if len(g) > 1 {
			slices.Sort(g)
			lines = append(lines, fmt.Sprintf("linked %q", g))
		}
	}
	sort.Strings(lines)
	return lines
}

func attributes(t *testing.T, name string) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(name, buf)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	text := ""
	for _, a := range names {
		if !strings.HasPrefix(a, "user.") || strings.HasPrefix(a, "user.overlay.") || strings.HasPrefix(a, "user.fuseoverlayfs.") {
			continue
		}
		value := make([]byte, 256)
		n, err := unix.Lgetxattr(name, a, value)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf(" %s=%q", a, value[:n])
	}
	return text
}

// compare reports the first differences of two snapshots.
func compare(t *testing.T, wantName string, want []string, gotName string, got []string) {
	t.Helper()
	shown := 0
	report := func(side string, only, other []string) {
		has := map[string]bool{}
		for _, l := range other {
			has[l] = true
		}
		for _, l := range only {
			if !has[l] && shown < 10 {
				t.Errorf("only in %s: %s", side, l)
				shown++
			}
		}
	}
	report(wantName, want, got)
	report(gotName, got, want)
}
