package idmap

import (
	"fmt"
	"strconv"
)

// Problem is what is wrong with a map.
type Problem string

// The problems of a map, worded to follow its name.
const (
	Empty     Problem = "it maps no id"
	NoCount   Problem = "the count is 0"
	BeyondIDs Problem = "it runs past the last id there is"
	Overlap   Problem = "it maps an id twice"
	TooLong   Problem = "it has more lines than the kernel takes"
	NotYours  Problem = "it needs ids that you do not have"
)

// MapError reports a map that the kernel would refuse, or that needs ids nobody granted.
type MapError struct {
	Problem Problem
	Extent  Extent // the offender; zero when it is the whole map
	Other   Extent // Overlap: the extent it collides with
	Own     uint64 // NotYours: how many ids there are in the default mapping
}

// Error names the extent and the problem.
func (e *MapError) Error() string {
	switch {
	case e.Problem == Overlap:
		return fmt.Sprintf("mapping %s and %s: %s", e.Extent, e.Other, e.Problem)
	case e.Extent == Extent{} && e.Problem != NoCount:
		return fmt.Sprintf("mapping: %s", e.Problem)
	}
	return fmt.Sprintf("mapping %s: %s", e.Extent, e.Problem)
}

// Hint says what a good map looks like.
func (e *MapError) Hint() string {
	switch e.Problem {
	case Overlap:
		return "give every id once inside and once outside"
	case NoCount:
		return "leave the count away to map a single id"
	case TooLong:
		return fmt.Sprintf("use at most %d lines", maxLines)
	case NotYours:
		ids := "only the id 0 (you)"
		if e.Own > 1 {
			ids = fmt.Sprintf("the ids 0 (you) to %d", e.Own-1)
		}
		return fmt.Sprintf("the second number counts in your default mapping, which has %s; put @ before an id of the host", ids)
	}
	return fmt.Sprintf("ids go from 0 to %d", uint32(idLimit-1))
}

// NoRangeError reports that a person has no usable subordinate ids.
type NoRangeError struct {
	Grant Grant
	Kind  string // uid or gid
}

// Error names the person and who was asked.
func (e *NoRangeError) Error() string {
	return fmt.Sprintf("no subordinate %ss for %s in %s", e.Kind, e.Grant.Login, e.Grant.Source)
}

// Hint tells whom to ask for what; the ids it proposes are granted to nobody yet.
func (e *NoRangeError) Hint() string {
	if e.Grant.Free == 0 {
		return "ask an administrator for 65536 subordinate uids and gids"
	}
	first := max(e.Grant.Free, 100000)
	if uint64(first)+65536 > idLimit {
		return "ask an administrator for 65536 subordinate uids and gids"
	}
	return fmt.Sprintf("ask an administrator: usermod --add-subuids %[1]d-%[2]d --add-subgids %[1]d-%[2]d %[3]s", first, first+65535, e.Grant.Login)
}

// OnlyRootError reports that root, in the user namespace that rlc was started in, has no
// other id there to give to containers.
type OnlyRootError struct {
	Host bool // that root may be the host's, which is no container's
}

// Error says so.
func (e *OnlyRootError) Error() string {
	if e.Host {
		return "no id but 0 exists in this user namespace, and that is root outside of it too"
	}
	return "no id but 0 exists in this user namespace"
}

// Hint says where rlc has more ids.
func (e *OnlyRootError) Hint() string {
	if e.Host {
		return "run rlc as an ordinary user, or as root outside of this namespace"
	}
	return "start rlc outside of this namespace, or give the namespace more ids (unshare --map-auto)"
}

// NotGrantedError reports that newuidmap or newgidmap finds ids not granted to the person.
type NotGrantedError struct {
	Login string // or a uid
	File  string // /etc/subuid or /etc/subgid
	Range Range  // zero when the program did not say
}

// Error names the ids.
func (e *NotGrantedError) Error() string {
	return fmt.Sprintf("ids %s are not granted to %s in %s", e.Range, e.Login, e.File)
}

// Hint is the line that is missing.
func (e *NotGrantedError) Hint() string {
	return fmt.Sprintf("ask an administrator to add the line %s:%s to %s, unless these ids are another's", e.Login, e.Range, e.File)
}

func decimal(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
