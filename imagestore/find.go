package imagestore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// The exit codes of image commands that scripts rely on.
const (
	codeMissing = 1
	codeInUse   = 2
)

// docker is the registry of names that no configuration says anything about.
const docker = "docker.io"

func missing(name string) error {
	return &image.Error{Message: name + ": no such image", Code: codeMissing}
}

func isMissing(err error) bool {
	var e *image.Error
	return errors.As(err, &e) && e.Code == codeMissing
}

// find looks up a stored image by what a person typed: a name, a name by digest, an id or
// the beginning of one. name is the full name that led to it; it is empty for ids.
func (s *Store) find(sys *types.SystemContext, typed string) (i *storage.Image, name string, err error) {
	if kind, rest := transport(typed); kind == "docker" {
		typed = rest
	}
	if id, ok := strings.CutPrefix(typed, "sha256:"); ok {
		i, err := s.findID(id)
		return i, "", err
	}
	if isHex(typed) && len(typed) == 64 {
		i, err := s.findID(typed)
		return i, "", err
	}
	candidates, err := localCandidates(sys, typed)
	if err != nil {
		return nil, "", err
	}
	for _, candidate := range candidates {
		i, err := s.findName(candidate)
		if err == nil {
			return i, candidate.String(), nil
		}
		if !isMissing(err) {
			return nil, "", err
		}
	}
	if isHex(typed) && len(typed) >= 2 {
		i, err := s.findID(typed)
		if err == nil || !isMissing(err) {
			return i, "", err
		}
	}
	return nil, "", missing(typed)
}

// localCandidates are the full names that a typed one may stand for, the likeliest first.
func localCandidates(sys *types.SystemContext, typed string) ([]reference.Named, error) {
	candidates, err := shortnames.ResolveLocally(sys, typed)
	if err != nil {
		return nil, badName(typed, err)
	}
	if shortnames.IsShortName(typed) {
		if hub, err := reference.ParseNormalizedNamed(docker + "/" + typed); err == nil {
			candidates = append(candidates, reference.TagNameOnly(hub))
		}
	}
	return candidates, nil
}

func badName(typed string, err error) error {
	return &image.Error{
		Message: fmt.Sprintf("%q is no name of an image: %v", typed, err),
		Remedy:  "names look like alpine, docker.io/library/alpine:3.20 or name@sha256:...; repositories are lower case",
	}
}

func (s *Store) findName(name reference.Named) (*storage.Image, error) {
	digested, ok := name.(reference.Digested)
	if !ok {
		i, err := s.store.Image(name.String())
		if errors.Is(err, storage.ErrImageUnknown) {
			return nil, missing(name.String())
		}
		return i, err
	}
	images, err := s.store.ImagesByDigest(digested.Digest())
	if err != nil && !errors.Is(err, storage.ErrImageUnknown) {
		return nil, err
	}
	var found *storage.Image
	for _, i := range images {
		named := slices.ContainsFunc(slices.Concat(i.Names, i.NamesHistory), func(other string) bool { return repository(other) == name.Name() })
		// The digest of a list stands for images of several platforms.
		if named && (found == nil || s.fits(i)) {
			found = i
		}
	}
	if found == nil {
		return nil, missing(name.String())
	}
	return found, nil
}

// fits says that an image is for the platform asked for, or for this machine.
func (s *Store) fits(i *storage.Image) bool {
	c, err := s.configurationOf(i)
	if err != nil {
		return false
	}
	is := image.Image{OS: c.OS, Arch: c.Architecture, Variant: c.Variant}
	want, err := parsePlatform(s.request.Platform)
	return err == nil && want.accepts(&is) && (s.request.Platform != "" || !foreign(&is))
}

// findID looks up an image by the beginning of its id.
func (s *Store) findID(prefix string) (*storage.Image, error) {
	if !isHex(prefix) {
		return nil, missing(prefix)
	}
	images, err := s.store.Images()
	if err != nil {
		return nil, fmt.Errorf("read the images: %w", err)
	}
	var found *storage.Image
	for n := range images {
		i := &images[n]
		switch {
		case !strings.HasPrefix(i.ID, prefix):
		case i.ID == prefix:
			return i, nil
		case found != nil && found.ID != i.ID:
			return nil, &image.Error{Message: fmt.Sprintf("%s: ids of several images begin so", prefix), Remedy: "give more of the id"}
		case found == nil:
			found = i
		}
	}
	if found == nil {
		return nil, missing(prefix)
	}
	return found, nil
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
