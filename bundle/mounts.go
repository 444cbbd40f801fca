package bundle

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mount puts all mounts into the spec but those of the generated files.
func (b *builder) mount() error {
	wished, err := b.attachments()
	if err != nil {
		return err
	}
	taken, err := checkTwice(wished)
	if err != nil {
		return err
	}
	wished = append(wished, b.imageVolumes(taken)...)
	wished = append(wished, b.writablePlaces(taken)...)
	for _, m := range b.kernelMounts() {
		// Over a /dev of the person's own, such as the host's, Docker mounts nothing either.
		if taken[m.Destination] == nil && !(taken["/dev"] != nil && below(m.Destination, "/dev")) {
			b.Spec.Mounts = append(b.Spec.Mounts, m)
		}
	}
	for i := range wished {
		if err := b.attach(&wished[i]); err != nil {
			return err
		}
	}
	if err := b.bindDevices(taken); err != nil {
		return err
	}
	return b.bindTimezone(taken)
}

// attachments reads --volume, --mount and --tmpfs.
func (b *builder) attachments() ([]attachment, error) {
	var wished []attachment
	for _, text := range distinct(b.req.Volumes) {
		a, err := parseVolume(text)
		if err != nil {
			return nil, err
		}
		wished = append(wished, a)
	}
	for _, text := range distinct(b.req.Mounts) {
		a, err := parseMount(text)
		if err != nil {
			return nil, err
		}
		found, err := b.expand(a)
		if err != nil {
			return nil, err
		}
		wished = append(wished, found...)
	}
	for _, text := range distinct(b.req.Tmpfs) {
		a, err := parseTmpfs(text)
		if err != nil {
			return nil, err
		}
		wished = append(wished, a)
	}
	return wished, nil
}

// distinct drops what is said once more, word for word: scripts that add flags to flags do that.
func distinct(texts []string) []string {
	var once []string
	for _, text := range texts {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// expand makes a bind mount of each path that a glob matches, and leaves others alone.
func (b *builder) expand(a attachment) ([]attachment, error) {
	if a.kind != "glob" {
		return []attachment{a}, nil
	}
	if b.in.Glob == nil {
		return nil, a.refuse("", "paths of the host cannot be listed here")
	}
	sources, err := b.in.Glob(a.source)
	if err != nil || len(sources) == 0 {
		return nil, a.refuse("quote the pattern so that the shell leaves it alone", "nothing on the host matches %s", a.source)
	}
	found := make([]attachment, 0, len(sources))
	for _, source := range sources {
		one := a
		one.kind, one.source = "bind", source
		target := source
		if a.target != "" {
			target = path.Join(a.target, path.Base(source))
		}
		if err := one.setTarget(target); err != nil {
			return nil, err
		}
		if err := one.finish(); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// checkTwice refuses two mounts at one place, and returns the places with their mounts.
func checkTwice(wished []attachment) (map[string]*attachment, error) {
	taken := map[string]*attachment{}
	for i := range wished {
		a := &wished[i]
		if other := taken[a.target]; other != nil {
			return nil, conflict(other.flag+" "+other.text, a.flag+" "+a.text, "both are mounted at "+a.target, "leave one of them out, or choose another target")
		}
		taken[a.target] = a
	}
	return taken, nil
}

// imageVolumes are volumes without a name for the places that the image declares, where the
// person mounts nothing.
func (b *builder) imageVolumes(taken map[string]*attachment) []attachment {
	var volumes []attachment
	for _, unsafePath := range slices.Sorted(maps.Keys(b.config.Volumes)) {
		a := attachment{flag: "the image's VOLUME", text: unsafePath, kind: "volume", target: path.Join("/", unsafePath)}
		if err := a.checkTarget(); err != nil || strings.Contains(unsafePath, "\x00") {
			b.note("a VOLUME of the image is left out: nothing can be mounted at " + a.target)
			continue
		}
		if taken[a.target] == nil {
			taken[a.target] = &a
			volumes = append(volumes, a)
		}
	}
	return volumes
}

// writablePlaces are the directories that stay writable with --read-only.
func (b *builder) writablePlaces(taken map[string]*attachment) []attachment {
	if !b.req.ReadOnly || b.req.NoReadOnlyTmpfs {
		return nil
	}
	var places []attachment
	for _, target := range []string{"/run", "/tmp", "/var/tmp"} {
		if taken[target] == nil {
			places = append(places, attachment{kind: "tmpfs", target: target})
		}
	}
	return places
}

// sortByDepth orders mounts so that none hides one that was made before it.
func sortByDepth(mounts []specs.Mount) {
	slices.SortStableFunc(mounts, func(x, y specs.Mount) int {
		return cmp.Or(
			cmp.Compare(strings.Count(x.Destination, "/"), strings.Count(y.Destination, "/")),
			cmp.Compare(x.Destination, y.Destination),
		)
	})
}
