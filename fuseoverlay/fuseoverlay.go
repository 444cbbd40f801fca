// Package fuseoverlay makes one mounted tree of a list of directories: by the kernel's
// overlay file system in the user namespace, else by fuse-overlayfs, else by a copy.
//
// It runs in the monitor, inside the user namespace and its own mount namespace.
package fuseoverlay

import "os"

// Driver is a way to stack directories.
type Driver string

// The drivers, in the order in which they are tried.
const (
	Auto    Driver = ""
	Overlay Driver = "overlay"        // the kernel's, mounted in the user namespace (Linux 5.11)
	FUSE    Driver = "fuse-overlayfs" // the program of that name
	Copy    Driver = "copy"           // the layers are copied, whiteouts applied, into one directory
)

// Layers are the directories to stack.
type Layers struct {
	Lower []string // read-only directories, uppermost first; whiteouts as overlayfs in a user namespace has them ("user.overlay." attributes)
	Upper string   // where changes go; empty: the tree is read-only
	Work  string   // overlayfs's work directory, beside Upper on the same file system
}

// Options tune Mount; the zero value chooses the driver and finds fuse-overlayfs in PATH-like places.
type Options struct {
	Driver   Driver
	Volatile bool   // changes need not survive a crash: no sync at unmount
	Scratch  string // an empty directory of the caller's: the FUSE mount point, or the copy
	Program  string // fuse-overlayfs, absolute; empty: looked for in the usual directories
}

// Mount is a stacked tree. It lives until Close and until every file opened from Tree is closed.
type Mount struct {
	Tree   *os.File // detached mount, for move_mount(2); -1 after it was moved is not needed: several moves need several clones
	Driver Driver   // the one that worked
	// Reasons says why each driver before it did not; for `info` and --log-level debug.
	Reasons []string
}
