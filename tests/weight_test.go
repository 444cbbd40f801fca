package tests

import (
	"strings"
	"testing"
)

// forbidden are the packages, by prefix, that a program must not link, directly or through
// others: each of them costs time at every start or memory in every container.
var forbidden = map[string][]string{
	"cmd/rlc": {
		"crypto/tls", "github.com/sirupsen/logrus", "go.podman.io", "gvisor.dev", "html/template",
		"net/http", "github.com/rlc-containers/rlc/imagestore", "github.com/rlc-containers/rlc/slirp",
	},
	"cmd/rlc-monitor": {
		"compress", "crypto/tls", "crypto/x509", "encoding/gob", "encoding/xml", "github.com/alecthomas/kong",
		"github.com/moby", "github.com/sirupsen/logrus", "go.podman.io", "gvisor.dev", "html/template",
		"net/http", "regexp", "testing", "text/template", "github.com/rlc-containers/rlc/bundle",
		"github.com/rlc-containers/rlc/engine", "github.com/rlc-containers/rlc/imagestore",
	},
}

func TestSmallProgramsStaySmall(t *testing.T) {
	t.Parallel()
	all := packages(t)
	byPath := make(map[string]listed, len(all))
	for _, p := range all {
		byPath[p.ImportPath] = p
	}
	for program, prefixes := range forbidden {
		p, ok := byPath[module+"/"+program]
		if !ok {
			t.Errorf("there is no program %s", program)
			continue
		}
		for _, dep := range p.Deps {
			for _, prefix := range prefixes {
				if within(dep, prefix) {
					t.Errorf("%s links %s (by way of %s)", program, dep, strings.Join(importers(p, dep, byPath), ", "))
				}
			}
		}
	}
}

// importers names the packages of this module through which program comes to link dep.
func importers(program listed, dep string, byPath map[string]listed) []string {
	var found []string
	for _, path := range append([]string{program.ImportPath}, program.Deps...) {
		p, ours := byPath[path]
		if !ours {
			continue
		}
		for _, imported := range p.Imports {
			if imported == dep {
				found = append(found, p.name())
			}
		}
	}
	if found == nil {
		return []string{"a dependency: go mod why " + dep}
	}
	return found
}
