package idmap

import (
	"cmp"
	"fmt"
	"slices"
)

// String is the range as subuid(5) has it: start:count.
func (r Range) String() string { return fmt.Sprintf("%d:%d", r.Start, r.Count) }

func (r Range) end() uint64 { return uint64(r.Start) + uint64(r.Count) }

// minus returns what is left of r, in none, one or two pieces.
func (r Range) minus(o Range) []Range {
	var rest []Range
	if before := min(r.end(), uint64(o.Start)); uint64(r.Start) < before {
		rest = append(rest, between(uint64(r.Start), before))
	}
	if after := max(uint64(r.Start), o.end()); after < r.end() {
		rest = append(rest, between(after, r.end()))
	}
	return rest
}

func between(start, end uint64) Range { return Range{uint32(start), uint32(end - start)} }

// usable sorts out which of the granted ids a namespace can be given: each once, those that
// exist here, and none of the reserved ones (host root, the person's own id). The result is
// ascending, the order in which Podman counts them too. Notes name what was left out.
func usable(grant Grant, here Map, reserved ...uint32) (ranges []Range, notes []string) {
	sorted := slices.Clone(grant.Ranges)
	slices.SortStableFunc(sorted, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	var end uint64 // of what was taken so far
	for _, r := range sorted {
		note := func(problem string) {
			notes = append(notes, fmt.Sprintf("%s: ids %s for %s: %s", grant.Source, r, grant.Login, problem))
		}
		if r.Count == 0 {
			note("the count is 0, which grants nothing")
			continue
		}
		if uint64(r.Start) < end {
			note("they overlap another range of the same owner; each id is used once")
		}
		start, limit := max(uint64(r.Start), end), min(r.end(), idLimit)
		if limit < r.end() {
			note("the range runs past the last id there is; the rest is left out")
		}
		if start >= limit {
			continue
		}
		end = limit
		fresh := between(start, limit)
		exist := here.part(fresh)
		if exist.Size() < uint64(fresh.Count) {
			note("not all of them exist in the user namespace that rlc was started in; the others are left out")
		}
		pieces := exist.insides()
		for _, id := range reserved {
			if kept := subtract(pieces, Range{id, 1}); !slices.Equal(kept, pieces) {
				note(fmt.Sprintf("id %d is not a subordinate one; it is left out", id))
				pieces = kept
			}
		}
		ranges = append(ranges, pieces...)
	}
	return ranges, notes
}

func subtract(ranges []Range, o Range) []Range {
	var rest []Range
	for _, r := range ranges {
		rest = append(rest, r.minus(o)...)
	}
	return rest
}
