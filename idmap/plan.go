package idmap

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// rootRange is what containers of real root get when nobody grants root anything: far from
// the ids of people and from what distributions give to theirs.
var rootRange = Range{Start: 0x70000000, Count: 65536}

// spareLines is what keep-id may add to the lines of a default mapping.
const spareLines = 4

// New makes the mapping that r asks for out of what f offers to id. It is pure. Errors are
// a *MapError, *NoRangeError, *OnlyRootError, or f.Unprivileged, each with a hint.
func New(r Request, id Identity, f Facts) (Plan, error) {
	base, err := newBase(id, f)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Owner: base.uid[0].Outside, OwnerGID: base.gid[0].Outside, Notes: slices.Concat(f.Notes, base.notes)}
	switch r.Mode {
	case Default, Host:
		p.UID, p.GID = base.uid, base.gid
		if base.missing != nil {
			p.UID[0].Inside, p.GID[0].Inside = r.SingleUID, r.SingleGID
		}
	case KeepID:
		p.UID, p.GID = base.uid.swap(base.keep(r.KeepUID, id.UID)), base.gid.swap(base.keep(r.KeepGID, id.GID))
	case NoMap:
		p.UID, p.GID, err = base.noMap()
		p.Shifted = !base.root
	case Explicit:
		uids, gids := r.split()
		var uidErr, gidErr error
		p.UID, uidErr = base.uid.explicit(uids)
		p.GID, gidErr = base.gid.explicit(gids)
		err = bothSides(uidErr, gidErr)
		p.Shifted = !slices.Equal(p.UID, base.uid) || !slices.Equal(p.GID, base.gid)
	default:
		err = fmt.Errorf("plan a mapping: no mode %q", r.Mode)
	}
	if err == nil {
		err = bothSides(p.UID.Validate(), p.GID.Validate())
	}
	if err != nil {
		return Plan{}, err
	}
	p.Single = p.UID.Size() == 1 && p.GID.Size() == 1
	p.Helpers = !base.root && !(p.Single && p.UID[0].Outside == id.UID && p.GID[0].Outside == id.GID)
	if base.missing != nil {
		p.Notes = append(p.Notes, singleNote(base.missing))
	}
	return p, nil
}

// bothSides says which map an error is about. Most mistakes are made in both: one is enough.
func bothSides(uid, gid error) error {
	switch {
	case uid != nil:
		return fmt.Errorf("uid %w", uid)
	case gid != nil:
		return fmt.Errorf("gid %w", gid)
	}
	return nil
}

// base is the default mapping of a person on a machine: ids from 0 on without a gap.
type base struct {
	uid, gid Map
	root     bool
	missing  error // why it has a single id; nil: it has more
	notes    []string
}

func newBase(id Identity, f Facts) (base, error) {
	if id.UID == 0 {
		return rootBase(f)
	}
	b := base{uid: Map{{0, id.UID, 1}}, gid: Map{{0, id.GID, 1}}}
	if b.missing = f.Unprivileged; b.missing != nil {
		return b, nil
	}
	uids, notes := usable(f.UID, f.HereUID, 0, id.UID)
	gids, more := usable(f.GID, f.HereGID, 0, id.GID)
	b.notes = slices.Concat(notes, more)
	switch {
	case len(uids) == 0:
		b.missing = &NoRangeError{Grant: f.UID, Kind: "uid"}
	case len(gids) == 0:
		b.missing = &NoRangeError{Grant: f.GID, Kind: "gid"}
	default:
		b.grow(uids, gids)
	}
	return b, nil
}

// rootBase is for real root, and for the root of a container or user namespace: ids of
// their own, of those that exist there, never 0.
func rootBase(f Facts) (base, error) {
	b := base{root: true}
	uids, notes := rootRanges(f.UID, f.HereUID)
	gids, more := rootRanges(f.GID, f.HereGID)
	b.notes = slices.Concat(notes, more)
	if len(uids) > 0 && len(gids) > 0 {
		b.grow(uids, gids)
		return b, nil
	}
	// Only 0 exists. It is fit for a container if it stands for an ordinary person outside.
	uid, mapped := f.HereUID.ToOutside(0)
	if !mapped || uid == 0 {
		return b, &OnlyRootError{Host: true}
	}
	b.uid, b.gid = Map{{0, 0, 1}}, Map{{0, 0, 1}}
	b.missing = &OnlyRootError{}
	return b, nil
}

func rootRanges(grant Grant, here Map) (ranges []Range, notes []string) {
	ranges, notes = usable(grant, here, 0)
	if len(ranges) == 0 {
		ranges, _ = usable(Grant{Ranges: []Range{rootRange}}, here, 0)
	}
	if len(ranges) == 0 {
		ranges = last(subtract(here.insides(), Range{0, 1}), rootRange.Count)
	}
	return ranges, notes
}

