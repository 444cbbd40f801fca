package imagestore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// configuration is the part of an image's configuration blob that matters here; OCI's and
// Docker's are the same but for Docker's additions.
type configuration struct {
	Created      *time.Time   `json:"created"`
	Author       string       `json:"author"`
	Comment      string       `json:"comment"`
	Parent       string       `json:"parent"`
	Version      string       `json:"docker_version"`
	OS           string       `json:"os"`
	Architecture string       `json:"architecture"`
	Variant      string       `json:"variant"`
	Config       image.Config `json:"config"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History json.RawMessage `json:"history"`
}

func parseConfiguration(blob []byte) (*configuration, error) {
	var c configuration
	if err := json.Unmarshal(blob, &c); err != nil {
		return nil, fmt.Errorf("decode the image's configuration: %w", err)
	}
	return &c, nil
}

// configurationOf reads the configuration of a stored image.
func (s *Store) configurationOf(i *storage.Image) (*configuration, error) {
	blob, err := s.store.ImageBigData(i.ID, "sha256:"+i.ID)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of image %s: %w", short(i.ID), err)
	}
	return parseConfiguration(blob)
}

// describe says what a stored image is to the rest of rlc.
func (s *Store) describe(i *storage.Image) (image.Image, error) {
	c, err := s.configurationOf(i)
	if err != nil {
		return image.Image{}, err
	}
	result := image.Image{
		ID: i.ID, Digest: i.Digest.String(), Created: i.Created,
		OS: c.OS, Arch: c.Architecture, Variant: c.Variant, Config: c.Config,
		ReadOnly: i.ReadOnly, Store: s.rootOf(i),
	}
	if c.Created != nil {
		result.Created = *c.Created
	}
	result.Names, result.Digests = names(i)
	layers, size, err := s.layers(i)
	if err != nil {
		return image.Image{}, err
	}
	result.Layers, result.Size = layers, size
	return result, nil
}

// names splits the names of an image into those with a tag and those with a digest; each
// repository is also named by the digest of the image's manifest.
func names(i *storage.Image) (tagged, digested []string) {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			digested = append(digested, name)
		}
	}
	for _, name := range i.Names {
		if strings.Contains(name, "@") {
			add(name)
			continue
		}
		tagged = append(tagged, name)
		if i.Digest != "" {
			add(repository(name) + "@" + i.Digest.String())
		}
	}
	return tagged, digested
}

// repository cuts tag and digest off a full name.
func repository(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name
}

// layers finds the directories of an image's layers, uppermost first, and their size.
func (s *Store) layers(i *storage.Image) (dirs []string, size int64, err error) {
	for id := i.TopLayer; id != ""; {
		l, err := s.store.Layer(id)
		if err != nil {
			return nil, 0, fmt.Errorf("layer %s of image %s: %w", short(id), short(i.ID), err)
		}
		dir, err := s.layerDir(id)
		if err != nil {
			return nil, 0, fmt.Errorf("layer %s of image %s: %w", short(id), short(i.ID), err)
		}
		dirs = append(dirs, dir)
		size += max(l.UncompressedSize, 0)
		id = l.Parent
	}
	return dirs, size, nil
}

// layerDir is where the overlay driver has put a layer: in the own store or another one.
func (s *Store) layerDir(id string) (string, error) {
	for _, root := range s.roots() {
		dir := filepath.Join(root, "overlay", id, "diff")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", &image.Error{
		Message: "its directory is missing from the store", Remedy: "remove the image and pull it again",
	}
}

// roots are the graph roots of all stores in the order of search.
func (s *Store) roots() []string {
	return append([]string{s.request.Store.Root}, s.additional...)
}

func (s *Store) rootOf(i *storage.Image) string {
	for _, root := range s.roots() {
		if _, err := os.Stat(filepath.Join(root, "overlay-images", i.ID)); err == nil {
			return root
		}
	}
	return s.request.Store.Root
}

// short is how people read an id or a digest.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
