package bundle

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
)

// mountForm helps with a mistyped --mount.
const mountForm = "write KEY=VALUE pairs with commas, such as type=bind,src=/data,dst=/data,ro"

// parseMount reads a value of --mount: comma-separated keys and values, as Docker and
// Podman have them. Fields with commas are quoted as in CSV.
func parseMount(text string) (attachment, error) {
	a := attachment{flag: "--mount", text: text, kind: "volume"}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return a, a.refuse(mountForm, "not comma-separated fields")
	}
	for _, field := range fields {
		if kind, ok := strings.CutPrefix(field, "type="); ok {
			a.kind = kind
		}
	}
	if err := a.checkKind(); err != nil {
		return a, err
	}
	for _, field := range fields {
		key, value, hasValue := strings.Cut(field, "=")
		if err := a.setKey(strings.TrimSpace(key), value, hasValue); err != nil {
			return a, err
		}
	}
	return a, a.finishMount()
}

func (a *attachment) checkKind() error {
	switch a.kind {
	case "bind", "volume", "tmpfs", "image", "devpts", "glob":
		return nil
	case "ramfs":
		return a.refuse("use type=tmpfs", "a file system without a limit")
	}
	return a.refuse("choose bind, volume, tmpfs, image, devpts or glob", "unknown type %q", a.kind)
}

func (a *attachment) finishMount() error {
	switch a.kind {
	case "bind", "image", "glob":
		if a.source == "" {
			return a.refuse(mountForm, "no source")
		}
	case "tmpfs", "devpts":
		if a.source != "" {
			return a.refuse("leave the source out", "a %s has none", a.kind)
		}
	}
	if a.kind == "glob" && a.target == "" {
		return nil
	}
	return a.finish()
}

// setKey takes one key of --mount. Keys of all types come first, then those of its own.
func (a *attachment) setKey(key, value string, hasValue bool) error {
	switch key {
	case "type", "consistency":
		return nil
	case "src", "source":
		return a.setMountSource(value)
	case "dst", "dest", "destination", "target":
		return a.setTarget(value)
	case "ro", "readonly":
		return a.setSwitch(value, hasValue, "ro", "rw")
	case "rw", "readwrite":
		return a.setSwitch(value, hasValue, "rw", "ro")
	}
	switch a.kind {
	case "tmpfs":
		return a.setTmpfsKey(key, value, hasValue)
	case "devpts":
		return a.setDevptsKey(key, value)
	case "image":
		if key == "subpath" || key == "image-subpath" {
			return a.setSubpath(value)
		}
		return a.unknownKey(key)
	}
	return a.setBindKey(key, value, hasValue)
}

func (a *attachment) setMountSource(value string) error {
	if a.source != "" {
		return a.refuse("leave one of them out", "two sources")
	}
	switch a.kind {
	case "bind", "glob":
		return a.setHostPath(value)
	case "volume":
		a.source = value
		if value == "" { // Docker's way to ask for a volume without a name
			return nil
		}
		return a.checkVolumeName()
	}
	a.source = value
	return nil
}

// setBindKey takes the keys of bind mounts and volumes.
func (a *attachment) setBindKey(key, value string, hasValue bool) error {
	switch key {
	case "U", "chown":
		return a.setFlag(&a.chown, value, hasValue)
	case "idmap":
		a.idmap = value != "false"
		return nil
	case "relabel":
		label, known := map[string]string{"shared": "z", "private": "Z"}[value]
		if !known {
			return a.refuse("write relabel=shared or relabel=private", "unknown label %q", value)
		}
		return a.setOption(label)
	}
	if hasValue && a.exclusive(key) != nil {
		return a.refuse(mountForm, "%s takes no value", key)
	}
	if a.kind == "volume" {
		return a.setVolumeKey(key, value, hasValue)
	}
	switch key {
	case "bind-propagation":
		if !isPropagation(value) {
			return a.refuse("choose [r]private, [r]shared, [r]slave or [r]unbindable", "unknown propagation %q", value)
		}
		return a.setOption(value)
	case "bind-nonrecursive":
		return a.setSwitch(value, hasValue, "bind", "rbind")
	case "bind-recursive":
		return a.setRecursion(value)
	case "bind-create-src":
		return a.setFlag(&a.create, value, hasValue)
	}
	return a.setOptionKey(key)
}

// setRecursion takes Docker's bind-recursive.
func (a *attachment) setRecursion(value string) error {
	switch value {
	case "enabled", "readonly":
		return a.setOption("rbind")
	case "disabled":
		return a.setOption("bind")
	}
	return a.refuse("choose enabled, disabled or readonly", "a read-only mount has no writable mounts below: bind-recursive=%s", value)
}

func (a *attachment) setVolumeKey(key, value string, hasValue bool) error {
	switch key {
	case "subpath", "volume-subpath":
		return a.setSubpath(value)
	case "volume-nocopy":
		return a.setSwitch(value, hasValue, "nocopy", "copy")
	case "volume-driver":
		if value != "local" {
			return a.refuse("leave volume-driver out", "there are no volume drivers but local")
		}
		return nil
	case "volume-opt", "volume-label":
		return a.refuse("make the volume first, and mount it by its name", "%s cannot be given here", key)
	}
	return a.setOptionKey(key)
}

// setOptionKey takes a key that is an option of -v.
func (a *attachment) setOptionKey(key string) error {
	if a.exclusive(key) == nil && !slices.Contains([]string{"nocreate", "no-dereference"}, key) {
		return a.unknownKey(key)
	}
	return a.setOption(key)
}

func (a *attachment) setTmpfsKey(key, value string, hasValue bool) error {
	switch key {
	case "tmpfs-size":
		return a.setTmpfsOption("size=" + value)
	case "tmpfs-mode":
		return a.setTmpfsOption("mode=" + value)
	case "U", "chown":
		return a.setFlag(&a.chown, value, hasValue)
	}
	if hasValue {
		return a.unknownKey(key)
	}
	return a.setTmpfsOption(key)
}

func (a *attachment) setDevptsKey(key, value string) error {
	base := 10
	switch key {
	case "uid", "gid", "max":
	case "mode", "ptmxmode":
		base = 8
	case "newinstance": // they all are
		return nil
	default:
		return a.unknownKey(key)
	}
	if _, err := strconv.ParseUint(value, base, 32); err != nil {
		return a.refuse("", "%s is not a number: %q", key, value)
	}
	a.data = append(a.data, key+"="+value)
	return nil
}

func (a *attachment) unknownKey(key string) error {
	return a.refuse(mountForm, "a %s mount has no key %q", a.kind, key)
}

// setSwitch takes a key that may have a truth value: on when true or without one.
func (a *attachment) setSwitch(value string, hasValue bool, on, off string) error {
	isOn := true
	if err := a.setFlag(&isOn, value, hasValue); err != nil {
		return err
	}
	if !isOn {
		on = off
	}
	return a.setOption(on)
}

func (a *attachment) setFlag(flag *bool, value string, hasValue bool) error {
	if !hasValue {
		value = "true"
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return a.refuse(mountForm, "neither true nor false: %q", value)
	}
	*flag = on
	return nil
}
