package container

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Status returns the container's true status. The lock decides: a file that says running
// beside a free lock is stale, since the monitor holds the lock for as long as it lives;
// such a container exited when nobody was there to see how, with exit code 137.
func (c *Container) Status() (Status, error) {
	for {
		s, err := c.readStatus()
		if err != nil {
			return Status{State: Dead}, err
		}
		if s.State != Running && s.State != Creating {
			return s, nil
		}
		held, err := c.Held()
		if err != nil {
			return s, err
		}
		if held {
			return s, nil
		}
		again, err := c.readStatus() // the monitor may have written the end just before it went
		if err != nil {
			return Status{State: Dead}, err
		}
		if again.State == s.State && again.Pid == s.Pid {
			return lost(again), nil
		}
	}
}

// lost turns the status that a killed monitor left into the truth.
func lost(s Status) Status {
	if s.State == Creating {
		return Status{State: Dead, Error: "its creation was interrupted"}
	}
	s.State, s.ExitCode, s.Error = Exited, 137, "its monitor was killed"
	s.Pid, s.Monitor = 0, 0
	return s
}

func (c *Container) readStatus() (Status, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, "status.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Status{State: Creating}, nil
	}
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal(data, &s); err != nil {
		return Status{}, &DamagedError{ID: c.Record.ID, Cause: err}
	}
	return s, nil
}

// SetStatus replaces the status. Only the holder of the lock may call it.
func (c *Container) SetStatus(s Status) error { return c.WriteFile("status.json", s) }

// Vanish makes the container disappear from every list: its name becomes free and its
// directory gets another name, which is returned. What is then left takes Erase.
func (c *Container) Vanish() (leftover string, err error) {
	if err := c.releaseName(); err != nil {
		return "", err
	}
	leftover = filepath.Join(filepath.Dir(c.Dir), "gone-"+c.Record.ID)
	if err := os.Rename(c.Dir, leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return leftover, nil
}

// Remains are the directories that a vanished container still has, the runtime directory
// with the lock last. Files of subordinate ids in them need a process inside the
// container's user namespace to remove them.
func (c *Container) Remains(leftover string) []string {
	var dirs []string
	for _, name := range c.Record.Volumes {
		dirs = append(dirs, filepath.Join(c.home.Data, "volumes", filepath.Base(name)))
	}
	return append(dirs, leftover, c.Runtime)
}

// Erase removes the remains of a vanished container.
func (c *Container) Erase(leftover string) error {
	var errs []error
	for _, dir := range c.Remains(leftover) {
		errs = append(errs, RemoveTree(dir))
	}
	return errors.Join(errs...)
}

// RemoveTree removes a tree in which directories may have no permissions, such as the work
// directory of an overlay.
func RemoveTree(dir string) error {
	if err := os.RemoveAll(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // what cannot be read is told by the second removal
		}
		_ = os.Chmod(path, 0o700)
		return nil
	})
	return os.RemoveAll(dir)
}

// Leftovers returns the directories of containers whose removal was interrupted.
func (h Home) Leftovers() []string {
	found, _ := filepath.Glob(filepath.Join(h.Data, "containers", "gone-*")) // the pattern is valid
	return found
}

// SweepNames frees the names of containers that are no more: a removal was interrupted
// between its two steps. A container's directory is older than its name, so none in the
// making is met.
func (h Home) SweepNames() {
	links, _ := os.ReadDir(filepath.Join(h.Data, "names")) // none, then
	for _, link := range links {
		path := h.nameLink(link.Name())
		if _, stale := h.holder(path); stale {
			_ = os.Remove(path) // tried again next time
		}
	}
}

// SweepRuntime removes runtime directories of containers that there are not: their makers
// died before they made more. Whoever makes one holds its lock.
func (h Home) SweepRuntime() {
	entries, _ := os.ReadDir(h.Runtime) // none, then
	for _, e := range entries {
		if name := e.Name(); len(name) != 64 || !IsID(name) {
			continue
		}
		c := h.At(Record{ID: e.Name()})
		if _, err := os.Lstat(c.Dir); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(c.Runtime, "lock"), os.O_RDWR|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(c.Runtime) // unless something is in it by now
			continue
		}
		if err != nil {
			continue // not ours
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			if _, err := os.Lstat(c.Dir); errors.Is(err, fs.ErrNotExist) {
				_ = os.RemoveAll(c.Runtime) // tried again next time
			}
		}
		_ = lock.Close() // gone with the directory
	}
}
