package idmap

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseSubordinate(t *testing.T) {
	t.Parallel()
	alice := func(owner string) bool { return owner == "alice" || owner == "1001" }
	for _, test := range []struct {
		name string
		file string
		want subordinate
	}{
		{"empty", "", subordinate{}},
		{"by name", "bob:1:2\nalice:100000:65536\n", subordinate{ranges: []Range{{100000, 65536}}, free: 165536}},
		{"by uid", "1001:100000:65536", subordinate{ranges: []Range{{100000, 65536}}, free: 165536}},
		{"several", "alice:300000:10\n1001:100000:65536\n", subordinate{ranges: []Range{{300000, 10}, {100000, 65536}}, free: 300010}},
		{"spaces and carriage returns", "  alice:1:2 \r\n\n", subordinate{ranges: []Range{{1, 2}}, free: 3}},
		{"count 0 is New's to tell", "alice:5:0\n", subordinate{ranges: []Range{{5, 0}}, free: 5}},
		{"comments", "#alice:1:2\n", subordinate{}},
		{"others' mistakes", "bob:x:y\nbob\n:::\n:\n", subordinate{}},
		{"past the end", "alice:4294967290:100\n", subordinate{ranges: []Range{{4294967290, 100}}}},
		{"no last newline, other names alike", "alice2:1:2\nalic:3:4", subordinate{free: 7}},
		{"too few fields", "alice:100000\n", subordinate{notes: []string{`f, line 1: "alice:100000" is not NAME:START:COUNT; it is left out`}}},
		{"spaces for colons", "\nalice 1 2\n", subordinate{notes: []string{`f, line 2: "alice 1 2" is not NAME:START:COUNT; it is left out`}}},
		{"name only", "alice", subordinate{notes: []string{`f, line 1: "alice" is not NAME:START:COUNT; it is left out`}}},
		{"too large", "alice:1:4294967296", subordinate{notes: []string{`f, line 1: "alice:1:4294967296" is not NAME:START:COUNT; it is left out`}}},
		{"negative", "alice:-1:5", subordinate{notes: []string{`f, line 1: "alice:-1:5" is not NAME:START:COUNT; it is left out`}}},
		{"octal to others", "alice:010:5", subordinate{notes: []string{`f, line 1: "alice:010:5" is not NAME:START:COUNT; it is left out`}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := parseSubordinate([]byte(test.file), "f", alice); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseSubordinate(f *testing.F) {
	f.Add([]byte("alice:100000:65536\n1001:1:2\n"))
	f.Add([]byte("alice\x00:4294967295:4294967295\n::\nalice:::\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := parseSubordinate(data, "f", func(owner string) bool { return owner == "alice" })
		if n := strings.Count(string(data), "alice"); len(s.ranges)+len(s.notes) > n {
			t.Errorf("%d ranges and %d notes from %d lines", len(s.ranges), len(s.notes), n)
		}
		ranges, _ := usable(Grant{Ranges: s.ranges}, Map{{0, 0, idLimit}}, 0)
		for i, r := range ranges {
			if r.Count == 0 || r.Start == 0 || r.end() > idLimit || i > 0 && uint64(r.Start) < ranges[i-1].end() {
				t.Errorf("unusable range %v in %v", r, ranges)
			}
		}
	})
}

func TestNSSSource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, file, want string }{
		{"no file", "", ""},
		{"not named", "passwd: files\n", ""},
		{"files", "subid: files\n", ""},
		{"files first", "subid:files sss\n", ""},
		{"sss", "passwd: files\n  subid:\tsss files # all\n", "sss"},
		{"commented out", "#subid: sss\nsubid: # sss\n", ""},
		{"without a newline", "subid: sss", "sss"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := nssSource([]byte(test.file)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseGetsubids(t *testing.T) {
	t.Parallel()
	output := "0: alice 100000 65536\n1: alice 300000 10\n2: bob 1 2\n3: alice x 2\nError fetching ranges\n"
	want := []Range{{100000, 65536}, {300000, 10}}
	if got := parseGetsubids(output, "alice"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLoginOf(t *testing.T) {
	t.Parallel()
	passwd := []byte("root:x:0:0:root:/root:/bin/sh\nbroken\n:x:5:5::/:\nalice:x:1001:1001::/home/alice:/bin/sh\nalias:x:1001:1001::/:\n")
	for uid, want := range map[uint32]string{0: "root", 1001: "alice", 5: "", 7: ""} {
		if got := loginOf(passwd, uid); got != want {
			t.Errorf("loginOf(%d) = %q, want %q", uid, got, want)
		}
	}
}

func TestParseIDMap(t *testing.T) {
	t.Parallel()
	got, ok := parseIDMap([]byte("         0          0 4294967295\n"))
	if want := (Map{{0, 0, idLimit}}); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("the initial map is %v, %v", got, ok)
	}
	for _, bad := range []string{"", "\n", "0 0\n", "0 0 x\n", "0 0 1 1\n"} {
		if m, ok := parseIDMap([]byte(bad)); ok {
			t.Errorf("%q was taken for %v", bad, m)
		}
	}
}
