package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rlc-containers/rlc/idmap"
)

// layer makes a layer directory with files in it.
func layer(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSingleIDs(t *testing.T) {
	t.Parallel()
	base := layer(t, map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\nbroken\nodd:x:many:1::/:\n",
		"etc/group":  "root:x:0:\nstaff:x:50:web\n",
	})
	upper := layer(t, map[string]string{"etc/passwd": "root:x:0:0::/:\nlate:x:7:8::/:\n"})
	hostile := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(hostile, "etc")); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		layers   []string
		user     string
		uid, gid uint32
	}{
		"by name":                  {[]string{base}, "web", 33, 44},
		"by uid":                   {[]string{base}, "33", 33, 44},
		"unknown uid":              {[]string{base}, "4711", 4711, 0},
		"with group":               {[]string{base}, "web:staff", 33, 50},
		"with gid":                 {[]string{base}, "9:12", 9, 12},
		"unknown name":             {[]string{base}, "nobody", 0, 0},
		"a uid that is none":       {[]string{base}, "odd", 0, 0},
		"uppermost file counts":    {[]string{upper, base}, "late", 7, 8},
		"lower file is covered":    {[]string{upper, base}, "web", 0, 0},
		"link out of the layer":    {[]string{hostile}, "daemon", 0, 0},
		"no file at all":           {[]string{t.TempDir()}, "5", 5, 0},
		"layer that does not exit": {[]string{"/nonexistent"}, "5:6", 5, 6},
	} {
		uid, gid := singleIDs(tc.user, tc.layers)
		if uid != tc.uid || gid != tc.gid {
			t.Errorf("%s: user %q is %d:%d, want %d:%d", name, tc.user, uid, gid, tc.uid, tc.gid)
		}
	}
}

func TestShift(t *testing.T) {
	t.Parallel()
	store := idmap.Map{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 10}}
	for name, tc := range map[string]struct{ to, want idmap.Map }{
		"the same mapping": {store, idmap.Map{{Inside: 0, Outside: 0, Count: 1}, {Inside: 1, Outside: 1, Count: 10}}},
		"nomap":            {idmap.Map{{Inside: 0, Outside: 100000, Count: 10}}, idmap.Map{{Inside: 0, Outside: 1, Count: 10}}},
		"across a gap": {
			idmap.Map{{Inside: 5, Outside: 99999, Count: 3}},
			idmap.Map{{Inside: 6, Outside: 1, Count: 2}},
		},
		"nothing in common": {idmap.Map{{Inside: 0, Outside: 7, Count: 3}}, nil},
	} {
		if got := shift(tc.to, store); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
