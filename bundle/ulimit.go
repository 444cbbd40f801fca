package bundle

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ulimit is a value of --ulimit. As in the kernel, math.MaxUint64 is no limit.
type ulimit struct {
	name       string // as the spec calls it: RLIMIT_NOFILE
	soft, hard uint64
}

// parseUlimit reads NAME=SOFT[:HARD]; -1 is no limit.
func parseUlimit(text string) (ulimit, error) {
	const form = "write NAME=SOFT[:HARD], such as nofile=1024:4096; -1 is no limit; host keeps all of yours"
	name, values, ok := strings.Cut(text, "=")
	if !ok {
		return ulimit{}, refuse("--ulimit", text, form, "no value")
	}
	name = strings.TrimPrefix(strings.ToLower(name), "rlimit_")
	if !knownLimit(name) {
		return ulimit{}, refuse("--ulimit", text, "getrlimit(2) lists the names: nofile, nproc, memlock, stack, core, ...", "unknown limit %s", name)
	}
	softText, hardText, both := strings.Cut(values, ":")
	if !both {
		hardText = softText
	}
	soft, softErr := parseLimit(softText)
	hard, hardErr := parseLimit(hardText)
	if softErr != nil || hardErr != nil {
		return ulimit{}, refuse("--ulimit", text, form, "not a number")
	}
	if soft > hard {
		return ulimit{}, refuse("--ulimit", text, form, "the soft limit is above the hard one")
	}
	return ulimit{"RLIMIT_" + strings.ToUpper(name), soft, hard}, nil
}

func knownLimit(name string) bool {
	switch name {
	case "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
		"nproc", "rss", "rtprio", "rttime", "sigpending", "stack":
		return true
	}
	return false
}

func parseLimit(text string) (uint64, error) {
	if text == "-1" || text == "unlimited" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// limit sets the resource limits that were asked for; a container otherwise keeps those of
// the person who started it. A limit above the person's own hard one cannot be had: the
// capability that raises it counts in the initial user namespace only; see getrlimit(2).
func (b *builder) limit() error {
	var wished []ulimit
	for _, value := range b.req.Ulimits {
		if value == "host" {
			return nil
		}
		u, err := parseUlimit(value)
		if err != nil {
			return err
		}
		wished = append(wished, u)
	}
	place := map[string]int{}
	for _, u := range wished {
		rlimit := b.capLimit(u)
		if i, again := place[u.name]; again {
			b.Spec.Process.Rlimits[i] = rlimit
			continue
		}
		place[u.name] = len(b.Spec.Process.Rlimits)
		b.Spec.Process.Rlimits = append(b.Spec.Process.Rlimits, rlimit)
	}
	return nil
}

// capLimit lowers a limit to what the person may have. "As much as possible" (-1) is
// lowered without a word.
func (b *builder) capLimit(u ulimit) specs.POSIXRlimit {
	most := uint64(math.MaxUint64)
	if b.in.HostRlimit != nil {
		if _, hard, ok := b.in.HostRlimit(u.name); ok {
			most = hard
		}
	}
	if exceeds(u.soft, most) || exceeds(u.hard, most) {
		name := strings.ToLower(strings.TrimPrefix(u.name, "RLIMIT_"))
		b.note(fmt.Sprintf("--ulimit %s: lowered to %d, your own hard limit", name, most))
	}
	return specs.POSIXRlimit{Type: u.name, Soft: min(u.soft, most), Hard: min(u.hard, most)}
}

func exceeds(limit, most uint64) bool { return limit != math.MaxUint64 && limit > most }
