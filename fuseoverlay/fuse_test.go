package fuseoverlay

import (
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
