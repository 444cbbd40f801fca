package idmap

import (
	"bytes"
	"fmt"
	"strconv"
)

// subordinate is what one subuid(5) or subgid(5) file says about one owner.
type subordinate struct {
	ranges []Range
	free   uint32   // the first id behind all ranges of the file; 0: there is none
	notes  []string // lines of this owner that make no sense
}

// parseSubordinate reads the lines owner:start:count of data for which owns says that the
// owner is meant. Lines of others are not looked at closely: they are not this person's to mend.
func parseSubordinate(data []byte, file string, owns func(owner string) bool) subordinate {
	var s subordinate
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSpace(line)
		end := bytes.IndexAny(line, ": \t")
		if len(line) == 0 || line[0] == '#' || end == 0 {
			continue
		}
		if end < 0 {
			end = len(line)
		}
		r, ok := parseRange(line[end:])
		if ok && r.end() < idLimit {
			s.free = max(s.free, uint32(r.end()))
		}
		switch {
		case !owns(string(line[:end])):
		case ok:
			s.ranges = append(s.ranges, r)
		default:
			s.notes = append(s.notes, fmt.Sprintf("%s, line %d: %q is not NAME:START:COUNT; it is left out", file, number, line))
		}
	}
	return s
}

// parseRange reads :start:count.
func parseRange(s []byte) (Range, bool) {
	fields := bytes.Split(s, []byte(":"))
	if len(fields) != 3 || len(fields[0]) > 0 {
		return Range{}, false
	}
	start, ok := parseID(string(fields[1]))
	count, countOK := parseID(string(fields[2]))
	return Range{start, count}, ok && countOK
}

// nssSource is the source of subordinate ids that nsswitch.conf names, empty for the files.
// Only the first one counts: that is all that newuidmap looks at.
func nssSource(nsswitch []byte) string {
	for line := range bytes.Lines(nsswitch) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		sources, found := bytes.CutPrefix(bytes.TrimSpace(line), []byte("subid:"))
		if !found {
			continue
		}
		if words := bytes.Fields(sources); len(words) > 0 && string(words[0]) != "files" {
			return string(words[0])
		}
		return ""
	}
	return ""
}

// loginOf is the first login name that a passwd(5) file has for uid, empty if none.
func loginOf(passwd []byte, uid uint32) string {
	for line := range bytes.Lines(passwd) {
		fields := bytes.SplitN(line, []byte(":"), 4)
		if len(fields) < 4 || len(fields[0]) == 0 {
			continue
		}
		if id, ok := parseID(string(fields[2])); ok && id == uid {
			return string(fields[0])
		}
	}
	return ""
}

// parseIDMap reads /proc/self/uid_map; ok is false when that is not what data is.
func parseIDMap(data []byte) (m Map, ok bool) {
	for line := range bytes.Lines(data) {
		var numbers [3]uint32
		fields := bytes.Fields(line)
		if len(fields) != len(numbers) {
			return nil, false
		}
		for i, field := range fields {
			n, err := strconv.ParseUint(string(field), 10, 32)
			if err != nil {
				return nil, false
			}
			numbers[i] = uint32(n)
		}
		m = append(m, Extent{numbers[0], numbers[1], numbers[2]})
	}
	return m, len(m) > 0
}
