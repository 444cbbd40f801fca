package tests

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// The sizes that a file and a function keep, in lines.
const (
	maxFile     = 400
	maxFunction = 80
	maxTest     = 150 // of a test function: tables are data
)

// large names what is larger, with the reason.
var large = map[string]string{}

// process matches the sentence of a package comment that says where the package runs. A
// command says it by its name.
var process = regexp.MustCompile(`\b[Rr]uns? (?:.* )?(?:in|by|inside) |^(?:Command r|R)lc`)

// understood are methods whose contract is their interface's.
var understood = map[string]bool{"Error": true, "Unwrap": true, "String": true}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > maxFile && large[s.path] == "" {
			t.Errorf("%s has %d lines, more than %d: split it by ideas", s.path, s.lines, maxFile)
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			length := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			limit := maxFunction
			if s.test {
				limit = maxTest
			}
			if name := s.path + ":" + f.Name.Name; length > limit && large[name] == "" {
				t.Errorf("%s has %d lines, more than %d", name, length, limit)
			}
		}
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function: call it from main", s.path)
			}
		}
	}
}

func TestPackagesSayWhereTheyRun(t *testing.T) {
	t.Parallel()
	comments := map[string]string{} // by directory
	for _, s := range sources(t) {
		dir := s.path[:strings.LastIndexByte(s.path, '/')]
		comments[dir] += s.ast.Doc.Text()
	}
	for dir, text := range comments {
		switch text = strings.Join(strings.Fields(text), " "); {
		case text == "":
			t.Errorf("%s has no package comment", dir)
		case !process.MatchString(text):
			t.Errorf("the package comment of %s does not say in which process it runs", dir)
		}
	}
}

func TestExportedNamesAreExplained(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, decl := range s.ast.Decls {
			for _, name := range unexplained(decl) {
				t.Errorf("%s: %s has no comment that begins with its name", s.path, name)
			}
		}
	}
}

// unexplained returns the exported names of a declaration that lack their comment. A
// group of constants or variables may share one.
func unexplained(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && understood[d.Name.Name] {
			return nil
		}
		if d.Name.IsExported() && exportedReceiver(d) && !explains(d.Doc.Text(), d.Name.Name) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && !explains(s.Doc.Text()+d.Doc.Text(), s.Name.Name) {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				text := s.Doc.Text() + s.Comment.Text() + d.Doc.Text()
				for _, name := range s.Names {
					if name.IsExported() && text == "" {
						names = append(names, name.Name)
					}
				}
			}
		}
		return names
	}
	return nil
}

// explains tells whether a comment begins with the name, an article before it or not.
func explains(text, name string) bool {
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	rest, ok := strings.CutPrefix(text, name)
	return ok && rest != "" && !token.IsIdentifier(rest[:1])
}

// exportedReceiver tells whether a function is no method, or one of an exported type.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	kind := f.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if index, ok := kind.(*ast.IndexExpr); ok {
		kind = index.X
	}
	name, ok := kind.(*ast.Ident)
	return ok && name.IsExported()
}
