package image

import (
	"encoding/json"

	"github.com/rlc-containers/rlc/idmap"
)

// Verb is what rlc asks of rlc-image.
type Verb string

// The verbs of rlc-image and what their Result is.
const (
	VerbResolve Verb = "resolve" // Name (+Pull, Platform): Image; pulls as the policy says; fills the cache
	VerbPull    Verb = "pull"    // Names: []Image, one each
	VerbLoad    Verb = "load"    // Input: []Image, with the names that the archive gives
	VerbList    Verb = "list"    // Filters: []Image, newest first
	VerbRemove  Verb = "remove"  // Names, Force: []Removed
	VerbTag     Verb = "tag"     // Names: the image, then the new names
	VerbUntag   Verb = "untag"   // Names: the image, then the names to drop (none: all)
	VerbInspect Verb = "inspect" // Names: []json.RawMessage in Podman's shape
	VerbFlatten Verb = "flatten" // Name, Output, Shift: copies a root file system, owners shifted
)

// Request is the one message from rlc to rlc-image.
type Request struct {
	Verb      Verb
	Name      string          `json:",omitempty"`
	Names     []string        `json:",omitempty"`
	Pull      string          `json:",omitempty"` // always, missing, never, newer
	Platform  string          `json:",omitempty"` // os/arch[/variant]; empty: this machine's
	Quiet     bool            `json:",omitempty"`
	Progress  string          `json:",omitempty"` // tty, plain, json, none
	TLSVerify *bool           `json:",omitempty"` // nil: as registries.conf says
	AuthFile  string          `json:",omitempty"`
	Auth      json.RawMessage `json:",omitempty"` // contents of a credentials file that only rlc may read; instead of AuthFile
	Creds     string          `json:",omitempty"` // user:password
	CertDir   string          `json:",omitempty"`
	Policy    string          `json:",omitempty"` // signature policy file
	Input     string          `json:",omitempty"` // load: archive or directory; empty: standard input
	Output    string          `json:",omitempty"` // flatten: directory
	// UIDShift and GIDShift say who owns a file in the copy that flatten makes: a file of the
	// image's id Inside gets the id Outside, counted in rlc-image's own user namespace. Ids
	// without a line become the owner of Inside 0.
	UIDShift idmap.Map         `json:",omitempty"`
	GIDShift idmap.Map         `json:",omitempty"`
	Filters  map[string]string `json:",omitempty"`
	Force    bool              `json:",omitempty"`
	InUse    []Use             `json:",omitempty"` // remove: images that containers use
	Store    Store
}

// Store says where the images lie.
type Store struct {
	Root       string   // graph root
	Run        string   // run root
	Cache      string   // directory of the resolution cache
	Additional []string // graph roots of read-only stores
	Single     bool     // one id is mapped: owners of files are not kept
}

// Use is a container that needs an image.
type Use struct {
	ImageID   string
	Container string
	Running   bool
}

// Removed is what removing one image did.
type Removed struct {
	Untagged []string `json:",omitempty"`
	Deleted  []string `json:",omitempty"`
}

// Reply is a message from rlc-image. There are any number with Note, and one last one with
// Result or Error; that of remove has both when only some images could be removed. Progress is drawn by rlc-image itself on its standard error.
type Reply struct {
	Note   string          `json:",omitempty"`
	Result json.RawMessage `json:",omitempty"`
	Error  *Error          `json:",omitempty"`
}

// Error is a failure that crossed from rlc-image to rlc.
type Error struct {
	Message string
	Remedy  string `json:",omitempty"`
	Code    int    `json:",omitempty"` // exit code; 0: 125
}

// Error says what went wrong.
func (e *Error) Error() string { return e.Message }

// Hint says what the person can do about it; it may be empty.
func (e *Error) Hint() string { return e.Remedy }
