package main

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// update rewrites the files that are made of the commands: golden ones, and documentation.
var update = flag.Bool("update", false, "rewrite what is made of the commands: testdata, docs, contrib")

func TestCommandsAreWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range commands() {
		for _, name := range c.names {
			if seen[name] {
				t.Errorf("two commands are called %q", name)
			}
			seen[name] = true
			if words := strings.Fields(name); len(words) < 1 || len(words) > 2 {
				t.Errorf("%q: a name has one word or two", name)
			}
		}
		name := c.names[0]
		if c.usage == "" || c.summary == "" || c.about == "" || strings.HasSuffix(c.summary, ".") || !strings.HasSuffix(c.about, ".") {
			t.Errorf("%s: its usage, its summary (no full stop) and its description (with one) are needed", name)
		}
		if len(c.examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		s := describe(c.flags)
		if hasOptions := len(s.options) > 0; hasOptions != strings.Contains(c.usage, "[options]") {
			t.Errorf("%s: its usage and its options disagree: %s", name, c.usage)
		}
		for _, example := range c.examples {
			checkExample(t, &c, example)
		}
	}
}

// checkExample reads an example as rlc itself does.
func checkExample(t *testing.T, c *command, example string) {
	t.Helper()
	example, _, _ = strings.Cut(example, " > ")
	example, _, _ = strings.Cut(example, " < ")
	example, _, _ = strings.Cut(example, " || ")
	example, _, _ = strings.Cut(example, " && ")
	all := commands()
	words := shellWords(example)
	for n := 2; n >= 1; n-- {
		if len(words) < n || all.find(strings.Join(words[:n], " ")) == nil {
			continue
		}
		found := all.find(strings.Join(words[:n], " "))
		if found.names[0] != c.names[0] {
			t.Errorf("%s: the example %q is one of %s", c.names[0], example, found.names[0])
		}
		s := describe(found.flags, new(Globals))
		l, err := normalise(&s, words[n:], !found.strict)
		if err == nil {
			err = bind(&s, &l)
		}
		if err != nil {
			t.Errorf("%s: the example %q: %v", c.names[0], example, err)
		}
		return
	}
	t.Errorf("%s: the example %q is of no command", c.names[0], example)
}

// shellWords splits at spaces outside single quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words[len(words)-1] += part
			continue
		}
		fields := strings.Fields(part)
		if i > 0 && !strings.HasPrefix(part, " ") && len(fields) > 0 {
			words[len(words)-1] += fields[0]
			fields = fields[1:]
		}
		words = append(words, fields...)
		if strings.HasSuffix(part, " ") {
			words = append(words, "")
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

func TestOptionsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		s := describe(c.flags, new(Globals))
		seen := map[string]bool{}
		for _, o := range s.options {
			name := c.names[0] + " --" + o.name
			for _, called := range append([]string{o.name, o.short}, o.aliases...) {
				if seen[called] && called != "" {
					t.Errorf("%s: two options are called %q", name, called)
				}
				seen[called] = true
			}
			if o.name == "" || len(o.short) > 1 {
				t.Errorf("%s: a name, and a short one of one letter at most", name)
			}
			if o.help == "" || strings.HasSuffix(o.help, ".") {
				t.Errorf("%s: an explanation without a full stop is needed", name)
			}
			if strings.ContainsAny(string(o.tag), "\\$") {
				t.Errorf("%s: its tag holds a backslash or a dollar", name)
			}
			if _, ok := o.tag.Lookup("default"); ok {
				t.Errorf("%s: the default is the zero value, which costs nothing", name)
			}
			if sep := o.tag.Get("sep"); o.many && sep != "none" && sep != "," {
				t.Errorf("%s: a list says whether commas separate its elements: sep:\"none\" or sep:\",\"", name)
			}
		}
	}
}

// TestBindKnowsEveryOption gives every option of every command a value.
func TestBindKnowsEveryOption(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		s := describe(c.flags, new(Globals))
		for i := range s.options {
			o := &s.options[i]
			value := "7"
			switch {
			case o.toggle:
				value = "true"
			case len(o.choices) > 0:
				value = o.choices[0]
			}
			l := line{settings: []setting{{option: o, value: value}}}
			if err := bindOptions(&l); err != nil {
				t.Errorf("%s --%s: %v", c.names[0], o.name, err)
			}
			got := o.target
			for got.Kind() == reflect.Pointer {
				got = got.Elem()
			}
			if got.IsZero() {
				t.Errorf("%s --%s=%s: nothing was stored", c.names[0], o.name, value)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		golden(t, filepath.Join("testdata", "help", strings.ReplaceAll(c.names[0], " ", "-")+".txt"), c.text("rlc"))
	}
	for _, group := range append(commands().groups(), "") {
		a, out := captured(t)
		if err := commands().overview(a, group); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "help", "group-"+group+".txt"), out())
	}
}

// golden compares a text with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		write(t, path, got)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run go test ./cmd/rlc -update", err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the program says; go test ./cmd/rlc -update rewrites it:\n%s", path, got)
	}
}

// captured is an app that writes to files, and a function that returns its output.
func captured(t *testing.T) (*app, func() string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	a := testApp()
	a.stdout, a.stderr = out, out
	return a, func() string {
		t.Helper()
		data, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}
