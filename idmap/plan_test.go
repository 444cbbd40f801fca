package idmap

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var (
	everywhere = Map{{0, 0, idLimit}} // the initial user namespace
	alice      = Identity{UID: 1001, GID: 1002, User: "alice"}
	root       = Identity{User: "root"}
)

// granted are the facts of a machine where uids and gids have the same ranges.
func granted(ranges ...Range) Facts {
	return Facts{
		UID:     Grant{Ranges: ranges, Source: "/etc/subuid", Login: "alice", Free: 300000},
		GID:     Grant{Ranges: ranges, Source: "/etc/subgid", Login: "alice", Free: 300000},
		HereUID: everywhere, HereGID: everywhere,
	}
}

// inside are the facts of a machine below a user namespace with this map.
func inside(here Map, ranges ...Range) Facts {
	f := granted(ranges...)
	f.HereUID, f.HereGID = here, here
	return f
}

// planCase is a wish on a machine, and the plan that must come of it.
type planCase struct {
	name           string
	id             Identity // alice if zero
	facts          Facts    // aliceFacts if zero
	request        func(*Request)
	userns         string
	uidmap, gidmap []string
	uid, gid       Map
	want           Plan // but for the maps, the owner, Helpers of an ordinary mapping, and the notes
	notes          int
}

// aliceFacts are an ordinary machine.
func aliceFacts() Facts { return granted(Range{100000, 65536}) }

func checkPlans(t *testing.T, cases []planCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.id == (Identity{}) {
				test.id = alice
			}
			if test.facts.HereUID == nil {
				test.facts = aliceFacts()
			}
			test.check(t)
		})
	}
}

