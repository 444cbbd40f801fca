package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openSource takes hold of what a bind shows, with the rights of the person who runs rlc.
func (s *setup) openSource(m *mount) error {
	if !m.options.bind {
		return nil
	}
	origin, err := m.findSource()
	if err == nil {
		if err = checkDevice(origin); err == nil {
			m.tree, err = cloneTree(origin, "", m.options.below)
		}
	}
	if err != nil {
		m.absent = m.options.optional
		if m.absent {
			return nil
		}
		return sourceError(m.spec.Source, err)
	}
	m.origin = origin
	return nil
}

// findSource returns a handle for a bind's source, which it makes first if it may.
func (m *mount) findSource() (int, error) {
	const flags = unix.O_PATH | unix.O_CLOEXEC
	source := m.spec.Source
	fd, err := unix.Open(source, flags, 0)
	if errors.Is(err, unix.ENOENT) && m.options.create {
		if err := os.MkdirAll(source, 0o755); err != nil {
			return -1, err
		}
		fd, err = unix.Open(source, flags, 0)
	}
	if err != nil || m.options.subpath == "" {
		return fd, err
	}
	defer unix.Close(fd) // only a handle
	return directory{fd}.part(m.options.subpath)
}

// part finds what OptionSubpath names.
func (d directory) part(unsafePath string) (int, error) {
	fd, err := d.find(unsafePath)
	if err != nil {
		return -1, &failure{cause: fmt.Errorf("part %q: %w", unsafePath, err)}
	}
	return fd, nil
}

func sourceError(source string, err error) error {
	var told *failure
	switch {
	case errors.As(err, &told):
		return &failure{cause: fmt.Errorf("source %s: %w", source, err), hint: told.hint}
	case errors.Is(err, unix.ENOENT) && strings.HasPrefix(source, "/dev/"):
		return hinted("nodes cannot be made without root: the host must have it", "source %s: %w", source, err)
	case errors.Is(err, unix.ENOENT):
		return hinted("create it first; --volume creates missing directories, --mount does not", "source %s: %w", source, err)
	}
	return kernelTooOld("source "+source, err)
}
