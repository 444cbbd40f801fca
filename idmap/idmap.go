// Package idmap plans and writes the id mapping of a user namespace: from the user's
// subordinate ids and a wish to the lines of uid_map and gid_map, and from these lines,
// through newuidmap and newgidmap, into the kernel.
//
// It runs in rlc. Planning is pure; only Load and Apply touch the machine.
package idmap

// Range is a run of subordinate ids of the host that belong to a user; see subuid(5).
type Range struct {
	Start uint32
	Count uint32
}

// Extent is one line of uid_map or gid_map: Count ids from Inside in the namespace
// are the ids from Outside in the namespace of the writer; see user_namespaces(7).
type Extent struct {
	Inside  uint32
	Outside uint32
	Count   uint32
}

// Map is a whole uid_map or gid_map, in the order in which it is written.
type Map []Extent

// Identity is the person who runs rlc, in the host's terms.
type Identity struct {
	UID  uint32
	GID  uint32
	User string // login name; empty when the id has none
}

// Mode is what a person asks of --userns.
type Mode string

// The modes of --userns.
const (
	Default  Mode = ""         // container root is the user (as root: a range of its own)
	Host     Mode = "host"     // the same as Default: there is no less mapped way to run
	KeepID   Mode = "keep-id"  // the user keeps the own uid and gid (or those wished for) inside
	NoMap    Mode = "nomap"    // the user is not mapped at all
	Explicit Mode = "explicit" // UIDMap and GIDMap say it all
)

// Request is a wish for a mapping. The zero value asks for the default.
type Request struct {
	Mode    Mode
	KeepUID *uint32 // KeepID: the uid that the user gets inside; nil: the own one
	KeepGID *uint32 // KeepID: the gid that the user gets inside; nil: the own one
	UIDMap  Map     // Explicit: --uidmap; Outside counts in the default mapping (0 the user, 1 the first subordinate id)
	GIDMap  Map     // Explicit: --gidmap; empty: like UIDMap
	// SingleUID and SingleGID are the ids that the user gets inside when there are no
	// subordinate ids: a mapping of a single id can only hold the one the workload runs as.
	SingleUID uint32
	SingleGID uint32
}

// Plan is a mapping ready to be written.
type Plan struct {
	UID Map
	GID Map
	// Single says that only one id is mapped: no setgroups, no chown to others.
	Single bool
	// Helpers says that newuidmap and newgidmap must write the maps (several ids, not root).
	Helpers bool
	// Owner and OwnerGID are the host ids that container files of root belong to in the image
	// store: the user's own, or the start of root's range.
	Owner    uint32
	OwnerGID uint32
	// Shifted says that the image store's files do not have the owners that this mapping
	// needs, so that the root file system must be copied and chowned (nomap, explicit maps).
	Shifted bool
	// Notes tell the person once what the mapping cannot do; for standard error.
	Notes []string
}
