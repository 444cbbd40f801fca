package main

import (
	"encoding/csv"
	"math"
	"strings"

	"github.com/rlc-containers/rlc/bundle"
)

// FilesFlags say what a container sees of the host's files.
type FilesFlags struct {
	Volume   []string `name:"volume" short:"v" sep:"none" placeholder:"SRC:DST[:OPTIONS]" complete:"file" help:"Mount a directory or file of the host, or a named volume"`
	Mount    []string `name:"mount" sep:"none" placeholder:"type=TYPE,..." help:"Mount something: type=bind, volume, tmpfs, image or devpts with source=, target= and options"`
	Tmpfs    []string `name:"tmpfs" sep:"none" placeholder:"DST[:OPTIONS]" help:"Mount an empty file system in memory"`
	Device   []string `name:"device" sep:"none" placeholder:"SRC[:DST[:PERM]]" complete:"file" help:"Show a device of the host in the container"`
	ShmSize  string   `name:"shm-size" placeholder:"SIZE" help:"Size of /dev/shm: bytes, or with b, k, m or g; 0 is unlimited (default 64m)"`
	ReadOnly bool     `name:"read-only" help:"Mount the root file system read-only"`
	RoTmpfs  *bool    `name:"read-only-tmpfs" help:"With --read-only, let /run, /tmp and /dev/shm be written to (default true)"`
	Rootfs   bool     `name:"rootfs" help:"IMAGE is a directory that holds a root file system; DIR:O throws changes away"`
}

func (f *FilesFlags) apply(a *app, r *bundle.Request) error {
	r.Tmpfs, r.Devices, r.ReadOnly = f.Tmpfs, f.Device, f.ReadOnly
	r.NoReadOnlyTmpfs = f.RoTmpfs != nil && !*f.RoTmpfs
	var err error
	for _, volume := range f.Volume {
		if volume, err = a.absoluteVolume(volume); err != nil {
			return err
		}
		r.Volumes = append(r.Volumes, volume)
	}
	for _, mount := range f.Mount {
		if mount, err = a.absoluteMount(mount); err != nil {
			return err
		}
		r.Mounts = append(r.Mounts, mount)
	}
	if r.ShmSize, err = shmSize(f.ShmSize); err != nil {
		return err
	}
	if f.Rootfs {
		dir, overlay := strings.CutSuffix(r.Image, ":O")
		r.Image, r.RootfsOverlay = "", overlay
		if r.Rootfs, err = a.absolute(dir); err != nil {
			return err
		}
	}
	return nil
}

// absoluteVolume makes the source of a -v absolute where it is a path. One that begins
// with neither a dot nor a slash is the name of a volume.
func (a *app) absoluteVolume(volume string) (string, error) {
	if !strings.HasPrefix(volume, ".") {
		return volume, nil
	}
	source, rest, more := strings.Cut(volume, ":")
	source, err := a.absolute(source)
	if err != nil || !more {
		return source, err
	}
	return source + ":" + rest, nil
}

// absoluteMount makes the source of a --mount absolute where it is a relative path.
func (a *app) absoluteMount(mount string) (string, error) {
	if !strings.Contains(mount, "=.") {
		return mount, nil
	}
	fields, err := csv.NewReader(strings.NewReader(mount)).Read()
	if err != nil {
		return "", &usageError{message: "--mount " + mount + ": " + err.Error(), hint: "write type=bind,source=/host/dir,target=/dir"}
	}
	for i, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		if (key == "source" || key == "src") && strings.HasPrefix(value, ".") {
			if value, err = a.absolute(value); err != nil {
				return "", err
			}
			fields[i] = key + "=" + value
		}
	}
	var text strings.Builder
	w := csv.NewWriter(&text)
	if err := w.Write(fields); err != nil {
		return "", err
	}
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// shmSize reads a size of /dev/shm. A file system without a limit is one with the largest.
func shmSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	size, err := bundle.ParseSize(s)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return math.MaxInt64, nil
	}
	return size, nil
}

// SecurityFlags say what the command may do.
type SecurityFlags struct {
	Privileged  bool     `name:"privileged" help:"Give the command all that you can give: all capabilities, devices, no masked paths"`
	CapAdd      []string `name:"cap-add" sep:"," placeholder:"CAPABILITY" help:"Add capabilities; ALL adds all"`
	CapDrop     []string `name:"cap-drop" sep:"," placeholder:"CAPABILITY" help:"Drop capabilities; ALL drops all"`
	SecurityOpt []string `name:"security-opt" sep:"none" placeholder:"OPTION" help:"no-new-privileges, seccomp=FILE|unconfined, mask=PATH, unmask=PATH|ALL, apparmor=PROFILE, label=disable"`
	Sysctl      []string `name:"sysctl" sep:"none" placeholder:"KEY=VALUE" help:"Set a kernel parameter of the container's namespaces"`
}

func (f *SecurityFlags) apply(_ *app, r *bundle.Request) error {
	r.Privileged, r.CapAdd, r.CapDrop = f.Privileged, f.CapAdd, f.CapDrop
	r.SecurityOpts, r.Sysctls = f.SecurityOpt, f.Sysctl
	return nil
}
