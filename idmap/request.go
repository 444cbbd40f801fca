package idmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mode is what a person asks of --userns.
type Mode string

// The modes of --userns.
const (
	Default  Mode = ""         // container root is the user (as root: a range of its own)
	Host     Mode = "host"     // the same as Default: there is no less mapped way to run
	KeepID   Mode = "keep-id"  // the user keeps the own uid and gid (or those wished for) inside
	NoMap    Mode = "nomap"    // the user is not mapped at all
	Explicit Mode = "explicit" // UIDMap and GIDMap say it all
)

// Request is a wish for a mapping. The zero value asks for the default.
type Request struct {
	Mode    Mode
	KeepUID *uint32 // KeepID: the uid that the user gets inside; nil: the own one
	KeepGID *uint32 // KeepID: the gid that the user gets inside; nil: the own one
	UIDMap  []Line  // Explicit: --uidmap
	GIDMap  []Line  // Explicit: --gidmap
	// SingleUID and SingleGID are the ids that the user gets inside when there are no
	// subordinate ids: a mapping of a single id can only hold the one the workload runs as.
	SingleUID uint32
	SingleGID uint32
}

// Line is one --uidmap or --gidmap. Outside counts in the default mapping (0 the user, 1
// the first subordinate id), so that the same line means the same to everybody.
type Line struct {
	Extent
	OnHost bool // @: Outside is an id of the host instead, one of the default mapping's
	Extend bool // +: the line changes the default mapping instead of replacing it
	UIDs   bool // u: the line is for uids, whichever flag it came with
	GIDs   bool // g: the line is for gids, whichever flag it came with
}

// ParseRequest reads the values of --userns, --uidmap and --gidmap. What is wrong with them
// comes back as a *SyntaxError.
func ParseRequest(userns string, uidmap, gidmap []string) (Request, error) {
	r, err := parseMode(userns)
	if err != nil {
		return Request{}, err
	}
	if len(uidmap)+len(gidmap) == 0 {
		return r, nil
	}
	if r.Mode != Default {
		return Request{}, &SyntaxError{"--userns", userns, "it contradicts --uidmap and --gidmap", "use one or the other"}
	}
	r.Mode = Explicit
	if r.UIDMap, err = parseLines("--uidmap", uidmap); err != nil {
		return Request{}, err
	}
	if r.GIDMap, err = parseLines("--gidmap", gidmap); err != nil {
		return Request{}, err
	}
	return r, nil
}

// SyntaxError reports the value of a flag that does not mean anything.
type SyntaxError struct {
	Flag    string
	Value   string
	Problem string
	Remedy  string
}

// Error names the flag, its value and the problem.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s=%s: %s", e.Flag, e.Value, e.Problem)
}

// Hint says what can be written.
func (e *SyntaxError) Hint() string { return e.Remedy }

const (
	modeRemedy = "--userns takes host, private, keep-id, keep-id:uid=UID,gid=GID or nomap"
	lineRemedy = "write INSIDE:OUTSIDE[:COUNT] in numbers, OUTSIDE being 0 for you and 1 for your first subordinate id, or @ and an id of the host"
)

func parseMode(value string) (Request, error) {
	fail := func(problem string) (Request, error) {
		return Request{}, &SyntaxError{"--userns", value, problem, modeRemedy}
	}
	name, options, hasOptions := strings.Cut(value, ":")
	if hasOptions && name != string(KeepID) {
		return fail("only keep-id has options")
	}
	switch name {
	case "", "private":
		return Request{}, nil
	case string(Host), string(NoMap), string(KeepID):
	case "auto":
		return fail("no mapping is chosen automatically: all your containers share your ids")
	default:
		return fail("no such mode")
	}
	r := Request{Mode: Mode(name)}
	if !hasOptions {
		return r, nil
	}
	for option := range strings.SplitSeq(options, ",") {
		key, number, _ := strings.Cut(option, "=")
		targets := map[string]**uint32{"uid": &r.KeepUID, "gid": &r.KeepGID}
		target, known := targets[key]
		if !known {
			return fail(fmt.Sprintf("keep-id has no option %q", key))
		}
		if *target != nil {
			return fail(key + " is given twice")
		}
		id, ok := parseID(number)
		if !ok {
			return fail(fmt.Sprintf("%q is no %s", number, key))
		}
		*target = &id
	}
	return r, nil
}

func parseLines(flag string, values []string) ([]Line, error) {
	var lines []Line
	for _, value := range values {
		line, problem := parseLine(value)
		if problem != "" {
			return nil, &SyntaxError{flag, value, problem, lineRemedy}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// parseLine reads [+ug]inside:[@]outside[:count], count being 1 when it is missing.
func parseLine(value string) (line Line, problem string) {
	digits := strings.TrimLeft(value, "+ug")
	for _, flag := range value[:len(value)-len(digits)] {
		switch flag {
		case '+':
			line.Extend = true
		case 'u':
			line.UIDs = true
		case 'g':
			line.GIDs = true
		}
	}
	fields := strings.Split(digits, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return line, "it has not two or three numbers"
	}
	fields[1], line.OnHost = strings.CutPrefix(fields[1], "@")
	line.Count = 1
	for i, target := range []*uint32{&line.Inside, &line.Outside, &line.Count}[:len(fields)] {
		id, ok := parseID(fields[i])
		if !ok {
			return line, fmt.Sprintf("%q is no id or count", fields[i])
		}
		*target = id
	}
	if err := (Map{line.Extent}).Validate(); err != nil {
		return line, string(err.(*MapError).Problem)
	}
	return line, ""
}

// parseID reads a decimal id. A leading zero is refused: newuidmap would read it as octal.
func parseID(s string) (uint32, bool) {
	if len(s) > 1 && s[0] == '0' || len(s) > 0 && s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < idLimit
}

// split sorts the lines of a request by what they are for. Lines of only one flag are for
// uids and gids alike, unless they say otherwise.
func (r Request) split() (uids, gids []Line) {
	unnamed := func(l Line) bool { return !l.UIDs && !l.GIDs }
	uids = slices.DeleteFunc(slices.Concat(r.UIDMap, r.GIDMap), func(l Line) bool { return !l.UIDs })
	gids = slices.DeleteFunc(slices.Concat(r.UIDMap, r.GIDMap), func(l Line) bool { return !l.GIDs })
	for _, l := range r.UIDMap {
		if unnamed(l) {
			uids = append(uids, l)
			if len(r.GIDMap) == 0 {
				gids = append(gids, l)
			}
		}
	}
	for _, l := range r.GIDMap {
		if unnamed(l) {
			gids = append(gids, l)
			if len(r.UIDMap) == 0 {
				uids = append(uids, l)
			}
		}
	}
	return uids, gids
}
