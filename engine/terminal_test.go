package engine

import (
	"bytes"
	"testing"
)

func TestParseDetachKeys(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want []byte
		bad  bool
	}{
		"default":        {in: "", want: []byte{16, 17}},
		"none":           {in: "none", want: nil},
		"letters":        {in: "a,b", want: []byte("ab")},
		"controls":       {in: "ctrl-a,ctrl-@,ctrl-[,ctrl-_", want: []byte{1, 0, 27, 31}},
		"upper case":     {in: "CTRL-P", want: []byte{16}},
		"unknown word":   {in: "ctrl-p,escape", bad: true},
		"empty key":      {in: "ctrl-p,,ctrl-q", bad: true},
		"not a control":  {in: "ctrl-1", bad: true},
		"control of two": {in: "ctrl-pq", bad: true},
	} {
		got, err := parseDetachKeys(tc.in)
		if (err != nil) != tc.bad || !bytes.Equal(got, tc.want) {
			t.Errorf("%s: parse %q: %v, %v; want %v, bad %v", name, tc.in, got, err, tc.want, tc.bad)
		}
	}
}

func TestDetachFilter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		keys   string
		typed  []string
		want   string
		detach bool
	}{
		"nothing to see":    {"pq", []string{"hello"}, "hello", false},
		"the sequence":      {"pq", []string{"ls\n", "pq", "more"}, "ls\n", true},
		"in two reads":      {"pq", []string{"ap", "q"}, "a", true},
		"begun, not ended":  {"pq", []string{"p", "x"}, "px", false},
		"begun twice":       {"pq", []string{"pp", "q"}, "p", true},
		"overlapping start": {"ppq", []string{"pppq"}, "p", true},
		"held back":         {"pq", []string{"p"}, "", false},
		"no keys":           {"", []string{"pq"}, "pq", false},
	} {
		f := &detachFilter{keys: []byte(tc.keys)}
		var got []byte
		detached := false
		for _, read := range tc.typed {
			if detached {
				break
			}
			var out []byte
			out, detached = f.pass([]byte(read))
			got = append(got, out...)
		}
		if string(got) != tc.want || detached != tc.detach {
			t.Errorf("%s: passed %q, detached %v; want %q, %v", name, got, detached, tc.want, tc.detach)
		}
	}
}

// FuzzDetachFilter checks that whatever is typed without the sequence arrives unchanged, as
// a whole or up to the keys that are held back.
func FuzzDetachFilter(f *testing.F) {
	f.Add([]byte("hello"), []byte{16, 17})
	f.Add([]byte("aab"), []byte("ab"))
	f.Fuzz(func(t *testing.T, typed, keys []byte) {
		if len(keys) == 0 || bytes.Contains(typed, keys) {
			return
		}
		filter := &detachFilter{keys: keys}
		out, detach := filter.pass(typed)
		if detach {
			t.Fatalf("detached from %q by %q", typed, keys)
		}
		if !bytes.HasPrefix(typed, out) || len(typed)-len(out) >= len(keys) {
			t.Fatalf("passed %q of %q, keys %q", out, typed, keys)
		}
	})
}
