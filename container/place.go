package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// OverlayDir is the directory, in the container's data directory, of the writable parts of
// mounts: NUMBER/upper and NUMBER/work.
const OverlayDir = "overlays"

// MakeTree makes directories below the container's data directory, with those above them.
func (c *Container) MakeTree(dirs ...string) error {
	for _, dir := range dirs {
		rel, err := filepath.Rel(c.Dir, dir)
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("make %s: it is not the container's", dir)
		}
		path := c.Dir
		for _, part := range strings.Split(rel, string(filepath.Separator)) {
			path = filepath.Join(path, part)
			if err := c.home.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}

// WriteBelow writes a file below a directory that exists, making directories on the way,
// and gives all of it to the owner.
func (h Home) WriteBelow(dir, name string, content []byte) error {
	path := dir
	parts := strings.Split(name, string(filepath.Separator))
	for _, part := range parts[:len(parts)-1] {
		path = filepath.Join(path, part)
		if err := h.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return h.give(path)
}

// MakeVolume makes the directory of a named volume, NAME/_data below dir, unless it is there.
func (c *Container) MakeVolume(dir, name string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o711); err != nil {
		return err
	}
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{
		{dir, 0o700}, // a setuid file in a volume is one of the person's own on the host
		{filepath.Join(dir, name), 0o755},
		{filepath.Join(dir, name, "_data"), 0o755},
	} {
		if err := c.home.Mkdir(d.path, d.mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
