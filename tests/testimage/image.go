// Package testimage makes container images without the help of any other tool, from a
// recipe of a few lines: good ones around the machine's busybox, and broken and hostile ones
// that no other tool would write. It knows nothing of rlc.
//
// It runs in `go test` and in mkimage.
package testimage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Image is an image in memory.
type Image struct {
	Name   string          // full name with a tag; empty: none
	OS     string          // empty: linux
	Arch   string          // as GOARCH; empty: this machine's
	Config json.RawMessage // the "config" object: Cmd, Env, User...
	Whole  []byte          // replaces the whole configuration, however broken
	Layers []*Layer        // the lowest first
	Gzip   bool            // layers are compressed in OCI archives and on a registry
}

// Created is the time of every image and file, so that the same recipe gives the same digest.
func Created() time.Time { return time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC) }

// configuration is the image configuration as both formats have it.
func (i *Image) configuration() ([]byte, error) {
	if i.Whole != nil {
		return i.Whole, nil
	}
	diffs := make([]string, len(i.Layers))
	history := make([]map[string]any, len(i.Layers))
	for n, l := range i.Layers {
		diffs[n] = digest(l.Bytes())
		history[n] = map[string]any{"created": Created(), "created_by": fmt.Sprintf("testimage layer %d", n)}
	}
	config := i.Config
	if config == nil {
		config = json.RawMessage("{}")
	}
	return json.Marshal(map[string]any{
		"created":      Created(),
		"os":           or(i.OS, "linux"),
		"architecture": or(i.Arch, runtime.GOARCH),
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffs},
		"history":      history,
	})
}

// reference splits the name into what comes before the tag, and the tag.
func (i *Image) reference() (repository, tag string) {
	if colon := strings.LastIndexByte(i.Name, ':'); colon > strings.LastIndexByte(i.Name, '/') {
		return i.Name[:colon], i.Name[colon+1:]
	}
	return i.Name, "latest"
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
