package idmap

import (
	"errors"
	"reflect"
	"testing"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	id := func(n uint32) *uint32 { return &n }
	line := func(inside, outside, count uint32) Line { return Line{Extent: Extent{inside, outside, count}} }
	for _, test := range []struct {
		name           string
		userns         string
		uidmap, gidmap []string
		want           Request
		problem        string
	}{
		{name: "nothing", want: Request{}},
		{name: "private", userns: "private", want: Request{}},
		{name: "host", userns: "host", want: Request{Mode: Host}},
		{name: "nomap", userns: "nomap", want: Request{Mode: NoMap}},
		{name: "keep-id", userns: "keep-id", want: Request{Mode: KeepID}},
		{name: "keep-id with both", userns: "keep-id:uid=5,gid=6", want: Request{Mode: KeepID, KeepUID: id(5), KeepGID: id(6)}},
		{name: "keep-id with gid", userns: "keep-id:gid=0", want: Request{Mode: KeepID, KeepGID: id(0)}},
		{name: "keep-id with nothing", userns: "keep-id:", problem: `keep-id has no option ""`},
		{name: "keep-id with a typo", userns: "keep-id:user=5", problem: `keep-id has no option "user"`},
		{name: "keep-id with a name", userns: "keep-id:uid=alice", problem: `"alice" is no uid`},
		{name: "keep-id with -1", userns: "keep-id:uid=4294967295", problem: `"4294967295" is no uid`},
		{name: "keep-id twice", userns: "keep-id:uid=1,uid=1", problem: "uid is given twice"},
		{name: "host with options", userns: "host:uid=5", problem: "only keep-id has options"},
		{name: "auto", userns: "auto", problem: "no mapping is chosen automatically: all your containers share your ids"},
		{name: "unknown", userns: "keepid", problem: "no such mode"},
		{name: "uidmap", uidmap: []string{"0:1:10", "10:0"},
			want: Request{Mode: Explicit, UIDMap: []Line{line(0, 1, 10), line(10, 0, 1)}}},
		{name: "gidmap of a host group", gidmap: []string{"+g102:@2000"},
			want: Request{Mode: Explicit, GIDMap: []Line{{Extent: Extent{102, 2000, 1}, OnHost: true, Extend: true, GIDs: true}}}},
		{name: "map and mode", userns: "keep-id", uidmap: []string{"0:0:1"}, problem: "it contradicts --uidmap and --gidmap"},
		{name: "one number", uidmap: []string{"0"}, problem: "it has not two or three numbers"},
		{name: "four numbers", uidmap: []string{"0:1:2:3"}, problem: "it has not two or three numbers"},
		{name: "empty line", uidmap: []string{""}, problem: "it has not two or three numbers"},
		{name: "count 0", uidmap: []string{"0:1:0"}, problem: string(NoCount)},
		{name: "negative", uidmap: []string{"0:-1:1"}, problem: `"-1" is no id or count`},
		{name: "octal", uidmap: []string{"0:010:1"}, problem: `"010" is no id or count`},
		{name: "plus inside", uidmap: []string{"0:+1:1"}, problem: `"+1" is no id or count`},
		{name: "too long", uidmap: []string{"4294967290:1:9"}, problem: string(BeyondIDs)},
		{name: "host id inside", uidmap: []string{"@0:1:1"}, problem: `"@0" is no id or count`},
		{name: "bad gidmap", gidmap: []string{"x"}, problem: "it has not two or three numbers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseRequest(test.userns, test.uidmap, test.gidmap)
			var invalid *SyntaxError
			if errors.As(err, &invalid) != (test.problem != "") || err != nil && invalid.Problem != test.problem {
				t.Fatalf("error %v, want %q", err, test.problem)
			}
			if err != nil && (invalid.Error() == "" || invalid.Hint() == "") {
				t.Error("the error does not explain itself")
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("keep-id:uid=5,gid=6", "")
	f.Add("", "+g0:@1:2")
	f.Add("", "ug+0:1")
	f.Fuzz(func(t *testing.T, userns, line string) {
		var lines []string
		if line != "" {
			lines = []string{line}
		}
		r, err := ParseRequest(userns, lines, nil)
		if err != nil {
			return
		}
		for _, l := range r.UIDMap {
			if err := (Map{l.Extent}).Validate(); err != nil {
				t.Errorf("%q was taken for %v: %v", line, l, err)
			}
		}
	})
}

func TestRequestSplit(t *testing.T) {
	t.Parallel()
	plain := Line{Extent: Extent{0, 0, 1}}
	other := Line{Extent: Extent{5, 5, 1}}
	forUIDs := Line{Extent: Extent{1, 1, 1}, UIDs: true}
	forGIDs := Line{Extent: Extent{2, 2, 1}, GIDs: true}
	forBoth := Line{Extent: Extent{3, 3, 1}, UIDs: true, GIDs: true}
	for _, test := range []struct {
		name       string
		r          Request
		uids, gids []Line
	}{
		{"uidmap alone is for both", Request{UIDMap: []Line{plain}}, []Line{plain}, []Line{plain}},
		{"gidmap alone is for both", Request{GIDMap: []Line{plain}}, []Line{plain}, []Line{plain}},
		{"each its own", Request{UIDMap: []Line{plain}, GIDMap: []Line{other}}, []Line{plain}, []Line{other}},
		{"g is for gids only", Request{GIDMap: []Line{forGIDs}}, nil, []Line{forGIDs}},
		{"u in gidmap", Request{GIDMap: []Line{forUIDs}}, []Line{forUIDs}, nil},
		{"ug", Request{UIDMap: []Line{forBoth}}, []Line{forBoth}, []Line{forBoth}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids, gids := test.r.split()
			if len(uids)+len(test.uids) > 0 && !reflect.DeepEqual(uids, test.uids) || len(gids)+len(test.gids) > 0 && !reflect.DeepEqual(gids, test.gids) {
				t.Errorf("split() = %v, %v; want %v, %v", uids, gids, test.uids, test.gids)
			}
		})
	}
}
