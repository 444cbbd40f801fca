package testimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Media types of the OCI image specification.
const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor points at a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// manifest returns the OCI manifest and the blobs that it names, by digest.
func (i *Image) manifest() ([]byte, map[string][]byte, error) {
	config, err := i.configuration()
	if err != nil {
		return nil, nil, fmt.Errorf("encode the configuration: %w", err)
	}
	blobs := map[string][]byte{}
	point := func(kind string, blob []byte) descriptor {
		d := descriptor{MediaType: kind, Digest: digest(blob), Size: len(blob)}
		blobs[d.Digest] = blob
		return d
	}
	layers := make([]descriptor, len(i.Layers))
	for n, l := range i.Layers {
		if i.Gzip {
			layers[n] = point(typeLayer+"+gzip", compressed(l.Bytes()))
		} else {
			layers[n] = point(typeLayer, l.Bytes())
		}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     typeManifest,
		"config":        point(typeConfig, config),
		"layers":        layers,
	})
	return manifest, blobs, err
}

// WriteDocker writes what `docker save` writes.
func (i *Image) WriteDocker(w io.Writer) error {
	config, err := i.configuration()
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	archive := NewLayer()
	name := strings.TrimPrefix(digest(config), "sha256:") + ".json"
	if err := archive.File(name, 0o644, config); err != nil {
		return err
	}
	var layers []string
	seen := map[string]bool{}
	for _, l := range i.Layers {
		path := strings.TrimPrefix(digest(l.Bytes()), "sha256:") + ".tar"
		layers = append(layers, path)
		if seen[path] {
			continue
		}
		seen[path] = true
		if err := archive.File(path, 0o644, l.Bytes()); err != nil {
			return err
		}
	}
	entry := map[string]any{"Config": name, "Layers": layers}
	if i.Name != "" {
		repository, tag := i.reference()
		entry["RepoTags"] = []string{repository + ":" + tag}
	}
	list, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	if err := archive.File("manifest.json", 0o644, list); err != nil {
		return err
	}
	_, err = w.Write(archive.Bytes())
	return err
}

// WriteOCI writes an OCI image layout as one tar archive.
func (i *Image) WriteOCI(w io.Writer) error {
	manifest, blobs, err := i.manifest()
	if err != nil {
		return err
	}
	top := descriptor{MediaType: typeManifest, Digest: digest(manifest), Size: len(manifest)}
	if i.Name != "" {
		repository, tag := i.reference()
		top.Annotations = map[string]string{"org.opencontainers.image.ref.name": repository + ":" + tag}
	}
	blobs[top.Digest] = manifest
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     typeIndex,
		"manifests":     []descriptor{top},
	})
	if err != nil {
		return err
	}
	archive := NewLayer()
	for _, dir := range []string{"blobs", "blobs/sha256"} {
		if err := archive.Dir(dir, 0o755); err != nil {
			return err
		}
	}
	for name, blob := range blobs {
		if err := archive.File("blobs/"+strings.Replace(name, ":", "/", 1), 0o644, blob); err != nil {
			return err
		}
	}
	if err := archive.File("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := archive.Add(tar.Header{Typeflag: tar.TypeReg, Name: "index.json", Mode: 0o644}, index); err != nil {
		return err
	}
	_, err = w.Write(archive.Bytes())
	return err
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
