package image

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestCache(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	want := Image{ID: id, Names: []string{"docker.io/library/x:latest"}, Layers: []string{"/store/overlay/a/diff"}}
	stores := []string{"/store", "/other"}
	environ := []string{"HOME=/home/a", "LANG=C"}
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir, file, watched string)
		look  func(c Cache) (Image, bool)
		hit   bool
	}{
		{name: "untouched", hit: true},
		{name: "irrelevant environment", hit: true, look: func(c Cache) (Image, bool) {
			return NewCache(c.dir, []string{"LANG=de", "HOME=/home/a"}).Lookup("x", "", stores)
		}},
		{name: "other configuration", look: func(c Cache) (Image, bool) {
			return NewCache(c.dir, append(environ, "CONTAINERS_REGISTRIES_CONF=/x")).Lookup("x", "", stores)
		}},
		{name: "other platform", look: func(c Cache) (Image, bool) { return c.Lookup("x", "linux/arm64", stores) }},
		{name: "other name", look: func(c Cache) (Image, bool) { return c.Lookup("y", "", stores) }},
		{name: "climbing name", look: func(c Cache) (Image, bool) { return c.Lookup("../x", "", stores) }},
		{name: "other stores", look: func(c Cache) (Image, bool) { return c.Lookup("x", "", stores[:1]) }},
		{name: "no cache", look: func(Cache) (Image, bool) { return NewCache("/nonexistent", environ).Lookup("x", "", stores) }},
		{name: "watched file changed", spoil: func(t *testing.T, _, _, watched string) { write(t, watched, "longer than before") }},
		{name: "watched file replaced", spoil: func(t *testing.T, _, _, watched string) {
			write(t, watched+".new", "old")
			if err := os.Rename(watched+".new", watched); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "watched file gone", spoil: func(t *testing.T, _, _, watched string) { remove(t, watched) }},
		{name: "missing file came", spoil: func(t *testing.T, _, _, watched string) { write(t, watched+".missing", "") }},
		{name: "damaged", spoil: func(t *testing.T, _, file, _ string) { write(t, file, `{"Version":1,"Name":"x"`) }},
		{name: "foreign", spoil: func(t *testing.T, _, file, _ string) {
			write(t, file, `{"Version":1,"Name":"x","Stores":["/store","/other"]}`)
		}},
		{name: "empty", spoil: func(t *testing.T, _, file, _ string) { write(t, file, "") }},
		{name: "a directory", spoil: func(t *testing.T, _, file, _ string) {
			remove(t, file)
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "cache")
			watched := filepath.Join(t.TempDir(), "images.json")
			write(t, watched, "old")
			c := NewCache(dir, environ)
			if err := c.Put("x", "", stores, Observe([]string{watched, watched + ".missing"}), want); err != nil {
				t.Fatal(err)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir, c.path("x", ""), watched)
			}
			look := tt.look
			if look == nil {
				look = func(c Cache) (Image, bool) { return c.Lookup("x", "", stores) }
			}
			got, hit := look(c)
			if hit != tt.hit || hit && !reflect.DeepEqual(got, want) {
				t.Errorf("hit %v %+v, want %v", hit, got, tt.hit)
			}
		})
	}
}

func TestCacheSweep(t *testing.T) {
	t.Parallel()
	dir, watched := t.TempDir(), filepath.Join(t.TempDir(), "w")
	write(t, watched, "1")
	c := NewCache(dir, nil)
	i := Image{ID: strings.Repeat("b", 64), Layers: []string{"/l"}}
	if err := c.Put("stale", "", nil, Witness{{Path: watched, Size: 77}}, i); err != nil {
		t.Fatal(err)
	}
	if err := c.Put("fresh", "", nil, Observe([]string{watched}), i); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, temporary+"123"), "half")
	if err := c.Sweep(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != filepath.Base(c.path("fresh", "")) {
		t.Errorf("left: %v, %v", files, err)
	}
	if err := NewCache(filepath.Join(dir, "none"), nil).Sweep(); err != nil {
		t.Errorf("a cache that is not there: %v", err)
	}
}

func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	watched := filepath.Join(t.TempDir(), "w")
	write(t, watched, "1")
	c := NewCache(t.TempDir(), nil)
	i := Image{ID: strings.Repeat("c", 64), Layers: []string{"/l"}}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range 20 {
				if err := c.Put("x", "", nil, Observe([]string{watched}), i); err != nil {
					t.Error(n, err)
				}
				if _, ok := c.Lookup("x", "", nil); !ok {
					t.Error(n, "a miss between two writes")
				}
			}
		})
	}
	all.Wait()
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"alpine": true, "docker.io/library/alpine:3": true, "oci:/a b/c:d": true, "a@sha256:00": true,
		"": false, "-d": false, "a\nb": false, "a\x00": false, strings.Repeat("a", 9000): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%.20q) = %v", name, err)
		}
	}
}

// BenchmarkLookup times what a start pays: one read, some calls of stat.
func BenchmarkLookup(b *testing.B) {
	dir := b.TempDir()
	var files, layers []string
	for n := range 30 {
		files = append(files, filepath.Join(dir, fmt.Sprint(n)))
	}
	for n := range 60 {
		layers = append(layers, fmt.Sprintf("/home/somebody/.local/share/rlc/storage/overlay/%064d/diff", n))
	}
	c := NewCache(dir, nil)
	if err := c.Put("x", "", nil, Observe(files), Image{ID: strings.Repeat("d", 64), Layers: layers}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := c.Lookup("x", "", nil); !ok {
			b.Fatal("a miss")
		}
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
