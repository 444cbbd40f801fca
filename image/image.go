// Package image says what an image is to the rest of rlc: its names, its configuration,
// its layer directories; and it remembers them, so that a start needs no image store.
//
// It runs in rlc and rlc-image. It imports no image library: those live behind rlc-image.
package image

import "time"

// Image is a stored image, ready to be run.
type Image struct {
	ID       string   // 64 hex digits: the digest of its configuration
	Digest   string   // of its manifest: sha256:...
	Names    []string // full names, docker.io/library/alpine:latest
	Digests  []string // full names by digest, docker.io/library/alpine@sha256:...
	Created  time.Time
	Size     int64  // of all layers, unpacked, in bytes
	OS       string // linux
	Arch     string // amd64, as GOARCH
	Variant  string // v7, v8...
	Config   Config
	Layers   []string // directories of the layers, uppermost first, absolute
	ReadOnly bool     // lies in an additional store that is not rlc's own
	Store    string   // graph root of the store it lies in
}

// Config is what an image says about the containers made of it: the OCI image
// configuration's "config" object with Docker's additions.
type Config struct {
	User         string              `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
	Shell        []string            `json:",omitempty"`
	Healthcheck  *Healthcheck        `json:",omitempty"`
}

// Healthcheck is Docker's HEALTHCHECK: durations in nanoseconds.
type Healthcheck struct {
	Test          []string      `json:",omitempty"`
	Interval      time.Duration `json:",omitempty"`
	Timeout       time.Duration `json:",omitempty"`
	StartPeriod   time.Duration `json:",omitempty"`
	StartInterval time.Duration `json:",omitempty"`
	Retries       int           `json:",omitempty"`
}
