package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePairs(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return "host", name == "KNOWN" }
	tests := []struct {
		name, data string
		labels     bool // names alone stay
		want       []string
		err        string
	}{
		{"nothing", "", false, nil, ""},
		{"lines", "A=1\nB=2\n", false, []string{"A=1", "B=2"}, ""},
		{"no newline at the end", "A=1", false, []string{"A=1"}, ""},
		{"CRLF", "A=1\r\nB=2\r\n", false, []string{"A=1", "B=2"}, ""},
		{"byte order mark", "\uFEFFA=1\n", false, []string{"A=1"}, ""},
		{"comments and empty lines", "# A=1\n\n  \n  # B\nC=3\n", false, []string{"C=3"}, ""},
		{"a # in a value stays", "A=1 # one\n", false, []string{"A=1 # one"}, ""},
		{"quotes stay", `A="1"`, false, []string{`A="1"`}, ""},
		{"space before goes, space behind stays", "  A= 1 \n", false, []string{"A= 1 "}, ""},
		{"empty value", "A=\n", false, []string{"A="}, ""},
		{"= in a value", "A=b=c\n", false, []string{"A=b=c"}, ""},
		{"from the environment", "KNOWN\nUNKNOWN\n", false, []string{"KNOWN=host"}, ""},
		{"a label alone", "KNOWN\n", true, []string{"KNOWN"}, ""},
		{"export is no name", "export A=1\n", false, nil, `line 1: white space in the name "export A"`},
		{"no name", "A=1\n=2\n", false, nil, "line 2: the name is missing"},
		{"NUL byte", "A=\x00\n", false, nil, "line 1: a NUL byte"},
		{"not text", "A=\xff\n", false, nil, "not a text file: it is not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			find := lookup
			if tt.labels {
				find = nil
			}
			got, err := parsePairs([]byte(tt.data), find)
			if text(err) != tt.err || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %q; want %q, %q", got, text(err), tt.want, tt.err)
			}
		})
	}
}

// FuzzParsePairs: what is read are pairs that an environment can hold.
func FuzzParsePairs(f *testing.F) {
	f.Add([]byte("A=1\n# x\n  B\n"))
	f.Add([]byte("\uFEFFA=\r\n=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := parsePairs(data, func(name string) (string, bool) { return name, len(name)%2 == 0 })
		if err != nil {
			return
		}
		for _, pair := range found {
			name, _, ok := strings.Cut(pair, "=")
			if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(pair, "\x00\n") {
				t.Errorf("read %q from %q", pair, data)
			}
		}
	})
}

func TestLastWins(t *testing.T) {
	t.Parallel()
	got := lastWins([]string{"A=1", "B=1", "A=2", "C", "A=3", "B=4"})
	if want := []string{"A=3", "B=4", "C"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