// last returns the n highest ids of ranges: the lower ones belong to the system's own users.
func last(ranges []Range, n uint32) []Range {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	for i, r := range slices.Backward(sorted) {
		if r.Count >= n {
			sorted[i] = Range{r.Start + (r.Count - n), n}
			return sorted[i:]
		}
		n -= r.Count
	}
	return sorted
}

// grow appends the ranges to the mapping, as many as the kernel takes.
func (b *base) grow(uids, gids []Range) {
	var cutUID, cutGID bool
	b.uid, cutUID = b.uid.grow(uids)
	b.gid, cutGID = b.gid.grow(gids)
	if cutUID || cutGID {
		b.notes = append(b.notes, fmt.Sprintf("you have more ranges of subordinate ids than the %d lines of a mapping; the highest are not used", maxLines))
	}
}

func (m Map) grow(ranges []Range) (grown Map, cut bool) {
	const longestLine = len("4294967295 4294967295 4294967295\n")
	next := uint32(m.Size())
	for _, r := range ranges {
		grown := append(m, Extent{next, r.Start, r.Count})
		if len(grown) > maxLines-spareLines || len(grown.text()) > maxText-spareLines*longestLine {
			return m, true
		}
		m, next = grown, next+r.Count
	}
	return m, false
}

// keep is the id that keep-id gives to the person. Real root's containers have no person to
// keep: what stands for root in them is container root.
func (b base) keep(wish *uint32, own uint32) uint32 {
	switch {
	case wish != nil:
		return *wish
	case b.root:
		return 0
	}
	return own
}

// swap exchanges what 0 and id are outside. An id beyond m takes the place of m's last one,
// which then is container root: no file of an image can tell.
func (m Map) swap(id uint32) Map {
	size := uint32(m.Size())
	switch {
	case id == 0:
		return m
	case size == 1:
		return Map{{id, m[0].Outside, 1}}
	}
	user, partner := m[0].Outside, min(id, size-1)
	stand, _ := m.ToOutside(partner)
	rest := m.without(Range{0, 1}).without(Range{partner, 1})
	swapped := append(Map{{0, stand, 1}}, rest.part(Range{0, id})...)
	swapped = append(swapped, Extent{id, user, 1})
	if id < idLimit-1 {
		swapped = append(swapped, rest.part(Range{id + 1, idLimit - 1 - id})...)
	}
	return swapped
}

// noMap leaves the person out: container root is the first subordinate id. Real root is
// never mapped anyhow.
func (b base) noMap() (uid, gid Map, err error) {
	if b.missing != nil {
		return nil, nil, b.missing
	}
	if b.root {
		return b.uid, b.gid, nil
	}
	return b.uid.shiftDown(), b.gid.shiftDown(), nil
}

// shiftDown drops id 0 and moves all others down by one.
func (m Map) shiftDown() Map {
	shifted := m.without(Range{0, 1})
	for i := range shifted {
		shifted[i].Inside--
	}
	return shifted
}

// explicit carries out the lines on the default mapping m.
func (m Map) explicit(lines []Line) (Map, error) {
	var wished Map
	extend := len(lines) == 0
	for _, l := range lines {
		pieces := m.resolve(l)
		if pieces.Size() < uint64(l.Count) {
			return nil, &MapError{Problem: NotYours, Extent: l.Extent, Own: m.Size()}
		}
		wished = append(wished, pieces...)
		extend = extend || l.Extend
	}
	if !extend {
		return wished, nil
	}
	rest := m
	for _, e := range wished {
		rest = rest.without(Range{e.Inside, e.Count})
		rest = rest.inverse().without(Range{e.Outside, e.Count}).inverse()
	}
	return append(wished, rest...), nil
}

// resolve turns the line into extents of host ids, as far as m has them.
func (m Map) resolve(l Line) Map {
	if l.OnHost {
		m = m.inverse()
	}
	pieces := m.part(Range{l.Outside, l.Count})
	for i, e := range pieces {
		outside := e.Outside
		if l.OnHost {
			outside = e.Inside
		}
		pieces[i] = Extent{l.Inside + (e.Inside - l.Outside), outside, e.Count}
	}
	return pieces
}

// singleNote says what it means that only the person's own id can be mapped.
func singleNote(why error) string {
	note := fmt.Sprintf("only your own id exists in the container (%v): all its files appear as one owner's, and its programs cannot become other users", why)
	var mendable interface{ Hint() string }
	if errors.As(why, &mendable) {
		note += "; " + mendable.Hint()
	}
	return note
}
