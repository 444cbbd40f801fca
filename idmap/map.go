package idmap

import (
	"cmp"
	"slices"
	"strconv"
)

// idLimit is the number of ids there are: the last 32-bit number, (uid_t)-1, is none.
const idLimit = 1<<32 - 1

// The kernel reads a map in one write of at most 340 lines, shorter than a page (4096 bytes
// where pages are smallest); see user_namespaces(7).
const (
	maxLines = 340
	maxText  = 4096 - 1
)

// Extent is one line of uid_map or gid_map: Count ids from Inside in the namespace
// are the ids from Outside in the namespace of the writer; see user_namespaces(7).
type Extent struct {
	Inside  uint32
	Outside uint32
	Count   uint32
}

// Map is a whole uid_map or gid_map, in the order in which it is written.
type Map []Extent

// ToOutside translates an id of the namespace; ok is false when it is not mapped.
func (m Map) ToOutside(inside uint32) (outside uint32, ok bool) {
	for _, e := range m {
		if e.Inside <= inside && uint64(inside) < e.insideEnd() {
			return e.Outside + (inside - e.Inside), true
		}
	}
	return 0, false
}

// ToInside translates an id of the writer's namespace; ok is false when it is not mapped.
func (m Map) ToInside(outside uint32) (inside uint32, ok bool) {
	return m.inverse().ToOutside(outside)
}

// Size is the number of ids that are mapped.
func (m Map) Size() uint64 {
	var n uint64
	for _, e := range m {
		n += uint64(e.Count)
	}
	return n
}

// String is the text that the kernel reads: a line an extent.
func (m Map) String() string { return string(m.text()) }

// Validate returns a *MapError when the kernel would refuse the map.
func (m Map) Validate() error {
	switch {
	case len(m) == 0:
		return &MapError{Problem: Empty}
	case len(m) > maxLines || len(m.text()) > maxText:
		return &MapError{Problem: TooLong}
	}
	for i, e := range m {
		switch {
		case e.Count == 0:
			return &MapError{Problem: NoCount, Extent: e}
		case e.insideEnd() > idLimit || e.outsideEnd() > idLimit:
			return &MapError{Problem: BeyondIDs, Extent: e}
		}
		for _, other := range m[:i] {
			if e.overlaps(other) {
				return &MapError{Problem: Overlap, Extent: e, Other: other}
			}
		}
	}
	return nil
}

func (e Extent) insideEnd() uint64  { return uint64(e.Inside) + uint64(e.Count) }
func (e Extent) outsideEnd() uint64 { return uint64(e.Outside) + uint64(e.Count) }

func (e Extent) overlaps(o Extent) bool {
	return uint64(e.Inside) < o.insideEnd() && uint64(o.Inside) < e.insideEnd() ||
		uint64(e.Outside) < o.outsideEnd() && uint64(o.Outside) < e.outsideEnd()
}

// String is the extent as people write it: inside:outside:count.
func (e Extent) String() string {
	return string(e.append(nil, ':'))
}

func (e Extent) append(b []byte, separator byte) []byte {
	b = append(strconv.AppendUint(b, uint64(e.Inside), 10), separator)
	b = append(strconv.AppendUint(b, uint64(e.Outside), 10), separator)
	return strconv.AppendUint(b, uint64(e.Count), 10)
}

func (m Map) text() []byte {
	var b []byte
	for _, e := range m {
		b = append(e.append(b, ' '), '\n')
	}
	return b
}

func (m Map) inverse() Map {
	inverse := make(Map, len(m))
	for i, e := range m {
		inverse[i] = Extent{Inside: e.Outside, Outside: e.Inside, Count: e.Count}
	}
	return inverse
}

// part returns the extents of m that lie in r, in r's order. They cover r completely when
// their Size is r.Count.
func (m Map) part(r Range) Map {
	var found Map
	for _, e := range m {
		start := max(uint64(e.Inside), uint64(r.Start))
		end := min(e.insideEnd(), r.end())
		if start < end {
			found = append(found, Extent{
				Inside:  uint32(start),
				Outside: e.Outside + uint32(start-uint64(e.Inside)),
				Count:   uint32(end - start),
			})
		}
	}
	slices.SortFunc(found, func(a, b Extent) int { return cmp.Compare(a.Inside, b.Inside) })
	return found
}

// without returns m with the inside ids of r no longer mapped.
func (m Map) without(r Range) Map {
	var rest Map
	for _, e := range m {
		for _, keep := range (Range{e.Inside, e.Count}).minus(r) {
			rest = append(rest, Extent{keep.Start, e.Outside + (keep.Start - e.Inside), keep.Count})
		}
	}
	return rest
}

// insides are the ids of the namespace that are mapped.
func (m Map) insides() []Range {
	ranges := make([]Range, len(m))
	for i, e := range m {
		ranges[i] = Range{e.Inside, e.Count}
	}
	return ranges
}
