package imagestore

import (
	"fmt"
	"slices"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// tag gives further names to an image. A name that another image has moves.
func (s *Store) tag() error {
	if len(s.request.Names) < 2 {
		return fmt.Errorf("tag: an image and at least one name are needed")
	}
	sys, err := s.system()
	if err != nil {
		return err
	}
	i, _, err := s.find(sys, s.request.Names[0])
	if err != nil {
		return err
	}
	var names []string
	for _, typed := range s.request.Names[1:] {
		name, err := newName(typed)
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := writable(i); err != nil {
		return fmt.Errorf("tag %s: %w", s.request.Names[0], err)
	}
	if err := s.store.AddNames(i.ID, names); err != nil {
		return fmt.Errorf("tag %s: %w", s.request.Names[0], err)
	}
	return nil
}

// untag takes names from an image, all of them when none is given.
func (s *Store) untag() error {
	if len(s.request.Names) == 0 {
		return fmt.Errorf("untag: an image is needed")
	}
	sys, err := s.system()
	if err != nil {
		return err
	}
	i, _, err := s.find(sys, s.request.Names[0])
	if err != nil {
		return err
	}
	drop := slices.Clone(i.Names)
	if len(s.request.Names) > 1 {
		drop = nil
		for _, typed := range s.request.Names[1:] {
			name, err := s.nameOf(sys, i, typed)
			if err != nil {
				return err
			}
			drop = append(drop, name)
		}
	}
	if err := writable(i); err != nil {
		return fmt.Errorf("untag %s: %w", s.request.Names[0], err)
	}
	if err := s.store.RemoveNames(i.ID, drop); err != nil {
		return fmt.Errorf("untag %s: %w", s.request.Names[0], err)
	}
	return nil
}

// nameOf is the name of an image that a typed one stands for.
func (s *Store) nameOf(sys *types.SystemContext, i *storage.Image, typed string) (string, error) {
	candidates, err := localCandidates(sys, typed)
	if err != nil {
		return "", err
	}
	for _, candidate := range candidates {
		if slices.Contains(i.Names, candidate.String()) {
			return candidate.String(), nil
		}
	}
	return "", &image.Error{Message: fmt.Sprintf("%s: image %s has no such name", typed, short(i.ID)), Code: codeMissing}
}

// writable refuses to change an image of a read-only store.
func writable(i *storage.Image) error {
	if !i.ReadOnly {
		return nil
	}
	return &image.Error{
		Message: fmt.Sprintf("image %s lies in a read-only store", short(i.ID)),
		Remedy:  "change it with the tool that the store belongs to, such as podman",
	}
}
