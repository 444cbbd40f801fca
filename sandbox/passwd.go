package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// user is whom the workload runs as.
type user struct {
	uid, gid uint32
	groups   []uint32 // supplementary, from the container's own files
	home     string
}

// account is a line of passwd(5).
type account struct {
	name     string
	uid, gid uint32
	home     string
}

// group is a line of group(5).
type group struct {
	name    string
	gid     uint32
	members []string
}

// unknown reports a name that is not in the file where it should be.
func unknown(kind, name, file string) error {
	return hinted("give the number of the "+kind+", or a name that the image has", "no %s %q in the container's %s", kind, name, file)
}

// resolveUser finds the user that wish (name|uid[:group|gid]) means, given the contents of
// the container's passwd and group files. Lines that make no sense are passed over, as by
// the C library. A uid without an account is accepted, a name is not; root needs no account.
func resolveUser(wish, passwd, groups string) (user, error) {
	userWord, groupWord, hasGroup := strings.Cut(wish, ":")
	if userWord == "" {
		userWord = "0"
	}
	u := user{home: "/"}
	a, err := findAccount(userWord, passwd)
	if err != nil {
		return user{}, err
	}
	u.uid, u.gid = a.uid, a.gid
	if a.home != "" {
		u.home = a.home
	}
	if hasGroup && groupWord != "" {
		if u.gid, err = resolveGroup(groupWord, groups); err != nil {
			return user{}, err
		}
		return u, nil
	}
	if a.name == "" {
		return u, nil
	}
	for g := range parseGroups(groups) {
		if slices.Contains(g.members, a.name) && g.gid != u.gid && !slices.Contains(u.groups, g.gid) {
			u.groups = append(u.groups, g.gid)
		}
	}
	return u, nil
}

// findAccount finds a user by name or, if word is a number, by uid.
func findAccount(word, passwd string) (account, error) {
	uid, err := parseID(word)
	numeric := err == nil
	for a := range parseAccounts(passwd) {
		if a.name == word || numeric && a.uid == uid {
			return a, nil
		}
	}
	switch {
	case numeric && uid == 0, word == "root":
		return account{}, nil
	case numeric:
		return account{uid: uid}, nil
	case errors.Is(err, strconv.ErrRange):
		return account{}, fmt.Errorf("user id %s: larger than %d", word, maxID)
	}
	return account{}, unknown("user", word, "/etc/passwd")
}

// resolveGroup finds a gid by name or number.
func resolveGroup(word, groups string) (uint32, error) {
	for g := range parseGroups(groups) {
		if g.name == word {
			return g.gid, nil
		}
	}
	gid, err := parseID(word)
	switch {
	case err == nil:
		return gid, nil
	case word == "root":
		return 0, nil
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("group id %s: larger than %d", word, maxID)
	}
	return 0, unknown("group", word, "/etc/group")
}

// parseAccounts goes through the valid lines of a passwd file.
func parseAccounts(passwd string) func(yield func(account) bool) {
	return func(yield func(account) bool) {
		for line := range strings.Lines(passwd) {
			f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
			if len(f) < 4 || f[0] == "" || f[0][0] == '#' {
				continue
			}
			uid, err := parseID(f[2])
			if err != nil {
				continue
			}
			gid, err := parseID(f[3])
			if err != nil {
				continue
			}
			a := account{name: f[0], uid: uid, gid: gid}
			if len(f) > 5 {
				a.home = f[5]
			}
			if !yield(a) {
				return
			}
		}
	}
}

// parseGroups goes through the valid lines of a group file.
func parseGroups(groups string) func(yield func(group) bool) {
	return func(yield func(group) bool) {
		for line := range strings.Lines(groups) {
			f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
			if len(f) < 3 || f[0] == "" || f[0][0] == '#' {
				continue
			}
			gid, err := parseID(f[2])
			if err != nil {
				continue
			}
			g := group{name: f[0], gid: gid}
			if len(f) > 3 && f[3] != "" {
				g.members = strings.Split(f[3], ",")
			}
			if !yield(g) {
				return
			}
		}
	}
}

// maxID is the largest id: the one above it means "no change" to the kernel.
const maxID uint32 = 1<<32 - 2

// parseID reads a uid or gid; the error is a *strconv.NumError.
func parseID(word string) (uint32, error) {
	id, err := strconv.ParseUint(word, 10, 32)
	if err == nil && id > uint64(maxID) {
		err = &strconv.NumError{Func: "ParseUint", Num: word, Err: strconv.ErrRange}
	}
	return uint32(id), err
}
