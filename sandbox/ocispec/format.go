package ocispec

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Format writes config.json: those parts of a spec that Parse reads.
func Format(s *specs.Spec) []byte {
	w := &writer{data: make([]byte, 0, 16<<10)}
	w.object(func() {
		w.text("ociVersion", s.Version)
		optional(w, "process", s.Process, w.process)
		optional(w, "root", s.Root, func(r specs.Root) {
			w.object(func() { w.text("path", r.Path); w.flag("readonly", r.Readonly) })
		})
		w.text("hostname", s.Hostname)
		w.text("domainname", s.Domainname)
		items(w, "mounts", s.Mounts, w.mount)
		w.textMap("annotations", s.Annotations)
		optional(w, "linux", s.Linux, w.linux)
	})
	return w.data
}

func (w *writer) process(p specs.Process) {
	w.object(func() {
		w.flag("terminal", p.Terminal)
		optional(w, "consoleSize", p.ConsoleSize, func(b specs.Box) {
			w.object(func() { w.number("height", uint64(b.Height)); w.number("width", uint64(b.Width)) })
		})
		w.member("user")
		w.user(p.User)
		w.texts("args", p.Args)
		w.texts("env", p.Env)
		w.text("cwd", p.Cwd)
		optional(w, "capabilities", p.Capabilities, w.capabilities)
		items(w, "rlimits", p.Rlimits, func(l specs.POSIXRlimit) {
			w.object(func() { w.text("type", l.Type); w.number("hard", l.Hard); w.number("soft", l.Soft) })
		})
		w.flag("noNewPrivileges", p.NoNewPrivileges)
		optional(w, "oomScoreAdj", p.OOMScoreAdj, func(n int) { w.data = strconv.AppendInt(w.data, int64(n), 10) })
	})
}

func (w *writer) user(u specs.User) {
	id := func(n uint32) { w.data = strconv.AppendUint(w.data, uint64(n), 10) }
	w.object(func() {
		w.number("uid", uint64(u.UID))
		w.number("gid", uint64(u.GID))
		optional(w, "umask", u.Umask, id)
		items(w, "additionalGids", u.AdditionalGids, id)
	})
}

func (w *writer) capabilities(c specs.LinuxCapabilities) {
	w.object(func() {
		w.texts("bounding", c.Bounding)
		w.texts("effective", c.Effective)
		w.texts("inheritable", c.Inheritable)
		w.texts("permitted", c.Permitted)
		w.texts("ambient", c.Ambient)
	})
}

func (w *writer) mount(m specs.Mount) {
	w.object(func() {
		w.text("destination", m.Destination)
		w.text("type", m.Type)
		w.text("source", m.Source)
		w.texts("options", m.Options)
	})
}

func (w *writer) linux(l specs.Linux) {
	w.object(func() {
		w.textMap("sysctl", l.Sysctl)
		items(w, "namespaces", l.Namespaces, func(n specs.LinuxNamespace) {
			w.object(func() { w.text("type", string(n.Type)); w.text("path", n.Path) })
		})
		items(w, "devices", l.Devices, func(d specs.LinuxDevice) {
			w.object(func() { w.text("path", d.Path); w.text("type", d.Type) })
		})
		optional(w, "seccomp", l.Seccomp, w.seccomp)
		w.text("rootfsPropagation", l.RootfsPropagation)
		w.texts("maskedPaths", l.MaskedPaths)
		w.texts("readonlyPaths", l.ReadonlyPaths)
		w.text("mountLabel", l.MountLabel)
	})
}

func (w *writer) seccomp(s specs.LinuxSeccomp) {
	errno := func(n uint) { w.data = strconv.AppendUint(w.data, uint64(n), 10) }
	w.object(func() {
		w.text("defaultAction", string(s.DefaultAction))
		optional(w, "defaultErrnoRet", s.DefaultErrnoRet, errno)
		items(w, "architectures", s.Architectures, func(a specs.Arch) { w.quote(string(a)) })
		items(w, "flags", s.Flags, func(f specs.LinuxSeccompFlag) { w.quote(string(f)) })
		w.text("listenerPath", s.ListenerPath)
		w.text("listenerMetadata", s.ListenerMetadata)
		items(w, "syscalls", s.Syscalls, func(c specs.LinuxSyscall) {
			w.object(func() {
				w.texts("names", c.Names)
				w.text("action", string(c.Action))
				optional(w, "errnoRet", c.ErrnoRet, errno)
				items(w, "args", c.Args, w.arg)
			})
		})
	})
}

func (w *writer) arg(a specs.LinuxSeccompArg) {
	w.object(func() {
		w.number("index", uint64(a.Index))
		w.number("value", a.Value)
		w.number("valueTwo", a.ValueTwo)
		w.text("op", string(a.Op))
	})
}
