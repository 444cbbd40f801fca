package imagestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// scratch is where transports put large temporary files: beside the images, because /tmp
// may be small or in memory, unless TMPDIR says otherwise.
func (s *Store) scratch() string {
	if dir := s.variable("TMPDIR"); dir != "" {
		return dir
	}
	return s.ownScratch()
}

func (s *Store) ownScratch() string { return filepath.Join(s.request.Store.Root, "scratch") }

// hold marks the store as being filled, until release is called. Whoever comes while nobody
// else fills it first removes what killed processes left behind. The kernel drops the mark
// of a process that dies.
func (s *Store) hold() (release func(), err error) {
	path := filepath.Join(s.request.Store.Root, "filling.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store's lock: %w", err)
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		s.tidy()
	}
	for {
		// From exclusive to shared this is not atomic, which harms nobody: see flock(2).
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			_ = f.Close() // the first failure matters
			return nil, fmt.Errorf("lock the store: %w", err)
		}
		break
	}
	if err := os.MkdirAll(s.ownScratch(), 0o700); err != nil {
		_ = f.Close() // the first failure matters
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// tidy removes staging directories and temporary files. What cannot be removed now may be
// removed next time.
func (s *Store) tidy() {
	if driver, err := s.store.GraphDriver(); err == nil {
		_ = driver.Cleanup() // also tries to unmount the store, which is not mounted
	}
	_ = os.RemoveAll(s.ownScratch())
	_ = s.options.Cache.Sweep() // a cache
}
