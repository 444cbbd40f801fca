// Package userns starts programs of rlc in new user namespaces and puts threads of the
// calling process into namespaces of others. It knows no containers.
//
// Start runs in rlc; Arrive in the programs it starts (rlc-monitor, rlc-image); Enter in rlc-monitor.
package userns

import (
	"os"

	"github.com/rlc-containers/rlc/idmap"
)

// Options describe a program to start. Path, Args and Plan are needed.
type Options struct {
	Path  string      // the program, absolute
	Args  []string    // argv, the name included
	Env   []string    // the whole environment
	Dir   string      // working directory; empty: the caller's
	Stdio [3]*os.File // standard streams; nil: /dev/null
	Files []*os.File  // become descriptors 3, 4, ... of the program
	Plan  idmap.Plan  // the mapping of its user namespace
}
