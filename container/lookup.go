package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// NotFoundError reports that no container has a name or id.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("no container %q", e.Name) }

// Hint tells how to see which there are.
func (e *NotFoundError) Hint() string { return "rlc ps -a lists the containers" }

// AmbiguousError reports an id prefix that several containers share.
type AmbiguousError struct {
	Prefix string
	IDs    []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("id prefix %q is ambiguous: %d containers begin with it", e.Prefix, len(e.IDs))
}

// DamagedError reports a container whose record cannot be used.
type DamagedError struct {
	ID    string
	Cause error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("read container %.12s: %v", e.ID, e.Cause) }

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Cause }

// Hint tells how to get rid of it.
func (e *DamagedError) Hint() string { return fmt.Sprintf("rlc rm -f %.12s removes it", e.ID) }

// Lookup finds a container by name, by id or by an unambiguous prefix of its id. When the
// container exists but its record is damaged, it comes with a *DamagedError.
func (h Home) Lookup(nameOrID string) (*Container, error) {
	if CheckName(nameOrID) == nil {
		if id, err := os.Readlink(h.nameLink(nameOrID)); err == nil && len(id) == 64 && IsID(id) {
			if c, err := h.open(id); !errors.Is(err, fs.ErrNotExist) {
				return c, err
			}
		}
	}
	if !IsID(nameOrID) {
		return nil, &NotFoundError{Name: nameOrID}
	}
	ids, err := h.ids()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, id := range ids {
		if strings.HasPrefix(id, nameOrID) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return nil, &NotFoundError{Name: nameOrID}
	case 1:
		c, err := h.open(found[0])
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &NotFoundError{Name: nameOrID}
		}
		return c, err
	}
	return nil, &AmbiguousError{Prefix: nameOrID, IDs: found}
}

// List returns all containers, damaged ones with an empty record but for the id. Those
// that vanish meanwhile are left out.
func (h Home) List() ([]*Container, error) {
	ids, err := h.ids()
	if err != nil {
		return nil, err
	}
	containers := make([]*Container, 0, len(ids))
	for _, id := range ids {
		c, err := h.open(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		containers = append(containers, c)
	}
	return containers, nil
}

func (h Home) ids() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(h.Data, "containers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		if name := e.Name(); len(name) == 64 && IsID(name) {
			ids = append(ids, name)
		}
	}
	return ids, nil
}

// open reads a record. fs.ErrNotExist means that there is no such container.
func (h Home) open(id string) (*Container, error) {
	c := h.At(Record{ID: id})
	data, err := os.ReadFile(filepath.Join(c.Dir, "record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(c.Dir); err != nil {
			return nil, err
		}
		if held, _ := c.Held(); held {
			return nil, fs.ErrNotExist // being created: not there yet
		}
		return c, &DamagedError{ID: id, Cause: errors.New("it has no record: its creation was interrupted")}
	}
	if err != nil {
		return c, &DamagedError{ID: id, Cause: err}
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return c, &DamagedError{ID: id, Cause: fmt.Errorf("record.json: %w", err)}
	}
	if r.Version > FormatVersion {
		return c, &DamagedError{ID: id, Cause: fmt.Errorf("record.json has format %d, this rlc knows %d: made by a newer rlc", r.Version, FormatVersion)}
	}
	if r.ID != id {
		return c, &DamagedError{ID: id, Cause: errors.New("record.json belongs to another container")}
	}
	c.Record = r
	return c, nil
}

func (c *Container) openLock() (*os.File, error) {
	path := filepath.Join(c.Runtime, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return f, c.home.give(path)
}

// Abandoned returns the containers that have a directory but no status, and nobody at work
// on them: their makers died.
func (h Home) Abandoned() []*Container {
	ids, _ := h.ids() // none, then
	var found []*Container
	for _, id := range ids {
		c := h.At(Record{ID: id})
		if c.hasStatus() {
			continue
		}
		// Asked again once the lock is known to be free: a whole life may fit in between.
		if held, err := c.Held(); err == nil && !held && !c.hasStatus() {
			found = append(found, c)
		}
	}
	return found
}

func (c *Container) hasStatus() bool {
	_, err := os.Lstat(filepath.Join(c.Dir, "status.json"))
	return !errors.Is(err, fs.ErrNotExist)
}

// Held says whether somebody, a monitor or the maker, holds the container's lock.
func (c *Container) Held() (bool, error) {
	f, err := os.OpenFile(filepath.Join(c.Runtime, "lock"), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() // read-only
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Lock takes the container's lock for a command that works on a container without a
// monitor (remove, start). It returns nil and no error when the container runs. A monitor
// that is only cleaning up behind an ended workload is waited for.
func (c *Container) Lock() (*os.File, error) {
	if err := c.home.Prepare(); err != nil {
		return nil, err
	}
	lock, err := c.acquire(unix.LOCK_EX | unix.LOCK_NB)
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return lock, err
	}
	if s, err := c.readStatus(); err == nil && (s.State == Running || s.State == Creating) {
		return nil, nil
	}
	return c.acquire(unix.LOCK_EX)
}

// acquire makes the runtime directory, unless it is there, and takes the lock in it.
func (c *Container) acquire(how int) (*os.File, error) {
	for {
		if err := c.home.Mkdir(c.Runtime, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		f, err := c.openLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has just tidied the directory away
		}
		if err != nil {
			return nil, err
		}
		err = ignoringEINTR(func() error { return unix.Flock(int(f.Fd()), how) })
		if err == nil && current(f) {
			return f, nil
		}
		_ = f.Close() // not locked, or tidied away meanwhile: a lock that nobody else would meet
		if err != nil {
			return nil, fmt.Errorf("lock container %.12s: %w", c.Record.ID, err)
		}
	}
}

// current says that the file is still the one that its name leads to.
func current(f *os.File) bool {
	mine, err1 := f.Stat()
	named, err2 := os.Lstat(f.Name())
	return err1 == nil && err2 == nil && os.SameFile(mine, named)
}

func ignoringEINTR(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
