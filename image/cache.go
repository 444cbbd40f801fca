package image

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cacheVersion changes with the meaning of Entry or Image; other versions are misses.
const cacheVersion = 1

// temporary begins the names of cache files that are being written.
const temporary = ".new-"

// Cache remembers what a typed reference was resolved to. Every entry is one small file,
// valid as long as all files that could change its answer are untouched: a lookup reads it
// and calls stat(2) a few times. The cache may be deleted at any time.
type Cache struct {
	dir     string
	setting string
}

// entry is a file of the cache. The fields before Image say what the answer belongs to.
type entry struct {
	Version  int
	Name     string
	Platform string
	Setting  string
	Stores   []string
	Seen     Witness
	Image    Image
}

// NewCache returns the cache in a directory, which need not exist. Of environ only the
// variables matter that choose configuration files: with others the answers are others.
func NewCache(dir string, environ []string) Cache {
	var chosen []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
			"CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH", "CONTAINERS_STORAGE_CONF", "CONTAINERS_SHORT_NAME_ALIASES":
			chosen = append(chosen, variable)
		}
	}
	slices.Sort(chosen)
	return Cache{dir: dir, setting: strings.Join(chosen, "\n")}
}

// Lookup returns what name was resolved to for a platform in stores, the graph roots in the
// order of search, unless anything that counts has changed since. It never fails: damaged,
// foreign and stale files are misses.
func (c Cache) Lookup(name, platform string, stores []string) (Image, bool) {
	data, err := os.ReadFile(c.path(name, platform))
	if err != nil {
		return Image{}, false
	}
	var e entry
	if json.Unmarshal(data, &e) != nil || e.Version != cacheVersion || e.Name != name || e.Platform != platform ||
		e.Setting != c.setting || !slices.Equal(e.Stores, stores) || !e.Image.usable() || !e.Seen.holds() {
		return Image{}, false
	}
	return e.Image, true
}

// Put remembers an answer. Seen was taken before the answer was looked for. Put replaces
// atomically and does not wait for the disk: a loss costs only the next resolution.
func (c Cache) Put(name, platform string, stores []string, seen Witness, i Image) error {
	e := entry{Version: cacheVersion, Name: name, Platform: platform, Setting: c.setting, Stores: stores, Seen: seen, Image: i}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode a cache entry: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(name, platform))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first failure matters
	}
	return err
}

// Sweep deletes what has become useless: stale answers and files left by a crash. Only one
// process may do so at a time, and none may Put meanwhile.
func (c Cache) Sweep() error {
	files, err := os.ReadDir(c.dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(c.dir, file.Name())
		data, err := os.ReadFile(path)
		var e entry
		if err == nil && !strings.HasPrefix(file.Name(), temporary) && json.Unmarshal(data, &e) == nil && e.Version == cacheVersion && e.Seen.holds() {
			continue
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// path names the file of an answer. What a person typed goes only into a hash; a collision
// is a miss, because the entry repeats the name.
func (c Cache) path(unsafeName, platform string) string {
	h := fnv.New128a()
	for _, part := range []string{unsafeName, platform, c.setting} {
		_, _ = h.Write([]byte(part)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil))+".json")
}

// usable says that an image read from a file has what a start needs.
func (i *Image) usable() bool {
	if len(i.ID) != 64 {
		return false
	}
	for _, dir := range i.Layers {
		if !filepath.IsAbs(dir) {
			return false
		}
	}
	return len(i.Layers) > 0
}
