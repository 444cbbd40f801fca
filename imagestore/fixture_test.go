package imagestore_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shape says how a test image differs from a sound one.
type shape struct {
	layers  []map[string]string // name: content; empty: two small layers
	raw     [][]byte            // layers as streams, instead
	arch    string
	variant string
	os      string
	labels  map[string]string
	mangle  func(config, manifest map[string]any) // changes them before they are digested
	created time.Time
}

// blobs are the parts of images by digest.
type blobs map[string][]byte

func (b blobs) add(data []byte) map[string]any {
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	b[digest] = data
	return map[string]any{"digest": digest, "size": len(data)}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// image makes an image out of small files and returns the descriptor of its manifest.
func (b blobs) image(t testing.TB, s shape) map[string]any {
	t.Helper()
	if s.layers == nil {
		s.layers = []map[string]string{{"etc/a": "a", "etc/b": "b"}, {"etc/.wh.a": "", "bin/c": "c"}}
	}
	if s.raw == nil {
		for _, files := range s.layers {
			s.raw = append(s.raw, stream(t, files))
		}
	}
	var diffIDs []string
	var layers []any
	for _, raw := range s.raw {
		sum := sha256.Sum256(raw)
		diffIDs = append(diffIDs, "sha256:"+hex.EncodeToString(sum[:]))
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		d := b.add(z.Bytes())
		d["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
		layers = append(layers, d)
	}
	if s.created.IsZero() {
		s.created = time.Unix(1700000000, 0)
	}
	config := map[string]any{
		"created": s.created.UTC(), "architecture": or(s.arch, "amd64"), "os": or(s.os, "linux"), "variant": s.variant,
		"config": map[string]any{"Cmd": []string{"/bin/c"}, "Labels": s.labels, "Env": []string{"A=b"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	}
	manifest := map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
	}
	if s.mangle != nil {
		s.mangle(config, manifest)
	}
	if manifest["config"] == nil {
		c := b.add(encode(t, config))
		c["mediaType"] = "application/vnd.oci.image.config.v1+json"
		manifest["config"] = c
	}
	m := b.add(encode(t, manifest))
	m["mediaType"] = manifest["mediaType"]
	m["platform"] = map[string]any{"os": config["os"], "architecture": config["architecture"], "variant": s.variant}
	return m
}

// index makes a list of images.
func (b blobs) index(t testing.TB, manifests ...any) map[string]any {
	t.Helper()
	d := b.add(encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
	}))
	d["mediaType"] = "application/vnd.oci.image.index.v1+json"
	return d
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func stream(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layout writes images into an OCI layout, each with the name of an annotation.
func (b blobs) layout(t testing.TB, named map[string]map[string]any) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		_ = os.Chmod(parent, 0o755) // as far as it is ours
	}
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for digest, data := range b {
		put("blobs/sha256/"+strings.TrimPrefix(digest, "sha256:"), data)
	}
	var manifests []any
	for name, d := range named {
		entry := map[string]any{"mediaType": d["mediaType"], "digest": d["digest"], "size": d["size"]}
		if name != "" {
			entry["annotations"] = map[string]string{"org.opencontainers.image.ref.name": name}
		}
		manifests = append(manifests, entry)
	}
	put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	put("index.json", encode(t, map[string]any{"schemaVersion": 2, "manifests": manifests}))
	return dir
}

// archive packs a directory into a tar file.
func archive(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// server is a registry in this process, which can misbehave.
type server struct {
	blobs
	*httptest.Server
	tags map[string]map[string]any // repository:tag: descriptor
	// spoil, if not nil, answers a request for a blob in another way and says so.
	spoil    func(w http.ResponseWriter, r *http.Request, digest string, data []byte) bool
	mu       sync.Mutex
	requests []string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{blobs: blobs{}, tags: map[string]map[string]any{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

// name is a full name of an image in this registry.
func (s *server) name(rest string) string { return strings.TrimPrefix(s.URL, "http://") + "/" + rest }

func (s *server) count(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.Contains(r, part) {
			n++
		}
	}
	return n
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if path == "" {
		return
	}
	repository, reference, found := strings.Cut(path, "/manifests/")
	if found {
		d := s.tags[repository+":"+reference]
		digest := reference
		if d != nil {
			digest = fmt.Sprint(d["digest"])
		}
		data, ok := s.blobs[digest]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
			return
		}
		var kind struct{ MediaType string }
		_ = json.Unmarshal(data, &kind) // else a manifest without a kind
		w.Header().Set("Content-Type", kind.MediaType)
		w.Header().Set("Docker-Content-Digest", digest)
		_, _ = w.Write(data)
		return
	}
	_, digest, _ := strings.Cut(path, "/blobs/")
	data, ok := s.blobs[digest]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if s.spoil == nil || !s.spoil(w, r, digest, data) {
		_, _ = w.Write(data)
	}
}
