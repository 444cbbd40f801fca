package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/engine"
)

// containerInspection is a container with the keys that Docker's and Podman's users ask for.
type containerInspection struct {
	ID              string `json:"Id"`
	Created         time.Time
	Path            string
	Args            []string
	State           inspectedState
	Image           string
	ImageName       string
	Name            string
	Driver          string
	AutoRemove      bool
	OCIConfigPath   string
	HostnamePath    string
	HostsPath       string
	ResolvConfPath  string
	RestartCount    int
	Mounts          []inspectedMount
	HostConfig      inspectedHostConfig
	Config          inspectedConfig
	NetworkSettings inspectedNetworks
}

type inspectedState struct {
	Status     string
	Running    bool
	Paused     bool
	Restarting bool
	OOMKilled  bool
	Dead       bool
	Pid        int
	ExitCode   int
	Error      string
	StartedAt  time.Time
	FinishedAt time.Time
}

type inspectedMount struct {
	Type        string
	Name        string `json:",omitempty"`
	Source      string
	Destination string
	Mode        string
	RW          bool
	Options     []string
	Propagation string
}

type inspectedHostConfig struct {
	AutoRemove     bool
	Binds          []string
	CapAdd         []string
	CapDrop        []string
	CgroupMode     string
	Dns            []string
	DnsOptions     []string
	DnsSearch      []string
	ExtraHosts     []string
	GroupAdd       []string
	Init           bool
	IpcMode        string
	NetworkMode    string
	PidMode        string
	PortBindings   map[string]any
	Privileged     bool
	ReadonlyRootfs bool
	SecurityOpt    []string
	ShmSize        int64
	Sysctls        map[string]string
	Tmpfs          map[string]string
	UTSMode        string
	UsernsMode     string
}

type inspectedConfig struct {
	Hostname    string
	Domainname  string
	User        string
	Tty         bool
	OpenStdin   bool
	Env         []string
	Cmd         []string
	Image       string
	WorkingDir  string
	Entrypoint  []string
	Labels      map[string]string
	Annotations map[string]string
	StopSignal  string
	StopTimeout int
	Timeout     uint
	Umask       string
	Timezone    string
}

type inspectedNetworks struct {
	Networks  map[string]inspectedNetwork
	Ports     map[string]any
	IPAddress string
	Gateway   string
}

type inspectedNetwork struct {
	IPAddress string
	Gateway   string
}

// containerReport collects all that people ask of a container.
func containerReport(c *engine.Container) (*containerInspection, error) {
	config := filepath.Join(c.Directory, "config.json")
	spec, err := readSpec(config)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", c.Name, err)
	}
	i := &containerInspection{
		ID: c.ID, Created: c.Created, State: inspectState(c), Image: c.ImageID, ImageName: c.Image, Name: c.Name,
		Driver: c.Driver, AutoRemove: c.Remove, OCIConfigPath: config, Args: []string{},
		HostnamePath: filepath.Join(c.Runtime, "hostname"), HostsPath: filepath.Join(c.Runtime, "hosts"),
		ResolvConfPath: filepath.Join(c.Runtime, "resolv.conf"),
		HostConfig:     inspectHostConfig(c, spec), Config: inspectConfig(c, spec), Mounts: inspectMounts(spec, c.Runtime),
		NetworkSettings: inspectedNetworks{Networks: map[string]inspectedNetwork{c.Network: {}}, Ports: map[string]any{}},
	}
	if len(c.Command) > 0 {
		i.Path, i.Args = c.Command[0], listed(c.Command[1:])
	}
	return i, nil
}

// readSpec reads the OCI specification of a container; one that failed early has none.
func readSpec(path string) (*specs.Spec, error) {
	spec := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return spec, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return spec, nil
}

func inspectState(c *engine.Container) inspectedState {
	return inspectedState{
		Status: string(c.State), Running: c.State == container.Running, Dead: c.State == container.Dead, Pid: c.Pid,
		ExitCode: c.ExitCode, Error: c.Error, StartedAt: c.Started, FinishedAt: c.Finished,
	}
}

