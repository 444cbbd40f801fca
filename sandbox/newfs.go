package sandbox

import (
	"errors"
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// newFileSystem makes a detached mount of a new file system. Where the kernel refuses one
// that shows a namespace of the host, or one that would show more of /proc or /sys than an
// outer container does, the host's is taken instead.
func (s *setup) newFileSystem(m *mount) (int, error) {
	params, err := s.parameters(m)
	if err != nil {
		return -1, err
	}
	attrs := m.options.set
	if m.options.copyUp || m.options.chown {
		attrs &^= unix.MOUNT_ATTR_RDONLY // it is to be filled first
	}
	fd, err := makeFileSystem(m.kind, params, attrs)
	if err == nil {
		return fd, nil
	}
	if source := s.substitute(m.kind); source != "" && errors.Is(err, unix.EPERM) {
		m.options.bind = true
		if m.kind == "sysfs" || m.kind == "cgroup2" {
			m.options.set |= unix.MOUNT_ATTR_RDONLY
			m.options.recursive |= unix.MOUNT_ATTR_RDONLY
		}
		fd, berr := cloneTree(unix.AT_FDCWD, source, true)
		if berr == nil {
			return fd, nil
		}
		return -1, fmt.Errorf("%w; bind the host's %s: %w", err, source, berr)
	}
	if m.kind == "cgroup2" {
		return makeFileSystem("tmpfs", []param{{key: "mode", value: "755"}}, m.options.set|unix.MOUNT_ATTR_RDONLY)
	}
	return -1, err
}

// substitute is the path of the host that stands in for a file system which init may not
// mount; empty: none.
func (s *setup) substitute(kind string) string {
	switch kind {
	case "proc":
		return "/proc"
	case "sysfs":
		return "/sys"
	case "mqueue":
		if !s.newNamespace(specs.IPCNamespace) {
			return "/dev/mqueue"
		}
	case "cgroup2":
		if !s.newNamespace(specs.CgroupNamespace) {
			return "/sys/fs/cgroup"
		}
	}
	return ""
}

// parameters are what the file system itself is told; ids that do not exist are left out
// where they are but a habit, and an error where they matter.
func (s *setup) parameters(m *mount) ([]param, error) {
	if m.kind == "cgroup" {
		m.kind = "cgroup2" // other hierarchies are tolerated, not managed
	}
	var params []param
	hasXattr := false
	for _, p := range m.options.data {
		switch {
		case p.key == "newinstance" && m.kind == "devpts":
			continue // every instance is new
		case p.key == "userxattr":
			hasXattr = true
		case p.key == "uid" || p.key == "gid":
			ids := s.uids
			if p.key == "gid" {
				ids = s.gids
			}
			id, err := parseID(p.value)
			if err != nil {
				return nil, fmt.Errorf("option %s=%s: %w", p.key, p.value, err)
			}
			if ids.contains(id) {
				break
			}
			if m.kind == "devpts" {
				continue // the terminal group may not be mapped
			}
			return nil, unmapped(p.key, id, ids)
		}
		params = append(params, p)
	}
	if m.spec.Source != "" {
		params = append(params, param{key: "source", value: m.spec.Source}) // only shown, in /proc/mounts
	}
	if m.kind == "overlay" && !hasXattr {
		params = append(params, param{key: "userxattr", isFlag: true}) // trusted attributes are out of reach in a user namespace
	}
	return params, nil
}

// unmapped explains that an id is not in the user namespace.
func unmapped(what string, id uint32, ids idRanges) error {
	return hinted("get subordinate ids (usermod --add-subuids, --add-subgids), or choose an id that exists",
		"%s %d does not exist in the container, which has %s", what, id, ids)
}

// makeFileSystem makes a detached mount; see fsopen(2).
func makeFileSystem(kind string, params []param, attrs uint64) (int, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		if errors.Is(err, unix.ENODEV) {
			return -1, fmt.Errorf("the kernel has no file system %q", kind)
		}
		return -1, kernelTooOld("fsopen", err)
	}
	defer unix.Close(fs) // of no more use
	for _, p := range params {
		word := p.key
		if p.isFlag {
			err = unix.FsconfigSetFlag(fs, p.key)
		} else {
			word += "=" + p.value
			err = unix.FsconfigSetString(fs, p.key, p.value)
		}
		if err != nil {
			return -1, fmt.Errorf("option %q of %s: %w", word, kind, explained(fs, err))
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("make a %s: %w", kind, explained(fs, err))
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attrs))
	if err != nil {
		return -1, fmt.Errorf("make a %s: %w", kind, explained(fs, err))
	}
	return fd, nil
}

// explained adds to an error what the kernel says about it in the file system's context.
func explained(fs int, err error) error {
	buf := make([]byte, 512)
	n, rerr := unix.Read(fs, buf)
	if rerr != nil || n < 3 {
		return err
	}
	// "e tmpfs: Bad value for 'size'": the first letter is the severity.
	return fmt.Errorf("%w (%s)", err, strings.TrimSpace(string(buf[2:n])))
}
