package idmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// The files that say who owns which subordinate ids.
const (
	subuidFile = "/etc/subuid"
	subgidFile = "/etc/subgid"
)

// Load finds the facts for a mapping of id's. What is odd but not fatal becomes a note; an
// error means that ctx ended. Outside programs (getent, getsubids) run only where the
// machine's own files cannot answer.
func Load(ctx context.Context, id Identity) (Facts, error) {
	f := Facts{HereUID: readIDMap("/proc/self/uid_map"), HereGID: readIDMap("/proc/self/gid_map")}
	if id.User == "" {
		id.User = loginOf(f.read("/etc/passwd"), id.UID)
	}
	login := sync.OnceValue(func() string {
		if id.User == "" {
			return getent(ctx, id.UID)
		}
		return id.User
	})
	if source := nssSource(f.read("/etc/nsswitch.conf")); source != "" {
		f.askNSS(ctx, source, cmp.Or(login(), decimal(id.UID)))
	} else {
		f.readFiles(id, login)
	}
	if id.UID != 0 {
		f.Unprivileged = unprivileged()
	}
	return f, ctx.Err()
}

// readFiles fills in the grants of /etc/subuid and /etc/subgid.
func (f *Facts) readFiles(id Identity, login func() string) {
	uid := decimal(id.UID)
	owns := func(owner string) bool { return owner == uid || owner == login() }
	for _, side := range []struct {
		file  string
		grant *Grant
	}{{subuidFile, &f.UID}, {subgidFile, &f.GID}} {
		data := f.read(side.file)
		found := parseSubordinate(data, side.file, owns)
		if id.UID == 0 && len(found.ranges) == 0 {
			found = parseSubordinate(data, side.file, func(owner string) bool { return owner == "containers" })
		}
		*side.grant = Grant{Ranges: found.ranges, Source: side.file, Login: cmp.Or(id.User, uid), Free: found.free}
		f.Notes = append(f.Notes, found.notes...)
	}
	free := max(f.UID.Free, f.GID.Free, 1)
	f.UID.Free, f.GID.Free = free, free
}

// read returns a file's contents; a file that is not there is an empty one.
func (f *Facts) read(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Notes = append(f.Notes, fmt.Sprintf("read what %s says about you: %v", path, errors.Unwrap(err)))
	}
	return data
}

// readIDMap returns this process's own map; without /proc all ids are taken to exist.
func readIDMap(path string) Map {
	data, err := os.ReadFile(path)
	if err == nil {
		if m, ok := parseIDMap(data); ok {
			return m
		}
	}
	return Map{{0, 0, idLimit}}
}
