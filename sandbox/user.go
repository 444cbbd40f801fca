package sandbox

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// keepGroups is the word that leaves the invoking user's supplementary groups in place.
const keepGroups = "keep-groups"

// maxAccountFile bounds what is read of an image's passwd or group file.
const maxAccountFile = 16 << 20

// findUser finds whom the workload runs as, in the container's own files.
func (s *setup) findUser() error {
	passwd, err := s.readAccounts("/etc/passwd")
	if err != nil {
		return err
	}
	groups, err := s.readAccounts("/etc/group")
	if err != nil {
		return err
	}
	wish := s.spec.Annotations[AnnotationUser]
	if wish == "" {
		u := s.spec.Process.User
		wish = strconv.FormatUint(uint64(u.UID), 10) + ":" + strconv.FormatUint(uint64(u.GID), 10)
	}
	if s.user, err = resolveUser(wish, passwd, groups); err != nil {
		return err
	}
	if !s.uids.contains(s.user.uid) {
		return unmapped("user", s.user.uid, s.uids)
	}
	if !s.gids.contains(s.user.gid) {
		if !s.single() {
			return unmapped("group", s.user.gid, s.gids)
		}
		s.user.gid = uint32(s.gids[0].first) // the only one that can be
	}
	return s.addGroups(groups)
}

// single says that the namespace has one user and one group only.
func (s *setup) single() bool {
	return len(s.uids) == 1 && s.uids[0].count == 1 && len(s.gids) == 1 && s.gids[0].count == 1
}

// addGroups adds what the spec asks for to the user's supplementary groups. Groups that only
// the image asks for and the mapping does not have are left out.
func (s *setup) addGroups(groups string) error {
	s.user.groups = slices.DeleteFunc(s.user.groups, func(gid uint32) bool { return !s.gids.contains(gid) })
	wished := slices.Clone(s.spec.Process.User.AdditionalGids)
	if list := s.spec.Annotations[AnnotationGroups]; list != "" {
		for word := range strings.SplitSeq(list, ",") {
			if word == keepGroups {
				continue
			}
			gid, err := resolveGroup(word, groups)
			if err != nil {
				return err
			}
			wished = append(wished, gid)
		}
	}
	if len(wished) > 0 && s.single() {
		return nil // setgroups is denied
	}
	for _, gid := range wished {
		if !s.gids.contains(gid) {
			return unmapped("group", gid, s.gids)
		}
		if !slices.Contains(s.user.groups, gid) {
			s.user.groups = append(s.user.groups, gid)
		}
	}
	return nil
}

// keepsGroups says that the invoking user's groups stay.
func (s *setup) keepsGroups() bool {
	return slices.Contains(strings.Split(s.spec.Annotations[AnnotationGroups], ","), keepGroups)
}

// readAccounts reads a file of accounts from the container. It may be missing, and it may be
// anything: a pipe that nobody writes, a device, a file without end.
func (s *setup) readAccounts(unsafePath string) (string, error) {
	fd, err := s.root.open(unsafePath, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if missing(err) {
		return "", nil
	}
	if err != nil {
		return "", &os.PathError{Op: "open", Path: unsafePath, Err: err}
	}
	f := os.NewFile(uintptr(fd), unsafePath)
	defer f.Close() // read-only
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", fmt.Errorf("the container's %s is not a regular file", unsafePath)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAccountFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxAccountFile {
		return "", fmt.Errorf("the container's %s is larger than %d MiB", unsafePath, maxAccountFile>>20)
	}
	return string(data), nil
}

// completeEnv adds to the spec's environment what only init can know.
func (s *setup) completeEnv() error {
	s.env = slices.Clone(s.spec.Process.Env)
	if !hasVariable(s.env, "HOME") {
		s.env = append(s.env, "HOME="+s.user.home)
	}
	if s.spec.Process.Terminal && !hasVariable(s.env, "TERM") {
		s.env = append(s.env, "TERM=xterm")
	}
	return nil
}

func hasVariable(env []string, name string) bool {
	_, ok := variable(env, name)
	return ok
}

// variable returns the value of a variable; the first one counts, as in getenv(3).
func variable(env []string, name string) (string, bool) {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
