// Package container is the record of a container: its id and name, its directory, its
// lock and its status. It starts nothing and mounts nothing.
//
// It runs in rlc (which creates, lists and removes) and in the monitor (which keeps the
// status while the container lives).
package container

import (
	"encoding/json"
	"time"
)

// FormatVersion is the version of the files in a container's directory. A directory with
// a newer one was made by a newer rlc and is left alone.
const FormatVersion = 1

// State is a container's place in its life.
type State string

// The states, as Docker and Podman name them.
const (
	Creating State = "creating" // being prepared; gone at the next look if its maker died
	Created  State = "created"  // prepared, never started
	Running  State = "running"
	Exited   State = "exited"
	Dead     State = "dead" // damaged: its files cannot be read
)

// Record is what never changes about a container; record.json, written once.
type Record struct {
	Version  int
	ID       string // 64 hex digits
	Name     string
	Created  time.Time
	Image    Image
	Command  []string          // what runs, entrypoint included
	Labels   map[string]string `json:",omitempty"`
	Remove   bool              `json:",omitempty"` // --rm
	Terminal bool              `json:",omitempty"`
	// StopSignal and StopTimeout say how the container wants to be stopped.
	StopSignal  int             `json:",omitempty"` // a number; 0: SIGTERM
	StopTimeout *int            `json:",omitempty"` // seconds; nil: ten
	Request     json.RawMessage // bundle.Request: all that was asked
	Plan        json.RawMessage // idmap.Plan: the mapping it runs in
	Volumes     []string        `json:",omitempty"` // anonymous volumes, removed with it
	Driver      string          `json:",omitempty"` // storage driver wished for
}

// Image is the image that a container was made of, by value: the name may move on.
type Image struct {
	ID     string   `json:",omitempty"`
	Name   string   `json:",omitempty"` // as typed
	Digest string   `json:",omitempty"`
	Layers []string `json:",omitempty"` // uppermost first
}

// Status is what changes; status.json, replaced atomically by the monitor alone while
// one lives. It is believed only together with the lock: see Container.Status.
type Status struct {
	State    State
	Pid      int       `json:",omitempty"` // of the first process, on the host
	Monitor  int       `json:",omitempty"` // pid of the monitor, on the host
	Started  time.Time `json:",omitzero"`
	Finished time.Time `json:",omitzero"`
	ExitCode int
	Error    string `json:",omitempty"` // why it did not start
	Driver   string `json:",omitempty"` // how its root is mounted
}
