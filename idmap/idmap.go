// Package idmap plans and writes the id mapping of a user namespace: from a person's
// subordinate ids and a wish to the lines of uid_map and gid_map, and from these lines,
// through newuidmap and newgidmap, into the kernel.
//
// Load finds the facts of the machine, New makes a Plan of them, Plan.Apply writes it. New
// is pure; only Load and Apply touch the machine. Making the namespace is left to package
// userns, and what the ids mean for files to the callers.
//
// It runs in rlc.
package idmap

// Identity is the person who runs rlc, in the host's terms.
type Identity struct {
	UID  uint32
	GID  uint32
	User string // login name; empty: Load looks it up when it needs it
}

// Range is a run of ids, such as the subordinate ids of a person; see subuid(5).
type Range struct {
	Start uint32
	Count uint32
}

// Facts are what a mapping depends on besides the wish; Load collects them.
type Facts struct {
	UID Grant
	GID Grant
	// HereUID and HereGID are the uid_map and gid_map of the namespace that rlc was started
	// in: their Inside ids are the only ones that exist for it.
	HereUID Map
	HereGID Map
	// Unprivileged says why newuidmap and newgidmap cannot do their work here; nil: they can.
	Unprivileged error
	// Notes are oddities of the machine that touch this person; for standard error.
	Notes []string
}

// Grant is what a machine grants to one person: subordinate ids, and who says so.
type Grant struct {
	Ranges []Range // as written; New sorts out what cannot be used
	Source string  // the file or program that said so
	Login  string  // whom it was asked for: a login name, or a uid if there is none
	Free   uint32  // the first id behind all that anybody is granted; 0: unknown
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