func inspectConfig(c *engine.Container, spec *specs.Spec) inspectedConfig {
	r := &c.Request
	i := inspectedConfig{
		Hostname: spec.Hostname, Domainname: spec.Domainname, User: r.User, Tty: r.Terminal, OpenStdin: r.Interactive,
		Env: listed(spec.Process.Env), Cmd: listed(r.Args), Image: c.Image, WorkingDir: spec.Process.Cwd, Entrypoint: r.Entrypoint,
		Labels: c.Labels, Annotations: r.Annotations, StopSignal: r.StopSignal, StopTimeout: 10, Timeout: r.Timeout,
		Umask: r.Umask, Timezone: r.Timezone,
	}
	if r.StopTimeout != nil {
		i.StopTimeout = *r.StopTimeout
	}
	return i
}

func inspectHostConfig(c *engine.Container, spec *specs.Spec) inspectedHostConfig {
	r := &c.Request
	i := inspectedHostConfig{
		AutoRemove: c.Remove, Binds: listed(r.Volumes), CapAdd: listed(r.CapAdd), CapDrop: listed(r.CapDrop), CgroupMode: r.CgroupNS,
		Dns: listed(r.DNS), DnsOptions: listed(r.DNSOption), DnsSearch: listed(r.DNSSearch), ExtraHosts: listed(r.AddHosts), GroupAdd: listed(r.Groups),
		Init: r.Init, IpcMode: r.IPC, NetworkMode: c.Network, PidMode: r.PID, PortBindings: map[string]any{},
		Privileged: r.Privileged, ReadonlyRootfs: r.ReadOnly, SecurityOpt: listed(r.SecurityOpts), ShmSize: r.ShmSize,
		Sysctls: map[string]string{}, Tmpfs: map[string]string{}, UTSMode: r.UTS, UsernsMode: r.Userns,
	}
	if i.ShmSize == 0 {
		i.ShmSize = 64 << 20
	}
	if spec.Linux != nil && spec.Linux.Sysctl != nil {
		i.Sysctls = spec.Linux.Sysctl
	}
	for _, t := range r.Tmpfs {
		path, options, _ := strings.Cut(t, ":")
		i.Tmpfs[path] = options
	}
	return i
}

// inspectMounts lists what the person asked to be mounted: what is neither rlc's own nor
// part of every container.
func inspectMounts(spec *specs.Spec, runtime string) []inspectedMount {
	mounts := []inspectedMount{}
	for _, m := range spec.Mounts {
		if !filepath.IsAbs(m.Source) || strings.HasPrefix(m.Source, runtime+"/") || strings.HasPrefix(m.Destination, "/dev/") {
			continue
		}
		i := inspectedMount{Type: "bind", Source: m.Source, Destination: m.Destination, RW: true, Options: []string{}, Propagation: "rprivate"}
		if name, ok := volumeName(m.Source); ok {
			i.Type, i.Name = "volume", name
		}
		for _, o := range m.Options {
			switch {
			case o == "ro":
				i.RW = false
			case strings.HasSuffix(o, "shared"), strings.HasSuffix(o, "slave"), strings.HasSuffix(o, "private"):
				i.Propagation = o
			case !strings.HasPrefix(o, "x-") && o != "rbind" && o != "bind" && o != "rw":
				i.Options = append(i.Options, o)
			}
		}
		mounts = append(mounts, i)
	}
	return mounts
}

// volumeName finds the volume whose files lie in a directory: .../volumes/NAME/_data.
func volumeName(source string) (string, bool) {
	dir, last := filepath.Split(source)
	if last != "_data" || filepath.Base(filepath.Dir(filepath.Clean(dir))) != "volumes" {
		return "", false
	}
	return filepath.Base(dir), true
}

// destinations are the places of mounts given as -v or --mount.
func destinations(mounts []string) []string {
	places := []string{}
	for _, m := range mounts {
		if strings.Contains(m, "=") && !strings.HasPrefix(m, "/") {
			fields := strings.Split(m, ",")
			at := slices.IndexFunc(fields, func(f string) bool {
				key, _, _ := strings.Cut(f, "=")
				return key == "target" || key == "dst" || key == "destination"
			})
			if at >= 0 {
				_, place, _ := strings.Cut(fields[at], "=")
				places = append(places, place)
			}
			continue
		}
		parts := strings.SplitN(m, ":", 3)
		places = append(places, parts[min(1, len(parts)-1)])
	}
	return places
}
