package imagestore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// remove removes images or names of images, one after another. The failure of one does not
// stop the others: the result holds what was removed, also beside an error.
func (s *Store) remove() ([]image.Removed, error) {
	sys, err := s.system()
	if err != nil {
		return nil, err
	}
	result := []image.Removed{}
	var failures []error
	for _, typed := range s.request.Names {
		removed, err := s.removeOne(sys, typed)
		if err != nil {
			if !(s.request.Force && isMissing(err)) {
				failures = append(failures, err)
			}
			continue
		}
		result = append(result, removed)
	}
	if err := s.prune(); err != nil {
		s.options.Note(fmt.Sprintf("layers that no image needs were left: %v", err))
	}
	return result, together(failures)
}

// together joins failures; a container in the way outweighs a missing image, as in Podman.
func together(failures []error) error {
	if len(failures) < 2 {
		return errors.Join(failures...)
	}
	joined := &image.Error{Message: errors.Join(failures...).Error()}
	for _, failure := range failures {
		if f := Failure(failure); joined.Code == 0 || f.Code == codeInUse {
			joined.Code, joined.Remedy = f.Code, f.Remedy
		}
	}
	return joined
}

// removeOne takes a name from an image that has others, else removes the image.
func (s *Store) removeOne(sys *types.SystemContext, typed string) (image.Removed, error) {
	i, name, err := s.find(sys, typed)
	if err != nil {
		return image.Removed{}, err
	}
	if err := writable(i); err != nil {
		return image.Removed{}, fmt.Errorf("remove %s: %w", typed, err)
	}
	tagged := slices.DeleteFunc(slices.Clone(i.Names), func(n string) bool { return strings.Contains(n, "@") })
	if name != "" && !strings.Contains(name, "@") && len(tagged) > 1 {
		if err := s.store.RemoveNames(i.ID, []string{name}); err != nil {
			return image.Removed{}, fmt.Errorf("untag %s: %w", typed, err)
		}
		return image.Removed{Untagged: []string{name}}, nil
	}
	if name == "" && len(tagged) > 1 && !s.request.Force {
		return image.Removed{}, &image.Error{
			Message: fmt.Sprintf("remove %s: the image has several names: %s", typed, strings.Join(tagged, ", ")),
			Remedy:  "remove the names one by one, or use --force",
		}
	}
	if err := s.unused(i, typed); err != nil {
		return image.Removed{}, err
	}
	deleted, err := s.delete(i)
	if err != nil {
		return image.Removed{}, fmt.Errorf("remove %s: %w", typed, err)
	}
	return image.Removed{Untagged: i.Names, Deleted: deleted}, nil
}

// unused refuses to take an image from under a container: its layers are mounted, or will be.
func (s *Store) unused(i *storage.Image, typed string) error {
	for _, use := range s.request.InUse {
		if use.ImageID != i.ID {
			continue
		}
		state := "stopped"
		if use.Running {
			state = "running"
		}
		return &image.Error{
			Message: fmt.Sprintf("remove %s: the %s container %s uses the image", typed, state, use.Container),
			Remedy:  "remove the container first: rlc rm -f " + use.Container, Code: codeInUse,
		}
	}
	return nil
}

// delete deletes an image and those of its layers that no other one needs.
func (s *Store) delete(i *storage.Image) ([]string, error) {
	_, err := s.store.DeleteImage(i.ID, true)
	if errors.Is(err, storage.ErrImageUsedByContainer) {
		return nil, &image.Error{Message: err.Error(), Code: codeInUse}
	}
	if err != nil {
		return nil, err
	}
	return []string{i.ID}, nil
}
