package engine

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rlc-containers/rlc/idmap"
)

// Root's images are handled by a process that is not the host's root and cannot look into
// root's home. What it needs of there is copied to a home of its own.

// lentHome is that home.
func (e *Engine) lentHome() string { return filepath.Join(e.Runtime, "lent") }

// imageEnv is the environment of rlc-image.
func (e *Engine) imageEnv() []string {
	if e.Identity.UID != 0 {
		return e.Env
	}
	env := []string{"HOME=" + e.lentHome()}
	for _, v := range e.Env {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME":
		default:
			env = append(env, v)
		}
	}
	return env
}

// lendConfig brings the copy of root's containers configuration up to date.
func (e *Engine) lendConfig(plan idmap.Plan) error {
	config := e.variable("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(e.variable("HOME"), ".config")
	}
	copied := filepath.Join(e.lentHome(), ".config", "containers")
	wanted, existing := configFiles(filepath.Join(config, "containers")), configFiles(copied)
	home := e.homeFor(plan)
	for _, dir := range []string{e.lentHome(), filepath.Dir(copied), copied} {
		if err := home.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
			return err
		}
	}
	for name := range existing {
		if _, ok := wanted[name]; !ok {
			if err := os.Remove(filepath.Join(copied, name)); err != nil {
				return err
			}
		}
	}
	for name, content := range wanted {
		if old, ok := existing[name]; ok && bytes.Equal(old, content) {
			continue // untouched, so that what was resolved with it stays valid
		}
		if err := home.WriteBelow(copied, name, content); err != nil {
			return err
		}
	}
	return nil
}

// configLimit is more than any configuration file has, in bytes.
const configLimit = 1 << 20

// configFiles reads the files below a directory, by their names relative to it.
func configFiles(dir string) map[string][]byte {
	files := map[string][]byte{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // not there, then
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > configLimit {
			return nil
		}
		if content, err := os.ReadFile(path); err == nil {
			name, _ := filepath.Rel(dir, path) // below it
			files[name] = content
		}
		return nil
	})
	return files
}

// unreachableError reports a directory that root's containers cannot pass through.
type unreachableError struct{ Dir string }

func (e *unreachableError) Error() string {
	return fmt.Sprintf("reach the state of rlc: %s is closed", e.Dir)
}

// Hint says why that matters and what helps.
func (e *unreachableError) Hint() string {
	return "root's containers do not run as the host's root: let others pass (chmod o+x " + e.Dir + "), or choose other places with --root and --runroot"
}

// checkReachable returns an *unreachableError when root keeps its state below a directory
// that only root may pass.
func (e *Engine) checkReachable() error {
	if e.Identity.UID != 0 {
		return nil
	}
	for _, dir := range []string{e.Data, e.Runtime} {
		for dir = filepath.Dir(dir); dir != "/"; dir = filepath.Dir(dir) {
			if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 {
				return &unreachableError{Dir: dir}
			}
		}
	}
	return nil
}
