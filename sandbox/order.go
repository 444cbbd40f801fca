// Package sandbox carries out an OCI runtime spec: it runs as the first process of a
// container (init), builds the container's file system around itself, gives up what the
// spec does not grant, and becomes the workload.
//
// It runs in process init (rlc-monitor init), already inside the namespaces of the spec;
// making these, and the mounts of the image's layers, is left to the monitor. Everything in
// the root file system is taken for hostile: a path in it is resolved to a descriptor that
// cannot leave the root, and only descriptors are worked on.
package sandbox

// Annotations of the spec through which the bundle tells init what the OCI fields cannot
// say before the root file system is mounted. All of them are optional.
const (
	// AnnotationUser is the user as typed or as the image has it: name|uid[:group|gid].
	// It overrides process.user; init looks it up in the container's own /etc/passwd and /etc/group.
	AnnotationUser = "io.rlc.user"
	// AnnotationGroups are further groups by name or gid, separated by commas; the word
	// keep-groups leaves the invoking user's supplementary groups in place.
	AnnotationGroups = "io.rlc.groups"
	// AnnotationInit asks for a reaper as process 1: the value is "true".
	AnnotationInit = "io.rlc.init"
	// AnnotationEmulate asks for success where a single-id mapping must fail: chown, setgroups
	// and their like; the value is "true".
	AnnotationEmulate = "io.rlc.emulate-ids"
	// AnnotationPreserveFDs is the number of descriptors from 3 on that the workload inherits.
	AnnotationPreserveFDs = "io.rlc.preserve-fds"
)

// Mount types and options beyond the OCI spec's Linux ones, used in spec.Mounts.
const (
	// TypeTree mounts one of the trees that arrive beside the order: source is its index, "1" the first after the root.
	TypeTree = "rlc-tree"
	// OptionCopyUp fills an empty source (a volume, a tmpfs) with what the image has at the destination.
	OptionCopyUp = "x-copyup"
	// OptionChown gives the source, and all below it, to the container's user first (:U).
	OptionChown = "x-chown"
	// OptionCreate makes a missing source directory on the host first (-v).
	OptionCreate = "x-create"
	// OptionOptional drops the mount silently when the source or type is not to be had.
	OptionOptional = "x-optional"
	// OptionSubpath is followed by a path: only this part of the source is mounted. No link in the
	// source leads out of it.
	OptionSubpath = "x-subpath="
	// OptionRelabel sets an SELinux label for all containers (:z).
	OptionRelabel = "x-relabel"
	// OptionRelabelPrivate sets an SELinux label for this container only (:Z).
	OptionRelabelPrivate = "x-relabel-private"
)

// Init and the monitor exchange these messages, most of them without content (see package wire):
//
//   - The order, without content. Beside it come, in this order: config.json opened for reading
//     (an OCI runtime spec), the root's detached mount, further trees for TypeTree, then standard
//     input, output and error unless the spec asks for a terminal, then the preserved descriptors.
//   - A Reply, or a message without content, which says that everything is prepared; with a
//     terminal its master is beside it.
//   - The word to start, without content. When it has come and the workload runs, the socket
//     closes with no further Reply.

// Reply is what init answers when there is more to say than that all went well.
type Reply struct {
	// Notes say what could not be done as the spec asks; they are for standard error.
	Notes []string `json:",omitempty"`
	// Stage, Cause, Hint and ExitCode describe the failure that ended init: the action, its
	// cause, a remedy, and the exit code for it (125, 126 or 127). Without a Cause everything
	// is prepared.
	Stage    string `json:",omitempty"`
	Cause    string `json:",omitempty"`
	Hint     string `json:",omitempty"`
	ExitCode int    `json:",omitempty"`
}
