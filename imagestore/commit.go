package imagestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
)

// committer moves staged layers into the store as soon as their turn has come.
type committer struct {
	store storage.Store
	one   sync.Mutex
	todo  []*pending // lowest first
	next  int
}

// arrived takes over a staged layer. All layers whose parents are there enter the store.
func (c *committer) arrived(p *pending, staged *graphdriver.DriverWithDifferOutput) error {
	c.one.Lock()
	defer c.one.Unlock()
	p.staged = staged
	for c.next < len(c.todo) && c.todo[c.next].staged != nil {
		if err := c.commit(c.todo[c.next]); err != nil {
			return fmt.Errorf("store layer %s: %w", short(c.todo[c.next].id), err)
		}
		c.next++
	}
	return nil
}

func (c *committer) commit(p *pending) error {
	options := storage.ApplyStagedLayerOptions{
		ID: p.id, ParentLayer: p.parent,
		LayerOptions: &storage.LayerOptions{OriginalDigest: p.blob.Digest, UncompressedDigest: p.diffID},
		DiffOutput:   p.staged, DiffOptions: &graphdriver.ApplyDiffWithDifferOpts{},
	}
	if p.blob.Size >= 0 {
		options.LayerOptions.OriginalSize = &p.blob.Size
	}
	// Another process may have been faster: putting the layer anew would pull it away
	// from under whoever uses it.
	if _, err := c.store.Layer(p.id); err == nil {
		return c.drop(p)
	}
	_, err := c.store.ApplyStagedLayer(options)
	if err == nil {
		around := filepath.Dir(p.staged.Target) // the store leaves it for later, empty
		p.staged = nil
		return os.RemoveAll(around)
	}
	if errors.Is(err, storage.ErrDuplicateID) {
		return c.drop(p)
	}
	return err
}

func (c *committer) drop(p *pending) error {
	staged := p.staged
	p.staged = nil
	return c.store.CleanupStagedLayer(staged)
}

// discard removes what was staged and never stored.
func (c *committer) discard() {
	c.one.Lock()
	defer c.one.Unlock()
	for _, p := range c.todo {
		if p.staged != nil {
			_ = c.drop(p) // the next fetch tidies up what stays
		}
	}
}

// record makes the image known under its names, once all its layers are there.
func (s *Store) record(m *chosen, top string, names []string) error {
	options, err := m.record()
	if err != nil {
		return err
	}
	id := m.configDigest.Encoded()
	_, err = s.store.CreateImage(id, nil, top, "", options)
	switch {
	case errors.Is(err, storage.ErrDuplicateID):
		if err := s.refresh(id, top, options); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("record image %s: %w", short(id), err)
	}
	if len(names) == 0 {
		return nil
	}
	if err := s.store.AddNames(id, names); err != nil {
		return fmt.Errorf("name image %s: %w", short(id), err)
	}
	return nil
}

// refresh adds a further manifest to an image that is there already.
func (s *Store) refresh(id, top string, options *storage.ImageOptions) error {
	i, err := s.store.Image(id)
	if err != nil {
		return fmt.Errorf("record image %s: %w", short(id), err)
	}
	if i.TopLayer != top {
		return fmt.Errorf("record image %s: it is there with other layers", short(id))
	}
	if i.ReadOnly {
		return nil
	}
	for _, data := range options.BigData {
		if slices.Contains(i.BigDataNames, data.Key) && i.BigDataDigests[data.Key] == data.Digest {
			continue
		}
		if err := s.store.SetImageBigData(id, data.Key, data.Data, manifest.Digest); err != nil {
			return fmt.Errorf("record image %s: %w", short(id), err)
		}
	}
	if err := s.store.SetMetadata(id, options.Metadata); err != nil {
		return fmt.Errorf("record image %s: %w", short(id), err)
	}
	return nil
}

// record is what the store keeps of an image, in the shape that all tools which read such
// stores expect.
func (m *chosen) record() (*storage.ImageOptions, error) {
	options := &storage.ImageOptions{}
	if m.parsed.Created != nil {
		options.CreationDate = *m.parsed.Created
	}
	own, err := manifest.Digest(m.manifest)
	if err != nil {
		return nil, fmt.Errorf("digest the manifest: %w", err)
	}
	add := func(key string, data []byte, d digest.Digest) {
		options.BigData = append(options.BigData, storage.ImageBigDataOption{Key: key, Data: data, Digest: d})
	}
	add(m.configDigest.String(), m.config, m.configDigest)
	add(storage.ImageDigestManifestBigDataNamePrefix+"-"+own.String(), m.manifest, own)
	add(storage.ImageDigestBigDataKey, m.manifest, own)
	if m.list != nil {
		list, err := manifest.Digest(m.list)
		if err != nil {
			return nil, fmt.Errorf("digest the list of images: %w", err)
		}
		add(storage.ImageDigestManifestBigDataNamePrefix+"-"+list.String(), m.list, list)
	}
	var signed struct {
		SignatureSizes []int `json:"signature-sizes,omitempty"`
	}
	var all []byte
	for _, signature := range m.signatures {
		signed.SignatureSizes = append(signed.SignatureSizes, len(signature))
		all = append(all, signature...)
	}
	if len(all) > 0 {
		add("signatures", all, digest.FromBytes(all))
	}
	metadata, err := json.Marshal(signed)
	if err != nil {
		return nil, fmt.Errorf("encode the image's record: %w", err)
	}
	options.Metadata = string(metadata)
	return options, nil
}
