package imagestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.podman.io/storage"
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
	f, alone, err := s.fillingLock()
	if err != nil {
		return nil, err
	}
	if alone {
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

// fillingLock opens the lock of those who fill the store. If nobody does, it is taken, and
// alone is true.
func (s *Store) fillingLock() (f *os.File, alone bool, err error) {
	f, err = os.OpenFile(filepath.Join(s.request.Store.Root, "filling.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open the store's lock: %w", err)
	}
	return f, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil, nil
}

// prune deletes the layers that no image needs: those of pulls that were interrupted and
// never taken up again. While somebody fills the store it does nothing.
func (s *Store) prune() error {
	f, alone, err := s.fillingLock()
	if err != nil {
		return err
	}
	defer f.Close() // gives the lock back
	if !alone {
		return nil
	}
	layers, err := s.store.Layers()
	if err != nil {
		return err
	}
	needed, err := s.neededLayers(layers)
	if err != nil {
		return err
	}
	for { // children first: a layer with a child cannot be deleted
		parents := map[string]bool{}
		for _, l := range layers {
			parents[l.Parent] = true
		}
		left := slices.DeleteFunc(slices.Clone(layers), func(l storage.Layer) bool {
			return !needed[l.ID] && !l.ReadOnly && !parents[l.ID] && s.store.DeleteLayer(l.ID) == nil
		})
		if len(left) == len(layers) {
			return nil
		}
		layers = left
	}
}

// neededLayers are the layers of all images and of other tools' containers.
func (s *Store) neededLayers(layers []storage.Layer) (map[string]bool, error) {
	parent := map[string]string{}
	for _, l := range layers {
		parent[l.ID] = l.Parent
	}
	images, err := s.store.Images()
	if err != nil {
		return nil, err
	}
	containers, err := s.store.Containers()
	if err != nil {
		return nil, err
	}
	var tops []string
	for _, i := range images {
		tops = append(append(tops, i.TopLayer), i.MappedTopLayers...)
	}
	for _, c := range containers {
		tops = append(tops, c.LayerID)
	}
	needed := map[string]bool{}
	for _, id := range tops {
		for ; id != "" && !needed[id]; id = parent[id] {
			needed[id] = true
		}
	}
	return needed, nil
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
