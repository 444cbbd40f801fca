package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/image"
)

// zoneinfo is where hosts keep their time zones.
const zoneinfo = "/usr/share/zoneinfo"

// build collects the facts that a spec depends on, builds it, and writes the files that are
// mounted into the container.
func (e *Engine) build(ctx context.Context, d *draft, c *container.Container) (bundle.Bundle, error) {
	r := d.options.Request
	in := bundle.Inputs{
		ID: c.Record.ID, Name: c.Record.Name, Version: e.Version, Identity: e.Identity, Image: d.image, Plan: d.plan,
		Runtime: c.Runtime, Volumes: filepath.Join(e.Data, "volumes"), Overlays: filepath.Join(c.Dir, container.OverlayDir),
		HostEnv: e.Env, HostRlimit: hostRlimit, Zoneinfo: zoneinfo, Join: d.join, ReadFile: os.ReadFile, Glob: filepath.Glob,
		Images: func(ref string) (*image.Image, error) {
			return e.resolve(ctx, ref, RunOptions{Request: bundle.Request{Pull: r.Pull}, Image: d.options.Image, Quiet: d.options.Quiet})
		},
	}
	if d.host != nil && strings.HasPrefix(r.Network, "container:") {
		in.JoinRuntime = d.host.Runtime
	}
	e.hostFacts(r, &in)
	built, err := bundle.Build(r, in)
	if err != nil {
		return built, err
	}
	if size := e.size(); r.Terminal && size.Rows > 0 {
		built.Spec.Process.ConsoleSize = &specs.Box{Height: uint(size.Rows), Width: uint(size.Columns)}
	}
	return built, errors.Join(
		c.WriteRuntime("hosts", built.Hosts),
		c.WriteRuntime("resolv.conf", built.Resolv),
		c.WriteRuntime("hostname", built.Hostname),
		c.WriteRuntime(".containerenv", built.Environ),
	)
}

// hostFacts reads what the host's own files say. What cannot be read is left out: a
// container can do without.
func (e *Engine) hostFacts(r bundle.Request, in *bundle.Inputs) {
	in.HostName, _ = os.Hostname()
	in.HostHosts, _ = os.ReadFile("/etc/hosts")
	in.HostResolv = hostResolv()
	if score, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil {
		in.HostOOMScoreAdj, _ = strconv.Atoi(strings.TrimSpace(string(score)))
	}
	if r.Privileged {
		in.HostDevices = hostDevices()
	}
}

// hostResolv returns the host's resolver configuration; systemd's own list of servers where
// /etc/resolv.conf names only its stub, which other network namespaces do not reach.
func hostResolv() []byte {
	const stub, upstream = "nameserver 127.0.0.53", "/run/systemd/resolve/resolv.conf"
	data, _ := os.ReadFile("/etc/resolv.conf") // none: no name servers
	if !bytes.Contains(data, []byte(stub)) {
		return data
	}
	if real, err := os.ReadFile(upstream); err == nil {
		return real
	}
	return data
}

// hostDevices lists the device nodes below /dev that the user may open.
func hostDevices() []string {
	var found []string
	_ = filepath.WalkDir("/dev", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // not for this user
		case d.IsDir() && (path == "/dev/pts" || path == "/dev/shm" || path == "/dev/mqueue"):
			return fs.SkipDir
		case d.Type()&fs.ModeDevice != 0 && unix.Access(path, unix.R_OK|unix.W_OK) == nil:
			found = append(found, path)
		}
		return nil
	})
	return found
}

// rlimits are the resource limits that a spec can name; see getrlimit(2).
var rlimits = [...]struct {
	name     string
	resource int
}{
	{"RLIMIT_AS", unix.RLIMIT_AS}, {"RLIMIT_CORE", unix.RLIMIT_CORE}, {"RLIMIT_CPU", unix.RLIMIT_CPU},
	{"RLIMIT_DATA", unix.RLIMIT_DATA}, {"RLIMIT_FSIZE", unix.RLIMIT_FSIZE}, {"RLIMIT_LOCKS", unix.RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", unix.RLIMIT_NICE},
	{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE}, {"RLIMIT_NPROC", unix.RLIMIT_NPROC}, {"RLIMIT_RSS", unix.RLIMIT_RSS},
	{"RLIMIT_RTPRIO", unix.RLIMIT_RTPRIO}, {"RLIMIT_RTTIME", unix.RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING}, {"RLIMIT_STACK", unix.RLIMIT_STACK},
}

// hostRlimit returns the caller's own limit of a kind.
func hostRlimit(name string) (soft, hard uint64, ok bool) {
	for _, l := range rlimits {
		if l.name != name {
			continue
		}
		var now unix.Rlimit
		if err := unix.Prlimit(os.Getpid(), l.resource, nil, &now); err != nil {
			return 0, 0, false
		}
		return now.Cur, now.Max, true
	}
	return 0, 0, false
}
