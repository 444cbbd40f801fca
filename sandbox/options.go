package sandbox

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// options are the options of one entry of spec.Mounts, sorted by who must carry them out.
type options struct {
	set, clear  uint64  // MOUNT_ATTR_*, see mount_setattr(2)
	recursive   uint64  // those of set that apply to mounts below, too
	propagation uint64  // MS_SHARED and the like; 0: as it is
	deep        bool    // whether propagation applies to mounts below, too
	bind        bool    // the source is a path of the host
	below       bool    // with all that is mounted below it
	data        []param // for the file system
	subpath     string  // the part of the source to mount; empty: all

	copyUp, chown, create, optional, relabel, relabelPrivate bool
}

// param is an option that a file system understands; see fsconfig(2).
type param struct {
	key, value string
	isFlag     bool
}

// attributes maps option names to what they do to a mount.
var attributes = map[string]struct{ set, clear uint64 }{
	"ro":            {set: unix.MOUNT_ATTR_RDONLY},
	"rw":            {clear: unix.MOUNT_ATTR_RDONLY},
	"nosuid":        {set: unix.MOUNT_ATTR_NOSUID},
	"suid":          {clear: unix.MOUNT_ATTR_NOSUID},
	"nodev":         {set: unix.MOUNT_ATTR_NODEV},
	"dev":           {clear: unix.MOUNT_ATTR_NODEV},
	"noexec":        {set: unix.MOUNT_ATTR_NOEXEC},
	"exec":          {clear: unix.MOUNT_ATTR_NOEXEC},
	"nodiratime":    {set: unix.MOUNT_ATTR_NODIRATIME},
	"diratime":      {clear: unix.MOUNT_ATTR_NODIRATIME},
	"nosymfollow":   {set: unix.MOUNT_ATTR_NOSYMFOLLOW},
	"symfollow":     {clear: unix.MOUNT_ATTR_NOSYMFOLLOW},
	"relatime":      {set: unix.MOUNT_ATTR_RELATIME, clear: unix.MOUNT_ATTR__ATIME},
	"norelatime":    {set: unix.MOUNT_ATTR_STRICTATIME, clear: unix.MOUNT_ATTR__ATIME},
	"noatime":       {set: unix.MOUNT_ATTR_NOATIME, clear: unix.MOUNT_ATTR__ATIME},
	"atime":         {set: unix.MOUNT_ATTR_RELATIME, clear: unix.MOUNT_ATTR__ATIME},
	"strictatime":   {set: unix.MOUNT_ATTR_STRICTATIME, clear: unix.MOUNT_ATTR__ATIME},
	"nostrictatime": {set: unix.MOUNT_ATTR_RELATIME, clear: unix.MOUNT_ATTR__ATIME},
}

// propagations maps option names to flags of mount propagation; an "r" before one of
// these names makes it apply to mounts below, too. See mount_namespaces(7).
var propagations = map[string]uint64{
	"private":    unix.MS_PRIVATE,
	"slave":      unix.MS_SLAVE,
	"shared":     unix.MS_SHARED,
	"unbindable": unix.MS_UNBINDABLE,
}

// withoutEffect are options of mount(8) that say what is so anyway.
var withoutEffect = map[string]bool{"defaults": true, "async": true, "nolazytime": true, "nomand": true, "silent": true, "loud": true}

// parseOptions sorts the options of a mount. A later one wins over an earlier.
func parseOptions(words []string) (options, error) {
	var o options
	for _, word := range words {
		if word == "" || withoutEffect[word] || o.special(word) || o.propagate(word) || o.attribute(word) {
			continue
		}
		if word == "idmap" || word == "ridmap" || strings.HasPrefix(word, "idmap=") || strings.HasPrefix(word, "ridmap=") {
			return o, hinted("use --userns=keep-id or the option U instead",
				"option %q: mapping the ids of a mount needs privileges over the host's file system", word)
		}
		key, value, hasValue := strings.Cut(word, "=")
		if strings.HasPrefix(key, "x-") {
			return o, fmt.Errorf("option %q is unknown", word)
		}
		o.data = append(o.data, param{key: key, value: value, isFlag: !hasValue})
	}
	return o, nil
}

// special takes an option of ours, or one that says where the source comes from.
func (o *options) special(word string) bool {
	switch word {
	case "bind":
		o.bind = true
	case "rbind":
		o.bind, o.below = true, true
	case OptionCopyUp, "tmpcopyup":
		o.copyUp = true
	case OptionChown:
		o.chown = true
	case OptionCreate:
		o.create = true
	case OptionOptional:
		o.optional = true
	case OptionRelabel:
		o.relabel = true
	case OptionRelabelPrivate:
		o.relabelPrivate = true
	default:
		subpath, ok := strings.CutPrefix(word, OptionSubpath)
		if !ok {
			return false
		}
		o.subpath = subpath
	}
	return true
}

// propagate takes an option that says how mounts and unmounts below travel.
func (o *options) propagate(word string) bool {
	flag, ok := propagations[word]
	deep := false
	if !ok {
		flag, ok = propagations[strings.TrimPrefix(word, "r")]
		deep = true
	}
	if ok {
		o.propagation, o.deep = flag, deep
	}
	return ok
}

// attribute takes an option of a mount. All that take rights away apply to the mounts below a
// bind, too: a volume that is read-only but for what is mounted on it would be a surprise.
func (o *options) attribute(word string) bool {
	a, ok := attributes[word]
	if !ok {
		a, ok = attributes[strings.TrimPrefix(word, "r")]
		if !ok {
			return false
		}
	}
	o.set = o.set&^a.clear | a.set
	o.clear = o.clear&^a.set | a.clear
	o.recursive = o.set &^ unix.MOUNT_ATTR__ATIME
	return true
}
