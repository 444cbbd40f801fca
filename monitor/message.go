// Package monitor is the process that stays with a container: it mounts the root, starts
// init, moves the workload's input and output, records its end and cleans up; and the
// client through which the engine speaks with it.
//
// Main runs in rlc-monitor, inside the container's user namespace and a mount namespace of
// its own; Client runs in rlc.
package monitor

import (
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/fuseoverlay"
)

// SocketName is the monitor's control socket in the container's runtime directory.
const SocketName = "ctl.sock"

// Order is the first message to a new monitor: all it has to do. Beside it come the client's
// ends of the streams named in Attach (standard input, output, error, in this order) and
// then the preserved descriptors.
type Order struct {
	ID, Name   string
	Home       container.Home
	Remove     bool     // leave nothing of the container when it ends
	Volumes    []string // names of anonymous volumes, which go with it
	Root       Tree
	Trees      []Tree      // for sandbox.TypeTree
	Driver     string      // storage driver wished for; empty: the best
	FUSE       string      // fuse-overlayfs, absolute; empty: looked for
	Volatile   bool        // changes need not survive a crash of the machine
	Namespaces []Namespace // of the container, but for the user and mount namespaces
	Terminal   bool
	OpenStdin  bool // the workload reads from clients; otherwise from /dev/null
	Attach     Streams
	Preserve   int  // descriptors for the workload, from 3 on
	BecomeRoot bool // the invoking user is not mapped: work as the namespace's root
	Timeout    uint // seconds after which the workload is killed; 0: never
}

// Tree is a stack of directories to mount, or with Bind one directory as it is.
type Tree struct {
	fuseoverlay.Layers
	Bind      string // a directory to use in place, writable
	Namespace string // the mount namespace that Bind is looked up in; empty: the monitor's own
}

// Streams are the standard streams that a client is attached to.
type Streams struct{ Stdin, Stdout, Stderr bool }

// Namespace is a namespace of the container: a new one, or with Path an existing one to join.
type Namespace struct {
	Kind string // as in the OCI runtime spec: pid, network, ipc, uts, cgroup, time
	Path string // of an existing one: /proc/PID/ns/net
}

// Request is a message from a client after the order; on the first connection a message
// without content comes in between, which says that the id maps are written. One field is set.
type Request struct {
	Signal int     `json:",omitempty"` // send this signal to the workload
	Resize *Size   `json:",omitempty"` // the client's terminal has this size
	Broken *Broken `json:",omitempty"` // nobody reads this stream any more
	Spawn  *Spawn  `json:",omitempty"` // start another container's monitor in this user namespace
}

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

// Broken names output streams whose reader has gone, so that the workload meets a broken
// pipe as it would without a container.
type Broken struct{ Stdout, Stderr bool }

// Spawn asks a monitor to start another one beside it, in its own user namespace. Beside it
// come the descriptors that the new one gets from 3 on.
type Spawn struct {
	Path string // the program, rlc-monitor
	Args []string
	Env  []string
}

// Event is a message from the monitor. One field is set.
type Event struct {
	Started *Started `json:",omitempty"`
	Failed  *Failed  `json:",omitempty"`
	Exited  *Exited  `json:",omitempty"`
	Spawned *Spawned `json:",omitempty"`
	Warning string   `json:",omitempty"`
}

// Started says that the workload runs.
type Started struct {
	Pid    int    // on the host
	Driver string // how the root is mounted
}

// Failed says why there is no workload, or why a request was not carried out.
type Failed struct {
	Message string
	Remedy  string
	Code    int // exit code of rlc: 125, 126 or 127
}

// Error says what went wrong.
func (f *Failed) Error() string { return f.Message }

// Hint says what the person can do about it; it may be empty.
func (f *Failed) Hint() string { return f.Remedy }

// ExitCode is the exit code that rlc ends with.
func (f *Failed) ExitCode() int { return f.Code }

// Exited says how the workload ended.
type Exited struct {
	Code     int // its own, or 128 + the signal that ended it
	TimedOut bool
}

// Spawned is the pid, on the host, of a monitor that was asked for.
type Spawned struct{ Pid int }
