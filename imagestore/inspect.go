package imagestore

import (
	"encoding/json"
	"strings"
	"time"

	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// inspection is an image in the shape of podman image inspect.
type inspection struct {
	ID           string            `json:"Id"`
	Digest       string            `json:"Digest"`
	RepoTags     []string          `json:"RepoTags"`
	RepoDigests  []string          `json:"RepoDigests"`
	Parent       string            `json:"Parent"`
	Comment      string            `json:"Comment"`
	Created      *time.Time        `json:"Created"`
	Config       image.Config      `json:"Config"`
	Version      string            `json:"Version"`
	Author       string            `json:"Author"`
	Architecture string            `json:"Architecture"`
	Variant      string            `json:"Variant,omitempty"`
	OS           string            `json:"Os"`
	Size         int64             `json:"Size"`
	VirtualSize  int64             `json:"VirtualSize"`
	GraphDriver  graphDriver       `json:"GraphDriver"`
	RootFS       rootFS            `json:"RootFS"`
	Labels       map[string]string `json:"Labels"`
	Annotations  map[string]string `json:"Annotations"`
	ManifestType string            `json:"ManifestType"`
	User         string            `json:"User"`
	History      json.RawMessage   `json:"History"`
	NamesHistory []string          `json:"NamesHistory"`
}

type graphDriver struct {
	Name string            `json:"Name"`
	Data map[string]string `json:"Data"`
}

type rootFS struct {
	Type   string   `json:"Type"`
	Layers []string `json:"Layers"`
}

// inspect describes images fully, in the order in which they were named.
func (s *Store) inspect() ([]inspection, error) {
	sys, err := s.system()
	if err != nil {
		return nil, err
	}
	result := []inspection{}
	for _, typed := range s.request.Names {
		i, _, err := s.find(sys, typed)
		if err != nil {
			return nil, err
		}
		described, err := s.inspectOne(i)
		if err != nil {
			return nil, err
		}
		result = append(result, described)
	}
	return result, nil
}

func (s *Store) inspectOne(i *storage.Image) (inspection, error) {
	c, err := s.configurationOf(i)
	if err != nil {
		return inspection{}, err
	}
	d, err := s.describe(i)
	if err != nil {
		return inspection{}, err
	}
	created := d.Created
	result := inspection{
		ID: i.ID, Digest: d.Digest, RepoTags: listed(d.Names), RepoDigests: listed(d.Digests),
		Parent: c.Parent, Comment: c.Comment, Created: &created, Config: c.Config, Version: c.Version, Author: c.Author,
		Architecture: c.Architecture, Variant: c.Variant, OS: c.OS, Size: d.Size, VirtualSize: d.Size,
		GraphDriver: graphDriver{Name: "overlay", Data: map[string]string{}},
		RootFS:      rootFS{Type: c.RootFS.Type, Layers: listed(c.RootFS.DiffIDs)},
		Labels:      mapped(c.Config.Labels), Annotations: map[string]string{},
		User: c.Config.User, History: c.History, NamesHistory: listed(i.NamesHistory),
	}
	if result.History == nil {
		result.History = json.RawMessage("[]")
	}
	if len(d.Layers) > 0 {
		result.GraphDriver.Data["UpperDir"] = d.Layers[0]
		if len(d.Layers) > 1 {
			result.GraphDriver.Data["LowerDir"] = strings.Join(d.Layers[1:], ":")
		}
	}
	if blob, err := s.store.ImageBigData(i.ID, storage.ImageDigestBigDataKey); err == nil {
		var m struct{ Annotations map[string]string }
		result.ManifestType = manifest.GuessMIMEType(blob)
		if json.Unmarshal(blob, &m) == nil {
			result.Annotations = mapped(m.Annotations)
		}
	}
	return result, nil
}

// listed and mapped print as [] and {}, never as null: scripts iterate over them.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func mapped(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
