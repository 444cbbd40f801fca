package tests

import (
	"slices"
	"strings"
	"testing"
)

// rows is the house of docs/architecture.md: a package imports only packages of lower rows.
// A package below another (sandbox/x) lives in its parent's row and serves the parent.
var rows = [][]string{
	0: {"idmap", "wire"},
	1: {"userns", "slirp", "cgroupv2", "fuseoverlay"},
	2: {"container", "image", "sandbox"},
	3: {"bundle", "monitor", "imagestore"},
	4: {"engine"},
	5: {"cmd/rlc", "cmd/rlc-monitor", "cmd/rlc-image", "cmd/rlc-net"},
}

// doors are the big dependencies, by prefix, and the only packages that import them.
var doors = map[string][]string{
	"go.podman.io":                               {"imagestore"},
	"github.com/alecthomas/kong":                 {"cmd/rlc"},
	"github.com/moby/profiles":                   {"bundle"},
	"tags.cncf.io/container-device-interface":    {"bundle"},
	"gvisor.dev/gvisor":                          {"slirp"},
	"github.com/rootless-containers/rootlesskit": {"slirp"},
	"github.com/coreos/go-systemd":               {"cgroupv2"},
	"github.com/godbus/dbus":                     {"cgroupv2"},
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if outside(p.name()) {
			continue
		}
		row, ok := rowOf(p.name())
		if !ok {
			t.Errorf("%s has no row: give it one here and in docs/architecture.md", p.name())
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module+"/")
			if !ours || strings.HasPrefix(imported, p.name()+"/") {
				continue
			}
			if below, _ := rowOf(imported); below >= row || outside(imported) {
				t.Errorf("%s (row %d) imports %s (row %d): arrows point down", p.name(), row, imported, below)
			}
		}
	}
}

func TestBigDependenciesHaveOneDoor(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, path := range p.Imports {
			for prefix, allowed := range doors {
				if within(path, prefix) && !slices.ContainsFunc(allowed, func(a string) bool { return within(p.name(), a) }) {
					t.Errorf("%s imports %s, whose only door is %s", p.name(), path, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

// rowOf finds the row of a package or of its parent.
func rowOf(name string) (int, bool) {
	for row, names := range rows {
		for _, n := range names {
			if within(name, n) {
				return row, true
			}
		}
	}
	return 0, false
}

// outside tells packages that no program is made of.
func outside(name string) bool { return within(name, "tests") || within(name, "contrib") }

// within tells whether path is prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
