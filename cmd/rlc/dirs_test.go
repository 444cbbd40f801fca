package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPrivateTemp(t *testing.T) {
	t.Parallel()
	uid := os.Getuid()
	tests := []struct {
		name  string
		setUp func(t *testing.T, dir string)
		err   string // how the error ends
	}{
		{"missing", func(*testing.T, string) {}, ""},
		{"there already", func(t *testing.T, dir string) { mkdir(t, dir, 0o700) }, ""},
		{"others may look", func(t *testing.T, dir string) { mkdir(t, dir, 0o755) }, ""},
		{"the group may write", func(t *testing.T, dir string) { mkdir(t, dir, 0o770) }, "others may write to it (mode 0770)"},
		{"all may write", func(t *testing.T, dir string) { mkdir(t, dir, 0o777) }, "others may write to it (mode 0777)"},
		{"a file", func(t *testing.T, dir string) { write(t, dir, "") }, "it is not a directory"},
		{"a symbolic link", func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), dir); err != nil {
				t.Fatal(err)
			}
		}, "it is not a directory"},
		{"somebody else's", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			if err := os.Chown(dir, uid+1, -1); err != nil {
				t.Skipf("only root can give a directory away: %v", err)
			}
		}, "it belongs to user "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			want := filepath.Join(parent, "rlc-"+strconv.Itoa(uid))
			tt.setUp(t, want)
			got, err := privateTemp(parent, uid)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || hintOf(err) == "" {
					t.Errorf("got %q, %v; want an error with a hint: %s", got, err, tt.err)
				}
				return
			}
			if err != nil || got != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
			if err := isPrivate(got, uid); err != nil {
				t.Error(err)
			}
		})
	}
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		environment []string
		find        func(*app) (string, error)
		want        string
	}{
		{"configuration", []string{"HOME=/home/x"}, (*app).configHome, "/home/x/.config"},
		{"configuration elsewhere", []string{"HOME=/home/x", "XDG_CONFIG_HOME=/c/"}, (*app).configHome, "/c"},
		{"a relative variable is void", []string{"HOME=/home/x", "XDG_CONFIG_HOME=c"}, (*app).configHome, "/home/x/.config"},
		{"home", []string{"HOME=/home/x/"}, (*app).home, "/home/x"},
		{"--root", nil, func(a *app) (string, error) { a.globals.Root = "/r/../s"; return a.dataDir() }, "/s"},
		{"--runroot", nil, func(a *app) (string, error) { a.globals.RunRoot = "/r"; return a.runtimeDir() }, "/r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.find(&app{environment: tt.environment})
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
