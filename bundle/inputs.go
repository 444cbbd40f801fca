package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"syscall"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
)

// Inputs are the facts about the host and the container that a spec depends on. Nobody
// below cmd/rlc and engine reads the environment; it arrives here.
type Inputs struct {
	ID       string // of the container, 64 hex digits
	Name     string // of the container; empty: Request.Name
	Version  string // of rlc, for .containerenv
	Identity idmap.Identity
	Image    *image.Image // nil with --rootfs
	Plan     idmap.Plan

	Runtime  string // directory of the container's hosts, resolv.conf, hostname and .containerenv
	Volumes  string // directory of the named volumes; the files of one lie in NAME/_data
	Overlays string // directory for the uppers of :O and writable image mounts: TREE/upper and TREE/work, made by the engine

	HostEnv  []string // for proxy variables
	HostName string   // the host's; with --uts container:X, that container's
	// HostRlimit is the caller's own limit, by its name in the spec: "RLIMIT_NOFILE". nil: not known.
	HostRlimit func(name string) (soft, hard uint64, ok bool)
	// HostOOMScoreAdj is the caller's own; a container cannot get below it.
	HostOOMScoreAdj int
	// HostDevices are the device nodes below /dev that the caller may open, for --privileged.
	HostDevices []string
	HostHosts   []byte // the host's /etc/hosts
	HostResolv  []byte // the host's /etc/resolv.conf, or better the resolver's upstream one
	// Zoneinfo is the host directory of time zones; empty: none.
	Zoneinfo string

	// Join holds what container:X and ns:PATH were resolved to, by namespace as the spec
	// calls it ("network", "pid", "ipc", "uts", "cgroup", "time", "user"): a path that the
	// monitor opens. With --ipc container:X, "shm" is the mount namespace of X, whose /dev/shm
	// is shared.
	Join map[string]string
	// JoinRuntime is Runtime of the container whose network is joined; its hosts and
	// resolv.conf are shared. Empty: the container gets its own.
	JoinRuntime string

	Addresses   []string // the container's own addresses in its network
	Gateway     string   // the address at which the network shows the host; empty: none
	Nameservers []string // of the network; empty: those of HostResolv that it can reach

	// Images resolves a reference of --mount type=image to a stored image.
	Images func(ref string) (*image.Image, error)
	// ReadFile reads a seccomp profile of the host.
	ReadFile func(name string) ([]byte, error)
	// Glob lists the host's paths that match, for --mount type=glob.
	Glob func(pattern string) ([]string, error)
}

// Bundle is a spec with what the monitor must prepare for it.
type Bundle struct {
	Spec    *specs.Spec
	Trees   []Tree   // layered mounts beside the root, for sandbox.TypeTree
	Volumes []Volume // named volumes that are mounted, in the order of their mounts
	Notes   []string // what could not be done as asked; for standard error

	Hosts    string // contents of /etc/hosts; empty: do not mount one
	Resolv   string // contents of /etc/resolv.conf; empty: do not mount one
	Hostname string // contents of /etc/hostname
	Environ  string // contents of /run/.containerenv

	StopSignal syscall.Signal // what asks the workload to end
}

// Tree is a stack of directories that the monitor mounts for init.
type Tree struct {
	// Namespace is the mount namespace that the only directory of Lower is looked up in, with
	// what is mounted there: /proc/PID/ns/mnt. Empty: the monitor's own.
	Namespace string
	Lower     []string // uppermost first
	Upper     string   // empty: read-only
	Work      string
}

// Volume is a named volume of a container. Its directory is made with the mount, except
// under an overlay: the engine makes that before.
type Volume struct {
	Name        string
	Destination string
	Anonymous   bool // named by rlc; ends with --rm
}
