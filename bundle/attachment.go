package bundle

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// attachment is a mount that a person asks for, by whichever flag.
type attachment struct {
	flag, text string // as typed, for messages
	kind       string // bind, volume, tmpfs, image, devpts, glob
	source     string // host path, volume name, image reference or pattern; empty: an anonymous volume
	target     string // where in the container: absolute and clean, still to be resolved in the root
	subpath    string // only this part of the volume or image, relative and clean

	// Options that exclude each other share a field; empty: not said.
	access, exec, suid, dev, propagation, label, recursion, content string

	chown, create, overlay, idmap bool
	mustExist                     bool     // a volume that is not to be made on the fly
	upper, work                   string   // overlay: where the person keeps the changes
	data                          []string // options of a tmpfs or devpts, as the kernel takes them
}

func (a *attachment) refuse(remedy, cause string, args ...any) error {
	return refuse(a.flag, a.text, remedy, cause, args...)
}

// setTarget takes the place in the container. What lies there is looked up by init, inside
// the root: the path may lead through symlinks of the image.
func (a *attachment) setTarget(unsafePath string) error {
	if !path.IsAbs(unsafePath) || strings.Contains(unsafePath, "\x00") {
		return a.refuse("write where in the container to mount it, beginning with /", "the target %q is not an absolute path", unsafePath)
	}
	a.target = path.Clean(unsafePath)
	return a.checkTarget()
}

func (a *attachment) checkTarget() error {
	switch {
	case a.target == "/":
		return a.refuse("use --rootfs for a root file system of your own", "nothing can be mounted over the root")
	case a.target == "/proc" || below(a.target, "/proc"):
		return a.refuse("--security-opt unmask= and proc-opts= change what is seen there", "/proc is the kernel's")
	}
	return nil
}

// below tells whether a clean path lies below another.
func below(p, dir string) bool {
	return strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") && p != dir
}

// setOption takes one word of -v's third field, or a word of --mount that has no value.
func (a *attachment) setOption(word string) error {
	if field := a.exclusive(word); field != nil {
		if *field != "" && *field != word {
			return a.refuse("leave one of them out", "%s and %s contradict each other", *field, word)
		}
		*field = word
		return nil
	}
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "U":
		a.chown = true
	case "O":
		a.overlay = true
	case "idmap":
		a.idmap = true
	case "upperdir":
		a.upper = value
	case "workdir":
		a.work = value
	case "nocreate":
		a.mustExist = true
	case "cached", "delegated", "consistent", "": // for Docker on other systems
	case "no-dereference":
		return a.refuse("mount what the link leads to", "links are always followed on the host")
	default:
		return a.refuse("known are ro rw z Z U O idmap copy nocopy exec noexec suid nosuid dev nodev bind rbind, and [r]private, [r]shared, [r]slave, [r]unbindable",
			"unknown option %q", word)
	}
	return nil
}

// exclusive is the field of a word that excludes others; nil when the word is not of that sort.
func (a *attachment) exclusive(word string) *string {
	switch word {
	case "ro", "rw":
		return &a.access
	case "exec", "noexec":
		return &a.exec
	case "suid", "nosuid":
		return &a.suid
	case "dev", "nodev":
		return &a.dev
	case "z", "Z":
		return &a.label
	case "bind", "rbind":
		return &a.recursion
	case "copy", "nocopy":
		return &a.content
	}
	if isPropagation(word) {
		return &a.propagation
	}
	return nil
}

func isPropagation(word string) bool {
	return slices.Contains([]string{"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"}, word)
}

// setSubpath takes a part of a volume or image. It must not lead out by its text; that its
// symlinks do not either is init's business.
func (a *attachment) setSubpath(unsafePath string) error {
	clean := path.Clean("/" + unsafePath)
	if clean == "/" || strings.Contains(unsafePath, "\x00") || slices.Contains(strings.Split(unsafePath, "/"), "..") {
		return a.refuse("name a file or directory inside it", "not a path inside: %q", unsafePath)
	}
	a.subpath = clean[1:]
	return nil
}

// setSource decides whether -v means a host path or a volume.
func (a *attachment) setSource(source string) error {
	if path.IsAbs(source) || strings.HasPrefix(source, ".") {
		a.kind = "bind"
		return a.setHostPath(source)
	}
	a.kind, a.source = "volume", source
	return a.checkVolumeName()
}

func (a *attachment) setHostPath(source string) error {
	if !path.IsAbs(source) || strings.Contains(source, "\x00") {
		return a.refuse("write a path that begins with /", "the source %q is not an absolute path of the host", source)
	}
	a.source = path.Clean(source)
	return nil
}

func (a *attachment) checkVolumeName() error {
	if isName(a.source) {
		return nil
	}
	if strings.HasPrefix(a.source, "~") {
		return a.refuse("write $HOME for ~", "the shell has not expanded %q", a.source)
	}
	return a.refuse("begin a path of the host with / or ./", "%q is neither a path nor a name of a volume", a.source)
}

// isName tells whether a volume may be called so.
func isName(s string) bool {
	return s != "" && !strings.ContainsAny(s[:1], "_.-") && strings.Trim(s, letters+".") == ""
}

// finish checks what only the whole shows.
func (a *attachment) finish() error {
	switch {
	case a.target == "":
		return a.refuse("name a target", "nothing says where in the container to mount it")
	case (a.upper == "") != (a.work == ""):
		return a.refuse("give both, two directories of one file system", "upperdir and workdir go together")
	case a.upper != "" && !a.overlay:
		return a.refuse("add the option O", "upperdir and workdir are for overlays")
	case a.upper != "" && !(path.IsAbs(a.upper) && path.IsAbs(a.work)):
		return a.refuse("write paths that begin with /", "upperdir and workdir are not absolute paths")
	case a.overlay && a.kind == "volume" && a.source == "":
		return a.refuse("name a volume or a directory of the host", "an overlay of nothing")
	case a.overlay && a.label != "":
		return a.refuse("leave one of them out", "O and %s contradict each other", a.label)
	case a.subpath != "" && a.source == "":
		return a.refuse("name the volume", "a new volume has no subpath %s", strconv.Quote(a.subpath))
	}
	return nil
}
