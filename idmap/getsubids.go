package idmap

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// nothingGranted is what getsubids says about people without subordinate ids.
const nothingGranted = "Error fetching ranges"

// askNSS fills in the grants when nsswitch.conf names another source than the files:
// getsubids asks the same library as newuidmap. Without it nothing is known to be granted.
func (f *Facts) askNSS(ctx context.Context, source, login string) {
	name := fmt.Sprintf("the source %q of nsswitch.conf", source)
	f.UID = Grant{Source: name, Login: login}
	f.GID = f.UID
	path, ok := find("getsubids")
	if !ok {
		f.note(fmt.Sprintf("your subordinate ids come from %s, and getsubids, which can read it, is not installed (package %s)", name, packages))
		return
	}
	ask := func(args ...string) func() []Range {
		p, err := start(path, args...)
		return func() []Range {
			output, success := "", false
			if err == nil {
				output, success, err = p.wait(ctx)
			}
			if err != nil {
				f.note(err.Error())
			} else if complaint, _, _ := strings.Cut(output, "\n"); !success && complaint != nothingGranted {
				f.note(fmt.Sprintf("%s: %s", path, complaint))
			}
			return parseGetsubids(output, login)
		}
	}
	// Both at once: behind them may stand a slow directory service.
	uids, gids := ask(login), ask("-g", login)
	f.UID.Ranges, f.GID.Ranges = uids(), gids()
}

// note adds a note that was not made yet.
func (f *Facts) note(text string) {
	if !slices.Contains(f.Notes, text) {
		f.Notes = append(f.Notes, text)
	}
}

// parseGetsubids reads lines like "0: alice 100000 65536"; all others say nothing.
func parseGetsubids(output, login string) []Range {
	var ranges []Range
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) != 4 || !strings.HasSuffix(fields[0], ":") || fields[1] != login {
			continue
		}
		if start, ok := parseID(fields[2]); ok {
			if count, ok := parseID(fields[3]); ok {
				ranges = append(ranges, Range{start, count})
			}
		}
	}
	return ranges
}
