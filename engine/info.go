package engine

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/monitor"
)

// Info is what rlc knows about the machine and itself.
type Info struct {
	Host       HostInfo
	Mapping    MappingInfo
	Store      StoreInfo
	Containers ContainerCount
	Version    string
}

// HostInfo is about the machine.
type HostInfo struct {
	OS       string
	Arch     string
	Kernel   string
	Hostname string
	CPUs     int
	Memory   uint64 // bytes
	Rootless bool
	Cgroups  string // v2, hybrid, v1, none
}

// MappingInfo is about the ids that containers get by default.
type MappingInfo struct {
	UID    string // lines of uid_map
	GID    string
	Single bool
	Notes  []string
	Error  string `json:",omitempty"`
}

// StoreInfo is about images and how they are mounted.
type StoreInfo struct {
	Root       string
	Runtime    string
	FileSystem string
	Additional []string
	Images     int
	// Driver is how a root is mounted; Tried says why each better way is not used.
	Driver string
	Tried  []string
	Error  string `json:",omitempty"`
}

// ContainerCount counts containers by state.
type ContainerCount struct{ Total, Running, Stopped int }

// Info collects facts. What cannot be found out is left empty or told in an Error field.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	i := Info{Version: e.Version, Host: hostInfo(), Mapping: e.mappingInfo(ctx)}
	store := e.store()
	i.Store = StoreInfo{Root: store.Root, Runtime: e.Runtime, Additional: store.Additional, FileSystem: fileSystem(e.Data)}
	var images []image.Image
	if err := e.Image(ctx, image.Request{Verb: image.VerbList}, &images); err != nil {
		i.Store.Error = err.Error()
	}
	i.Store.Images = len(images)
	if probe, err := e.probe(ctx); err != nil {
		i.Store.Error = err.Error()
	} else {
		i.Store.Driver, i.Store.Tried = probe.Driver, probe.Reasons
	}
	all, err := e.all()
	if err != nil {
		return i, err
	}
	i.Containers.Total = len(all)
	for _, c := range all {
		if c.State == container.Running {
			i.Containers.Running++
		}
	}
	i.Containers.Stopped = i.Containers.Total - i.Containers.Running
	return i, nil
}

func hostInfo() HostInfo {
	h := HostInfo{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Rootless: os.Geteuid() != 0, Cgroups: cgroups()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel, h.Hostname = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Nodename[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		h.Memory = uint64(s.Totalram) * uint64(s.Unit)
	}
	return h
}

// cgroups says which hierarchies are mounted at /sys/fs/cgroup.
func cgroups() string {
	var s unix.Statfs_t
	if unix.Statfs("/sys/fs/cgroup", &s) != nil {
		return "none"
	}
	if s.Type == unix.CGROUP2_SUPER_MAGIC {
		return "v2"
	}
	if unix.Statfs("/sys/fs/cgroup/unified", &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		return "hybrid"
	}
	if s.Type == unix.TMPFS_MAGIC {
		return "v1"
	}
	return "none"
}

func (e *Engine) mappingInfo(ctx context.Context) MappingInfo {
	plan, err := e.plan(ctx, idmap.Request{})
	if err != nil {
		return MappingInfo{Error: err.Error()}
	}
	return MappingInfo{UID: strings.TrimSpace(plan.UID.String()), GID: strings.TrimSpace(plan.GID.String()), Single: plan.Single, Notes: plan.Notes}
}

// fileSystems are names for the numbers that statfs(2) gives, of those that homes lie on.
var fileSystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.TMPFS_MAGIC: "tmpfs",
	unix.NFS_SUPER_MAGIC: "nfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.FUSE_SUPER_MAGIC: "fuse",
	0x2fc12fc1: "zfs", 0x0bd00bd0: "lustre", 0x47504653: "gpfs", 0xf2f52010: "f2fs", 0xff534d42: "cifs",
}

// fileSystem names the file system that a directory, or the first one above it that exists, lies on.
func fileSystem(dir string) string {
	var s unix.Statfs_t
	for unix.Statfs(dir, &s) != nil {
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
	if name, ok := fileSystems[int64(s.Type)]; ok {
		return name
	}
	return "unknown"
}

// probe asks a process in a user namespace which way of mounting a root works there.
func (e *Engine) probe(ctx context.Context) (monitor.Probed, error) {
	plan, err := e.storePlan(ctx)
	if err != nil {
		return monitor.Probed{}, err
	}
	if err := e.makeStore(plan); err != nil {
		return monitor.Probed{}, err
	}
	task := monitor.Task{Probe: &monitor.Probe{Dir: e.store().Root, Driver: e.StorageDriver, Program: e.FUSEOverlayfs}}
	answer, err := e.task(ctx, plan, task)
	if err != nil || answer.Probed == nil {
		return monitor.Probed{}, err
	}
	return *answer.Probed, nil
}
