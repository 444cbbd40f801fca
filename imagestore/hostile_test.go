package imagestore_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlc-containers/rlc/image"
)

type object = map[string]any

// hostile is an image that is broken or lies, and what is said of it.
type hostile struct {
	name string
	make func(s *server) object
	err  string
}

// brokenConfigurations do not fit their manifests, or are no configurations.
func brokenConfigurations(t *testing.T) []hostile {
	t.Helper()
	huge := strings.Repeat("x", 5<<20)
	return []hostile{
		{"no layers", func(s *server) object {
			return s.image(t, shape{layers: []map[string]string{}})
		}, "no layers"},
		{"fewer diff ids than layers", func(s *server) object {
			return s.image(t, shape{mangle: func(c, _ object) { c["rootfs"].(object)["diff_ids"] = []string{"sha256:" + strings.Repeat("0", 64)} }})
		}, "lists 2 layers, the configuration 1"},
		{"no root file system", func(s *server) object {
			return s.image(t, shape{mangle: func(c, _ object) { delete(c, "rootfs") }})
		}, "the configuration 0"},
		{"a malformed diff id", func(s *server) object {
			return s.image(t, shape{mangle: func(c, _ object) { c["rootfs"].(object)["diff_ids"] = []string{"sha256:../..", "x"} }})
		}, "digest"},
		{"another diff id", func(s *server) object {
			return s.image(t, shape{mangle: func(c, _ object) {
				c["rootfs"].(object)["diff_ids"] = []string{"sha256:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("1", 64)}
			}})
		}, "the configuration says"},
		{"a wrong size", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) { m["layers"].([]any)[0].(object)["size"] = 7 }})
		}, "the manifest says 7"},
		{"no configuration", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) {
				m["config"] = object{"digest": "sha256:" + strings.Repeat("0", 64), "size": 2, "mediaType": "application/vnd.oci.image.config.v1+json"}
			}})
		}, "configuration"},
		{"a configuration that is no JSON", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) {
				m["config"] = s.add([]byte("x"))
				m["config"].(object)["mediaType"] = "application/vnd.oci.image.config.v1+json"
			}})
		}, "configuration"},
		{"an artifact", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) {
				m["config"] = s.add([]byte("{}"))
				m["config"].(object)["mediaType"] = "application/vnd.example.config"
			}})
		}, "not an image but an artifact"},
		{"another system", func(s *server) object { return s.image(t, shape{os: "windows"}) }, "only linux images"},
		{"a huge manifest", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) { m["annotations"] = object{"a": huge} }})
		}, "exceed"},
		{"a huge configuration", func(s *server) object {
			return s.image(t, shape{mangle: func(c, _ object) { c["author"] = huge }})
		}, "exceed"},
	}
}

// brokenManifests are of kinds that cannot be run, or have layers that cannot be unpacked.
func brokenManifests(t *testing.T) []hostile {
	t.Helper()
	return []hostile{
		{"schema 1", func(s *server) object {
			d := s.add(encode(t, object{"schemaVersion": 1, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}))
			return d
		}, "schema 1"},
		{"a list in a list", func(s *server) object {
			inner := s.index(t, s.image(t, shape{}))
			inner["platform"] = object{"os": "linux", "architecture": "amd64"}
			other := s.index(t, s.image(t, shape{arch: "arm64"}))
			other["platform"] = object{"os": "linux", "architecture": "arm64"}
			return s.index(t, inner, other)
		}, "list of images inside"},
		{"an empty list", func(s *server) object { return s.index(t) }, "no image for linux/"},
		{"a layer that climbs out", func(s *server) object {
			return s.image(t, shape{layers: []map[string]string{{"../../../../escaped": "x"}}})
		}, "leads out"},
		{"a layer that is no archive", func(s *server) object {
			return s.image(t, shape{raw: [][]byte{bytes.Repeat([]byte("x"), 2000)}})
		}, "archive"},
		{"an encrypted layer", func(s *server) object {
			return s.image(t, shape{mangle: func(_, m object) {
				m["layers"].([]any)[0].(object)["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
			}})
		}, "encrypted"},
	}
}

func TestPullHostile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := serve(t)
	for _, tt := range append(brokenConfigurations(t), brokenManifests(t)...) {
		s.tags["bad:1"] = tt.make(s)
		all := b.do(resolve(s.name("bad:1")), nil)
		if all.err == nil || !strings.Contains(all.err.Message, tt.err) {
			t.Errorf("%s: %v, want %q", tt.name, all.err, tt.err)
		}
		if left := b.staging(); len(left) > 0 {
			t.Errorf("%s: left behind: %v", tt.name, left)
		}
	}
	var images []image.Image
	if b.must(image.Request{Verb: image.VerbList}, &images); len(images) != 0 {
		t.Errorf("images of broken pulls: %+v", images)
	}
	if found, _ := filepath.Glob(filepath.Join(b.dir, "*/*/escaped")); len(found) > 0 {
		t.Error("escaped:", found)
	}
}
