package container

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Home is where containers live.
type Home struct {
	Data    string // containers/<id>/ and names/<name>: survive a reboot
	Runtime string // <id>/: lock, sockets, generated files; gone after a reboot
	// Owner and OwnerGID are the host ids that root, creating a container, gives its files to:
	// those that the monitor works as. Zero for everybody else, the monitor too.
	Owner, OwnerGID int
}

// Container is a directory with a record in it.
type Container struct {
	Record  Record
	Dir     string // $DATA/containers/<id>
	Runtime string // $RUNTIME/<id>
	home    Home
}

// NameTakenError reports that a name belongs to another container.
type NameTakenError struct{ Name, ID string }

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("name %q is taken by container %.12s", e.Name, e.ID)
}

// Hint tells how to get the name.
func (e *NameTakenError) Hint() string {
	return "remove that container (rlc rm " + e.Name + "), choose another name, or use --replace"
}

// NewID returns 64 random hex digits.
func NewID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails; see crypto/rand
	return hex.EncodeToString(b[:])
}

// At returns the container of a record that lies in this home; nothing is read.
func (h Home) At(r Record) *Container {
	return &Container{Record: r, home: h, Dir: filepath.Join(h.Data, "containers", r.ID), Runtime: filepath.Join(h.Runtime, r.ID)}
}

// Create makes the directories of a container and takes its lock and its name. An empty
// Record.Name gets a generated one. The returned file holds the lock: hand it to the monitor
// or close it. Until Save the container is nobody's; if its maker dies, it is swept away.
// When Create fails nothing is left behind.
func (h Home) Create(r Record) (_ *Container, lock *os.File, err error) {
	r.Version = FormatVersion
	c := h.At(r)
	if r.Name != "" {
		if err := CheckName(r.Name); err != nil {
			return nil, nil, err
		}
	}
	if err := h.Prepare(); err != nil {
		return nil, nil, err
	}
	var held *os.File
	defer func() {
		if err != nil {
			c.discard(held)
		}
	}()
	if held, err = c.acquire(unix.LOCK_EX); err != nil {
		return nil, nil, err
	}
	if err := h.Mkdir(c.Dir, 0o700); err != nil {
		return nil, nil, err
	}
	if err := c.takeName(); err != nil {
		return nil, nil, err
	}
	return c, held, nil
}

// Save writes the record. It is called once, when all of the record is known.
func (c *Container) Save() error { return c.WriteFile("record.json", c.Record) }

// discard takes back a half-made container.
func (c *Container) discard(lock *os.File) {
	_ = c.releaseName() // the error that led here is the one to tell
	_ = os.RemoveAll(c.Dir)
	_ = os.RemoveAll(c.Runtime)
	if lock != nil {
		_ = lock.Close()
	}
}

// Prepare makes the directories that all containers share.
func (h Home) Prepare() error {
	for _, dir := range []string{filepath.Join(h.Data, "containers"), filepath.Join(h.Data, "names"), h.Runtime} {
		if _, err := os.Lstat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o711); err != nil {
			return err
		}
		if err := h.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Mkdir makes a directory and gives it to the owner.
func (h Home) Mkdir(dir string, mode fs.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	return h.give(dir)
}

func (h Home) give(path string) error {
	if os.Geteuid() != 0 || h.Owner == 0 {
		return nil
	}
	return os.Lchown(path, h.Owner, h.OwnerGID)
}

// Mkdir makes a directory named name in the container's data directory.
func (c *Container) Mkdir(name string, mode fs.FileMode) error {
	return c.home.Mkdir(filepath.Join(c.Dir, name), mode)
}

// WriteFile writes v as JSON into the container's data directory, by rename.
func (c *Container) WriteFile(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return c.Write(name, data)
}

// WriteRuntime writes a small file into the container's runtime directory.
func (c *Container) WriteRuntime(name, content string) error {
	path := filepath.Join(c.Runtime, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return err
	}
	return c.home.give(path)
}

// Write writes a file into the container's data directory so that a reader sees the old or
// the new content, never a part.
func (c *Container) Write(name string, data []byte) error {
	path := filepath.Join(c.Dir, name)
	next := path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	if err := c.home.give(next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// takeName makes the symlink names/<name> -> id; creating it is the check that the name is free.
func (c *Container) takeName() error {
	wished := c.Record.Name
	for attempt := 0; ; attempt++ {
		if wished == "" {
			c.Record.Name = randomName(attempt)
		}
		link := c.home.nameLink(c.Record.Name)
		err := os.Symlink(c.Record.ID, link)
		if err == nil {
			return c.home.give(link)
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		holder, stale := c.home.holder(link)
		switch {
		case stale: // its container is gone: a crash between the two steps of a removal
			if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case wished != "":
			c.Record.Name = ""
			return &NameTakenError{Name: wished, ID: holder}
		case attempt == 64:
			return errors.New("find a free name: 64 generated ones are taken")
		}
	}
}

func (h Home) nameLink(name string) string { return filepath.Join(h.Data, "names", name) }

// holder returns the id behind a name and whether that container no longer exists.
func (h Home) holder(link string) (id string, stale bool) {
	id, err := os.Readlink(link)
	if err != nil {
		return "", errors.Is(err, fs.ErrNotExist)
	}
	_, err = os.Lstat(filepath.Join(h.Data, "containers", filepath.Base(id)))
	return id, errors.Is(err, fs.ErrNotExist)
}

// releaseName removes the name if it is this container's.
func (c *Container) releaseName() error {
	if c.Record.Name == "" || CheckName(c.Record.Name) != nil {
		return nil
	}
	link := c.home.nameLink(c.Record.Name)
	if id, err := os.Readlink(link); err != nil || id != c.Record.ID {
		return nil // another container's by now
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// IsID says whether s looks like a whole id or a prefix of one.
func IsID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}
