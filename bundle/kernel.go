package bundle

import (
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/sandbox"
)

// shmSize is how much /dev/shm holds when nobody says so.
const shmSize = 64 << 20

// kernelMounts are the file systems that every container has: what Docker mounts, or the
// host's own in place of those that belong to a namespace of the host.
func (b *builder) kernelMounts() []specs.Mount {
	mounts := []specs.Mount{
		b.proc(),
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"}},
		b.pts(),
		b.mqueue(),
		b.sys(),
		b.cgroup(),
	}
	if b.space[ipc].mode != none {
		mounts = append(mounts, b.shm())
	}
	return mounts
}

func (b *builder) proc() specs.Mount {
	if b.space[pid].mode == host {
		return hostBind("/proc")
	}
	options := append([]string{"nosuid", "noexec", "nodev"}, b.security.procOptions...)
	return specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: options}
}

// hostBind shows what the host has at a path, and what is mounted below.
func hostBind(place string, options ...string) specs.Mount {
	options = append([]string{"rbind", "rprivate", "nosuid", "noexec", "nodev"}, options...)
	return specs.Mount{Destination: place, Type: "bind", Source: place, Options: options}
}

// pts gives terminals to the group tty, which has the gid 5 everywhere, if that is mapped.
func (b *builder) pts() specs.Mount {
	options := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
	if _, mapped := b.in.Plan.GID.ToOutside(5); mapped {
		options = append(options, "gid=5")
	}
	return specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: options}
}

func (b *builder) mqueue() specs.Mount {
	if b.space[ipc].foreign() {
		return hostBind("/dev/mqueue", sandbox.OptionOptional)
	}
	return specs.Mount{
		Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue",
		Options: []string{"nosuid", "noexec", "nodev", sandbox.OptionOptional}, // not every kernel has it
	}
}

func (b *builder) shm() specs.Mount {
	n := b.space[ipc]
	switch {
	case n.mode == host:
		return hostBind("/dev/shm")
	case n.shm != "":
		b.Trees = append(b.Trees, Tree{Lower: []string{"/dev/shm"}, Namespace: n.shm})
		return specs.Mount{Destination: "/dev/shm", Type: sandbox.TypeTree, Source: strconv.Itoa(len(b.Trees)), Options: []string{"nosuid", "noexec", "nodev"}}
	case n.mode == joined:
		b.note(n.flag() + ": /dev/shm is not shared")
	}
	size := b.req.ShmSize
	if size == 0 {
		size = shmSize
	}
	options := []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(size, 10)}
	if b.req.ReadOnly && b.req.NoReadOnlyTmpfs {
		options = append(options, "ro")
	}
	return specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: options}
}

func (b *builder) sys() specs.Mount {
	if b.space[network].foreign() {
		return hostBind("/sys", b.readOnlyUnless(b.req.Privileged)...)
	}
	options := append([]string{"nosuid", "noexec", "nodev"}, b.readOnlyUnless(b.req.Privileged)...)
	return specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: options}
}

func (b *builder) cgroup() specs.Mount {
	const place = "/sys/fs/cgroup"
	access := b.readOnlyUnless(b.req.Privileged || b.security.unmasks(place))
	if b.space[cgroup].foreign() {
		return hostBind(place, append(access, sandbox.OptionOptional)...)
	}
	options := append([]string{"nosuid", "noexec", "nodev", "relatime", sandbox.OptionOptional}, access...)
	return specs.Mount{Destination: place, Type: "cgroup", Source: "cgroup", Options: options}
}

func (b *builder) readOnlyUnless(writable bool) []string {
	if writable {
		return nil
	}
	return []string{"ro"}
}

// bindDevices adds --device and, with --privileged, all devices that the person may open.
// They are the host's nodes: nobody but root of the host may make any.
func (b *builder) bindDevices(taken map[string]*attachment) error {
	placed := map[string]bool{}
	for _, text := range b.req.Devices {
		d, err := parseDevice(text)
		if err != nil {
			return err
		}
		if taken[d.target] != nil || placed[d.target] {
			return refuse("--device", text, "choose another path in the container", "something else is mounted at %s", d.target)
		}
		placed[d.target] = true
		if d.access != "rwm" && d.access != "rw" && d.access != "mrw" {
			b.note("--device " + text + ": the access cannot be narrowed: the node's own permissions count")
		}
		b.add(bindDevice(d.source, d.target))
	}
	if !b.req.Privileged || taken["/dev"] != nil {
		return nil
	}
	for _, node := range b.in.HostDevices {
		if taken[node] == nil && !placed[node] && !isDefaultDevice(node) {
			b.add(bindDevice(node, node, sandbox.OptionOptional))
		}
	}
	return nil
}

func bindDevice(source, target string, options ...string) specs.Mount {
	options = append([]string{"rbind", "rprivate", "nosuid", "noexec"}, options...)
	return specs.Mount{Destination: target, Type: "bind", Source: source, Options: options}
}

// isDefaultDevice knows what init puts into every /dev, and what lies in mounts of its own.
func isDefaultDevice(node string) bool {
	return !below(node, "/dev") || below(node, "/dev/pts") || below(node, "/dev/shm") || below(node, "/dev/mqueue") ||
		slices.Contains([]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console", "/dev/ptmx"}, node)
}
