package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/sandbox"
)

// attach adds the mount that a person asks for to the spec.
func (b *builder) attach(a *attachment) error {
	if a.idmap {
		b.note(a.flag + " " + a.text + ": idmap is ignored: only root of the host can shift the owners of files; --userns keep-id makes them yours")
	}
	switch {
	case a.kind == "tmpfs":
		b.add(a.tmpfs())
	case a.kind == "devpts":
		b.add(a.devpts())
	case a.kind == "image":
		return b.attachImage(a)
	case a.overlay:
		b.attachOverlay(a)
	case a.kind == "volume":
		b.add(a.bind(b.volume(a), "nosuid", "nodev"))
	default:
		b.add(a.bind(a.source))
	}
	return nil
}

func (b *builder) add(m specs.Mount) { b.Spec.Mounts = append(b.Spec.Mounts, m) }

// volume returns the directory of a named volume. One without a name is named for its
// container and place, in 64 hex digits as Docker's are.
func (b *builder) volume(a *attachment) string {
	v := Volume{Name: a.source, Destination: a.target, Anonymous: a.source == ""}
	if v.Anonymous {
		sum := sha256.Sum256([]byte(b.in.ID + "\x00" + a.target))
		v.Name = hex.EncodeToString(sum[:])
	}
	b.Volumes = append(b.Volumes, v)
	return path.Join(b.in.Volumes, v.Name, "_data")
}

// bind makes the bind mount of a host path or volume. Volumes forbid some things unless
// the person allows them: defaults are "nosuid", "nodev".
func (a *attachment) bind(source string, defaults ...string) specs.Mount {
	recursion := a.recursion
	if recursion == "" {
		recursion = "rbind"
	}
	options := append([]string{recursion}, a.propagate()...)
	if a.access == "ro" {
		options = append(options, "ro") // for the mounts below, too: init sees to that
	}
	options = append(options, a.forbid(defaults...)...)
	for _, o := range []struct {
		set  bool
		text string
	}{
		{a.subpath != "", sandbox.OptionSubpath + a.subpath},
		{a.label == "z", sandbox.OptionRelabel},
		{a.label == "Z", sandbox.OptionRelabelPrivate},
		{a.chown, sandbox.OptionChown},
		{a.create || a.kind == "volume" && !a.mustExist, sandbox.OptionCreate},
		{a.kind == "volume" && a.content != "nocopy" || a.content == "copy", sandbox.OptionCopyUp},
	} {
		if o.set {
			options = append(options, o.text)
		}
	}
	return specs.Mount{Destination: a.target, Type: "bind", Source: source, Options: options}
}

func (a *attachment) propagate() []string {
	switch {
	case a.propagation != "":
		return []string{a.propagation}
	case a.recursion == "bind":
		return []string{"private"}
	}
	return []string{"rprivate"}
}

// forbid returns noexec, nosuid and nodev where the person asks for them, or where they are
// the default and the person does not ask for the opposite.
func (a *attachment) forbid(defaults ...string) []string {
	var options []string
	for _, o := range []struct{ said, no string }{{a.exec, "noexec"}, {a.suid, "nosuid"}, {a.dev, "nodev"}} {
		if o.said == o.no || o.said == "" && slices.Contains(defaults, o.no) {
			options = append(options, o.no)
		}
	}
	return options
}

// tmpfs makes a file system in memory that begins with what the image has there, unless
// that is below /dev.
func (a *attachment) tmpfs() specs.Mount {
	options := append(a.propagate(), a.forbid("nosuid", "nodev")...)
	options = append(options, a.data...)
	if a.access == "ro" {
		options = append(options, "ro")
	}
	if a.content != "nocopy" && a.target != "/dev" && !below(a.target, "/dev") {
		options = append(options, sandbox.OptionCopyUp)
	}
	if a.chown {
		options = append(options, sandbox.OptionChown)
	}
	return specs.Mount{Destination: a.target, Type: "tmpfs", Source: "tmpfs", Options: options}
}

func (a *attachment) devpts() specs.Mount {
	options := append([]string{"nosuid", "noexec", "newinstance"}, a.data...)
	if a.access == "ro" {
		options = append(options, "ro")
	}
	return specs.Mount{Destination: a.target, Type: "devpts", Source: "devpts", Options: options}
}

// attachOverlay lays what the container writes over a directory or volume, and forgets it
// with the container unless the person keeps it in upperdir.
func (b *builder) attachOverlay(a *attachment) {
	source := a.source
	if a.kind == "volume" {
		source = b.volume(a)
	}
	t := Tree{Lower: []string{source}, Upper: a.upper, Work: a.work}
	if t.Upper == "" {
		t.Upper, t.Work = b.scratch()
	}
	b.addTree(a, t)
}

func (b *builder) attachImage(a *attachment) error {
	if b.in.Images == nil {
		return a.refuse("", "images cannot be looked up here")
	}
	img, err := b.in.Images(a.source)
	if err != nil {
		return err
	}
	t := Tree{Lower: img.Layers}
	if a.access == "rw" {
		t.Upper, t.Work = b.scratch()
	} else {
		a.access = "ro"
	}
	b.addTree(a, t)
	return nil
}

// scratch are the directories for the changes to the next tree.
func (b *builder) scratch() (upper, work string) {
	dir := path.Join(b.in.Overlays, strconv.Itoa(len(b.Trees)+1))
	return path.Join(dir, "upper"), path.Join(dir, "work")
}

func (b *builder) addTree(a *attachment, t Tree) {
	b.Trees = append(b.Trees, t)
	options := append(a.propagate(), a.forbid()...)
	if a.access == "ro" {
		options = append(options, "ro")
	}
	if a.subpath != "" {
		options = append(options, sandbox.OptionSubpath+a.subpath)
	}
	if a.chown {
		options = append(options, sandbox.OptionChown)
	}
	b.add(specs.Mount{Destination: a.target, Type: sandbox.TypeTree, Source: strconv.Itoa(len(b.Trees)), Options: options})
}
