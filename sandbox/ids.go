package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// idRanges are the ids that exist in the container's user namespace.
type idRanges []idRange

// idRange is the first field and the last of a line of uid_map; see user_namespaces(7).
type idRange struct{ first, count uint64 }

// readMaps learns which ids exist, and whether supplementary groups may be set.
func (s *setup) readMaps() error {
	for _, m := range []struct {
		path string
		into *idRanges
	}{{"/proc/self/uid_map", &s.uids}, {"/proc/self/gid_map", &s.gids}} {
		data, err := os.ReadFile(m.path)
		if err != nil {
			return err
		}
		if *m.into, err = parseMap(string(data)); err != nil {
			return fmt.Errorf("parse %s: %w", m.path, err)
		}
	}
	data, err := os.ReadFile("/proc/self/setgroups")
	s.setgroups = strings.TrimSpace(string(data)) == "allow"
	return err
}

func parseMap(text string) (idRanges, error) {
	var ranges idRanges
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %q", line)
		}
		first, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil {
			return nil, err
		}
		count, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, idRange{first, count})
	}
	return ranges, nil
}

func (r idRanges) contains(id uint32) bool {
	for _, x := range r {
		if n := uint64(id); x.first <= n && n < x.first+x.count {
			return true
		}
	}
	return false
}

// String lists the ids: "0-999, 1001".
func (r idRanges) String() string {
	var parts []string
	for _, x := range r {
		part := strconv.FormatUint(x.first, 10)
		if x.count > 1 {
			part += "-" + strconv.FormatUint(x.first+x.count-1, 10)
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// becomeRoot takes on the ids of the namespace's root on this thread. In a mapping without
// root init stays who it is: its capabilities do not depend on the id.
func (s *setup) becomeRoot() error {
	if s.gids.contains(0) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, 0, 0, 0); errno != 0 {
			return os.NewSyscallError("setresgid", errno)
		}
	}
	if s.uids.contains(0) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0); errno != 0 {
			return os.NewSyscallError("setresuid", errno)
		}
	}
	// Becoming somebody else resets what hide has set.
	return s.hide()
}
