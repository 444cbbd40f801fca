// Package tests holds rlc's architecture in a form that fails when the code leaves it: which
// package may import which, what the small programs must not link, what they do before main,
// and the shape of files. It runs the go command on the repository and no part of rlc but
// the programs' own start; the scenarios are in package script.
//
// It runs in `go test`.
package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/rlc-containers/rlc"

// listed is what `go list` says of a package.
type listed struct {
	ImportPath   string
	Dir          string
	Standard     bool
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	Deps         []string
}

// name is the package's path in the module: engine, cmd/rlc.
func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// goList returns the module's packages, built as the Makefile builds them.
var goList = sync.OnceValues(func() ([]listed, error) {
	tags, err := buildTags()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-json", "-tags", tags, "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

// packages returns the module's packages that hold more than tests.
func packages(t *testing.T) []listed {
	t.Helper()
	all, err := goList()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var with []listed
	for _, p := range all {
		if len(p.GoFiles) > 0 {
			with = append(with, p)
		}
	}
	return with
}

// buildTags reads the tags from the one place where they are.
func buildTags() (string, error) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^TAGS := (\S+)$`).FindSubmatch(makefile)
	if found == nil {
		return "", errors.New("no TAGS in the Makefile")
	}
	return string(found[1]), nil
}

// source is a parsed Go file of the repository.
type source struct {
	path  string // relative to the repository
	lines int
	test  bool
	set   *token.FileSet
	ast   *ast.File
}

// sources parses every Go file of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{
			path:  strings.TrimPrefix(path, "../"),
			lines: bytes.Count(text, []byte("\n")),
			test:  strings.HasSuffix(path, "_test.go"),
			set:   set,
			ast:   file,
		})
		return nil
	})
	if err != nil {
		t.Fatalf("read the sources: %v", err)
	}
	return all
}
