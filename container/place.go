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
			if err := c.home.mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
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
		if err := c.home.mkdir(d.path, d.mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