func (test planCase) check(t *testing.T) {
	t.Helper()
	r, err := ParseRequest(test.userns, test.uidmap, test.gidmap)
	if err != nil {
		t.Fatal(err)
	}
	if test.request != nil {
		test.request(&r)
	}
	got, err := New(r, test.id, test.facts)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) != test.notes {
		t.Errorf("notes %q, want %d", got.Notes, test.notes)
	}
	want := test.want
	want.UID, want.GID, want.Notes = test.uid, test.gid, got.Notes
	if test.id == root {
		want.Owner, want.OwnerGID = got.Owner, got.OwnerGID
		if got.Owner == 0 && !got.Single {
			t.Error("container root is host root")
		}
	} else {
		want.Owner, want.OwnerGID = alice.UID, alice.GID
		want.Helpers = want.Helpers || !want.Single
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestNewDefault(t *testing.T) {
	t.Parallel()
	two := granted(Range{300000, 10}, Range{100000, 5})
	checkPlans(t, []planCase{
		{name: "default", uid: Map{{0, 1001, 1}, {1, 100000, 65536}}, gid: Map{{0, 1002, 1}, {1, 100000, 65536}}},
		{name: "host", userns: "host", uid: Map{{0, 1001, 1}, {1, 100000, 65536}}, gid: Map{{0, 1002, 1}, {1, 100000, 65536}}},
		{name: "two ranges ascend", facts: two, uid: Map{{0, 1001, 1}, {1, 100000, 5}, {6, 300000, 10}}, gid: Map{{0, 1002, 1}, {1, 100000, 5}, {6, 300000, 10}}},
		{name: "overlapping ranges", facts: granted(Range{100000, 10}, Range{100005, 10}), notes: 2,
			uid: Map{{0, 1001, 1}, {1, 100000, 10}, {11, 100010, 5}}, gid: Map{{0, 1002, 1}, {1, 100000, 10}, {11, 100010, 5}}},
		{name: "count 0 beside a good one", facts: granted(Range{5, 0}, Range{100000, 10}), notes: 2,
			uid: Map{{0, 1001, 1}, {1, 100000, 10}}, gid: Map{{0, 1002, 1}, {1, 100000, 10}}},
		{name: "host root and the own id granted", facts: granted(Range{0, 1004}), notes: 4,
			uid: Map{{0, 1001, 1}, {1, 1, 1000}, {1001, 1002, 2}}, gid: Map{{0, 1002, 1}, {1, 1, 1001}, {1002, 1003, 1}}},
		{name: "past the last id", facts: granted(Range{4294967290, 100}), notes: 2,
			uid: Map{{0, 1001, 1}, {1, 4294967290, 5}}, gid: Map{{0, 1002, 1}, {1, 4294967290, 5}}},
	})
}

func TestNewKeepID(t *testing.T) {
	t.Parallel()
	two := granted(Range{300000, 10}, Range{100000, 5})
	checkPlans(t, []planCase{
		{name: "keep-id", userns: "keep-id",
			uid: Map{{0, 101000, 1}, {1, 100000, 1000}, {1001, 1001, 1}, {1002, 101001, 64535}},
			gid: Map{{0, 101001, 1}, {1, 100000, 1001}, {1002, 1002, 1}, {1003, 101002, 64534}}},
		{name: "keep-id of others", userns: "keep-id:uid=5,gid=0",
			uid: Map{{0, 100004, 1}, {1, 100000, 4}, {5, 1001, 1}, {6, 100005, 65531}},
			gid: Map{{0, 1002, 1}, {1, 100000, 65536}}},
		{name: "keep-id at the end", facts: granted(Range{100000, 3}), userns: "keep-id:uid=3,gid=4",
			uid: Map{{0, 100002, 1}, {1, 100000, 2}, {3, 1001, 1}},
			gid: Map{{0, 100002, 1}, {1, 100000, 2}, {4, 1002, 1}}},
		{name: "keep-id far beyond the ranges", facts: two, userns: "keep-id:uid=4294967294,gid=1",
			uid: Map{{0, 300009, 1}, {1, 100000, 5}, {6, 300000, 9}, {4294967294, 1001, 1}},
			gid: Map{{0, 100000, 1}, {1, 1002, 1}, {2, 100001, 4}, {6, 300000, 10}}},
	})
}

func TestNewNoMap(t *testing.T) {
	t.Parallel()
	checkPlans(t, []planCase{
		{name: "nomap", userns: "nomap", want: Plan{Shifted: true}, uid: Map{{0, 100000, 65536}}, gid: Map{{0, 100000, 65536}}},
	})
}

func TestNewExplicit(t *testing.T) {
	t.Parallel()
	two := granted(Range{300000, 10}, Range{100000, 5})
	subids := aliceFacts()
	checkPlans(t, []planCase{
		{name: "uidmap for both", uidmap: []string{"0:1:10", "10:0"}, want: Plan{Shifted: true},
			uid: Map{{0, 100000, 10}, {10, 1001, 1}}, gid: Map{{0, 100000, 10}, {10, 1002, 1}}},
		{name: "uidmap across ranges", facts: two, uidmap: []string{"7:0:16"}, want: Plan{Shifted: true},
			uid: Map{{7, 1001, 1}, {8, 100000, 5}, {13, 300000, 10}}, gid: Map{{7, 1002, 1}, {8, 100000, 5}, {13, 300000, 10}}},
		{name: "host ids across ranges", facts: two, uidmap: []string{"0:@300000:2", "5:@1001"}, gidmap: []string{"0:0:1"}, want: Plan{Shifted: true},
			uid: Map{{0, 300000, 2}, {5, 1001, 1}}, gid: Map{{0, 1002, 1}}},
		{name: "one group more", facts: Facts{UID: subids.UID, GID: Grant{Ranges: []Range{{2000, 1}, {100000, 10}}}, HereUID: everywhere, HereGID: everywhere},
			gidmap: []string{"+g9:@2000"}, want: Plan{Shifted: true},
			uid: Map{{0, 1001, 1}, {1, 100000, 65536}}, gid: Map{{9, 2000, 1}, {0, 1002, 1}, {2, 100000, 7}, {10, 100008, 2}}},
		{name: "the default mapping in words", uidmap: []string{"0:0:1", "1:1:65536"},
			uid: Map{{0, 1001, 1}, {1, 100000, 65536}}, gid: Map{{0, 1002, 1}, {1, 100000, 65536}}},
		{name: "only the own id", uidmap: []string{"1001:0"}, want: Plan{Shifted: true, Single: true},
			uid: Map{{1001, 1001, 1}}, gid: Map{{1001, 1002, 1}}},
		{name: "only another id", uidmap: []string{"0:1"}, want: Plan{Shifted: true, Single: true, Helpers: true},
			uid: Map{{0, 100000, 1}}, gid: Map{{0, 100000, 1}}},
	})
}

func TestNewWithoutRanges(t *testing.T) {
	t.Parallel()
	subids := aliceFacts()
	checkPlans(t, []planCase{
		{name: "no ranges", facts: granted(), notes: 1, want: Plan{Single: true}, uid: Map{{0, 1001, 1}}, gid: Map{{0, 1002, 1}}},
		{name: "no ranges, another user", facts: granted(), notes: 1, request: func(r *Request) { r.SingleUID, r.SingleGID = 33, 34 },
			want: Plan{Single: true}, uid: Map{{33, 1001, 1}}, gid: Map{{34, 1002, 1}}},
		{name: "no ranges, keep-id", facts: granted(), notes: 1, userns: "keep-id", want: Plan{Single: true}, uid: Map{{1001, 1001, 1}}, gid: Map{{1002, 1002, 1}}},
		{name: "gids only", facts: Facts{GID: subids.GID, HereUID: everywhere, HereGID: everywhere}, notes: 1, want: Plan{Single: true}, uid: Map{{0, 1001, 1}}, gid: Map{{0, 1002, 1}}},
		{name: "uids only", facts: Facts{UID: subids.UID, HereUID: everywhere, HereGID: everywhere}, notes: 1, want: Plan{Single: true}, uid: Map{{0, 1001, 1}}, gid: Map{{0, 1002, 1}}},
		{name: "no newuidmap", facts: Facts{UID: subids.UID, GID: subids.GID, HereUID: everywhere, HereGID: everywhere, Unprivileged: &HelperError{"newuidmap", Missing, ""}},
			notes: 1, want: Plan{Single: true}, uid: Map{{0, 1001, 1}}, gid: Map{{0, 1002, 1}}},
		{name: "in a container with few ids", facts: inside(Map{{0, 1000, 1}, {1, 100000, 2000}}, Range{1500, 65536}), notes: 2,
			uid: Map{{0, 1001, 1}, {1, 1500, 501}}, gid: Map{{0, 1002, 1}, {1, 1500, 501}}},
		{name: "in a container without its ids", facts: inside(Map{{0, 1000, 1}, {1, 100000, 2000}}, Range{100000, 65536}), notes: 3,
			want: Plan{Single: true}, uid: Map{{0, 1001, 1}}, gid: Map{{0, 1002, 1}}},
	})
}

func TestNewForRoot(t *testing.T) {
	t.Parallel()
	subids := aliceFacts()
	checkPlans(t, []planCase{
		{name: "root", id: root, facts: granted(), uid: Map{{0, 0x70000000, 65536}}, gid: Map{{0, 0x70000000, 65536}}},
		{name: "root with ranges", id: root, facts: subids, uid: Map{{0, 100000, 65536}}, gid: Map{{0, 100000, 65536}}},
		{name: "root keeps no id", id: root, facts: subids, userns: "keep-id", uid: Map{{0, 100000, 65536}}, gid: Map{{0, 100000, 65536}}},
		{name: "root keeps the id of another", id: root, facts: granted(Range{100000, 5}), userns: "keep-id:uid=2,gid=0",
			uid: Map{{0, 100002, 1}, {1, 100001, 1}, {2, 100000, 1}, {3, 100003, 2}}, gid: Map{{0, 100000, 5}}},
		{name: "root is never mapped", id: root, facts: subids, userns: "nomap", uid: Map{{0, 100000, 65536}}, gid: Map{{0, 100000, 65536}}},
		{name: "root granted host root", id: root, facts: granted(Range{0, 10}), notes: 2, uid: Map{{0, 1, 9}}, gid: Map{{0, 1, 9}}},
		{name: "root of a rootless container", id: root, facts: inside(Map{{0, 1000, 1}, {1, 100000, 65536}}),
			uid: Map{{0, 1, 65536}}, gid: Map{{0, 1, 65536}}},
		{name: "root of a container with many ids", id: root, facts: inside(Map{{0, 1000, 1}, {1, 100000, 200000}}),
			uid: Map{{0, 134465, 65536}}, gid: Map{{0, 134465, 65536}}},
		{name: "root of a namespace with scattered ids", id: root, facts: inside(Map{{10, 7, 5}, {0, 1000, 3}}),
			uid: Map{{0, 1, 2}, {2, 10, 5}}, gid: Map{{0, 1, 2}, {2, 10, 5}}},
		{name: "root of a namespace with one id", id: root, facts: inside(Map{{0, 1000, 1}}), notes: 1,
			want: Plan{Single: true}, uid: Map{{0, 0, 1}}, gid: Map{{0, 0, 1}}},
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	subids := granted(Range{100000, 10})
	for _, test := range []struct {
		name   string
		id     Identity
		facts  Facts
		userns string
		uidmap []string
		want   string
		hint   string
	}{
		{name: "beyond the own ids", id: alice, facts: subids, uidmap: []string{"0:0:12"}, want: "mapping 0:0:12: it needs ids that you do not have", hint: "which has the ids 0 (you) to 10"},
		{name: "beyond the only id", id: alice, facts: granted(), uidmap: []string{"0:1:1"}, want: "ids that you do not have", hint: "only the id 0 (you)"},
		{name: "host root", id: alice, facts: subids, uidmap: []string{"0:@0"}, want: "mapping 0:0:1: it needs ids that you do not have", hint: "put @"},
		{name: "host root for root", id: root, facts: subids, uidmap: []string{"0:@0"}, want: "mapping 0:0:1: it needs ids that you do not have", hint: "put @"},
		{name: "a half-owned run of host ids", id: alice, facts: subids, uidmap: []string{"0:@100005:6"}, want: "mapping 0:100005:6: it needs", hint: "put @"},
		{name: "twice inside", id: alice, facts: subids, uidmap: []string{"0:0:1", "0:1:1"}, want: "mapping 0:100000:1 and 0:1001:1: it maps an id twice", hint: "once inside"},
		{name: "twice outside", id: alice, facts: subids, uidmap: []string{"0:0:1", "1:0:1"}, want: "it maps an id twice", hint: "once inside"},
		{name: "nomap without ids", id: alice, facts: granted(), userns: "nomap", want: "no subordinate uids for alice in /etc/subuid", hint: "usermod --add-subuids 300000-365535 --add-subgids 300000-365535 alice"},
		{name: "nomap without newuidmap", id: alice, facts: Facts{Unprivileged: &HelperError{"newuidmap", Missing, ""}}, userns: "nomap", want: "newuidmap is not installed", hint: "package uidmap"},
		{name: "nomap where only root exists", id: root, facts: inside(Map{{0, 1000, 1}}), userns: "nomap", want: "no id but 0 exists", hint: "--map-auto"},
		{name: "only host root exists", id: root, facts: inside(Map{{0, 0, 1}}), want: "no id but 0 exists", hint: "ordinary user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRequest(test.userns, test.uidmap, nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := New(r, test.id, test.facts)
			if err == nil {
				t.Fatalf("got %+v", p)
			}
			var mendable interface{ Hint() string }
			if !errors.As(err, &mendable) {
				t.Fatalf("%v has no hint", err)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(mendable.Hint(), test.hint) {
				t.Errorf("got %v\nhint: %s", err, mendable.Hint())
			}
		})
	}
}

func TestNewFitsTheKernel(t *testing.T) {
	t.Parallel()
	var ranges []Range
	for i := range uint32(1000) {
		ranges = append(ranges, Range{4000000000 + 10*i, 5})
	}
	for _, userns := range []string{"", "keep-id:uid=7,gid=4000000", "keep-id:uid=100,gid=2", "nomap"} {
		r, err := ParseRequest(userns, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(r, alice, granted(ranges...))
		if err != nil {
			t.Fatalf("%q: %v", userns, err)
		}
		if len(p.Notes) != 1 {
			t.Errorf("%q: notes %q", userns, p.Notes)
		}
	}
}

// FuzzNew makes ranges and a wish of arbitrary bytes: whatever comes of them must be a map
// that the kernel takes, of ids that are granted, never host root, and must hold the person
// wherever the mode promises it.
func FuzzNew(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0, 0}, uint32(1001), uint32(5), uint8(1))
	f.Add([]byte{}, uint32(0), uint32(0), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, uid, keep uint32, mode uint8) {
		if uid >= idLimit || keep >= idLimit {
			return
		}
		var ranges []Range
		for len(data) >= 8 {
			ranges = append(ranges, Range{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])})
			data = data[8:]
		}
		modes := []Mode{Default, KeepID, NoMap}
		r := Request{Mode: modes[int(mode)%len(modes)], KeepUID: &keep, KeepGID: &keep, SingleUID: keep}
		p, err := New(r, Identity{UID: uid, GID: uid}, granted(ranges...))
		if err != nil {
			return
		}
		if err := p.UID.Validate(); err != nil {
			t.Fatalf("%v: %v", p.UID, err)
		}
		if inside, ok := p.UID.ToInside(uid); uid != 0 && (ok != (r.Mode != NoMap) || r.Mode == KeepID && inside != keep) {
			t.Errorf("%s: the person is %d, %v in %v", r.Mode, inside, ok, p.UID)
		}
		if inside, ok := p.UID.ToInside(0); ok {
			t.Errorf("host root is %d in %v", inside, p.UID)
		}
		if _, ok := p.UID.ToOutside(0); !ok && !p.Single {
			t.Errorf("there is no container root in %v", p.UID)
		}
		for _, e := range p.UID {
			grantedHere := e.Outside == uid && e.Count == 1 || uid == 0 && e.Outside >= rootRange.Start && e.outsideEnd() <= rootRange.end()
			for _, g := range ranges {
				grantedHere = grantedHere || e.Outside >= g.Start && e.outsideEnd() <= g.end()
			}
			if !grantedHere {
				t.Errorf("%v is not granted by %v", e, ranges)
			}
		}
	})
}
