package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
)

// Inputs are the facts about the host and the container that a spec depends on. Nobody
// below cmd/rlc and engine reads the environment; it arrives here.
type Inputs struct {
	ID         string
	Image      *image.Image // nil with --rootfs
	Plan       idmap.Plan
	Runtime    string                                         // directory of the container's hosts, resolv.conf, hostname and .containerenv
	Volumes    string                                         // directory of the named volumes
	HostEnv    []string                                       // for proxy variables and TERM
	HostRlimit func(name string) (soft, hard uint64, ok bool) // the caller's own limits
	// Namespaces that already exist, by kind ("network", "pid", ...): what container:X and
	// ns:PATH were resolved to. The path is opened by the monitor.
	Join map[string]string
	// Images resolves a reference of --mount type=image to a stored image.
	Images func(ref string) (*image.Image, error)
	// Zoneinfo is the host directory of time zones; empty: none.
	Zoneinfo string
}

// Bundle is a spec with what the monitor must prepare for it.
type Bundle struct {
	Spec     *specs.Spec
	Trees    []Tree   // layered mounts beside the root, for sandbox.TypeTree
	Notes    []string // what could not be done as asked; for standard error
	Hosts    string   // contents of /etc/hosts; empty: do not mount one
	Resolv   string   // contents of /etc/resolv.conf
	Hostname string   // contents of /etc/hostname
	Environ  string   // contents of /run/.containerenv
}

// Tree is a stack of directories that the monitor mounts for init.
type Tree struct {
	Lower []string // uppermost first
	Upper string   // empty: read-only
	Work  string
}
