package bundle

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/sandbox/ocispec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const testID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// testImage is an image that says something about everything.
func testImage() *image.Image {
	return &image.Image{
		ID:     "feedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedface",
		Layers: []string{"/store/top", "/store/base"},
		Config: image.Config{
			Env:        []string{"PATH=/opt/bin:/bin", "LANG=C.UTF-8", "broken", "=worse"},
			Entrypoint: []string{"/entry"},
			Cmd:        []string{"serve", "--all"},
			WorkingDir: "srv/app",
			Volumes:    map[string]struct{}{"/data": {}, "/var/lib/db/": {}},
			StopSignal: "SIGQUIT",
		},
	}
}

// testInputs are those of alice, who has subordinate ids.
func testInputs() Inputs {
	plan := idmap.Plan{
		UID: idmap.Map{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65536}},
		GID: idmap.Map{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65536}},
	}
	return Inputs{
		ID: testID, Name: "brave_hopper", Version: "1.0", Plan: plan, Image: testImage(),
		Identity: idmap.Identity{UID: 1000, GID: 1000, User: "alice"},
		Runtime:  "/run/user/1000/rlc/ID", Volumes: "/home/alice/volumes", Overlays: "/home/alice/containers/ID/overlays",
		HostEnv: []string{"HTTPS_PROXY=http://proxy:3128", "no_proxy=", "SECRET=1"}, HostName: "node7",
		HostHosts:  []byte("127.0.0.1 localhost\n127.0.1.1 node7.example.org node7 # here\n10.0.0.8\tnode8\n"),
		HostResolv: []byte("# made by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.53\nsearch example.org\noptions edns0\n"),
		Zoneinfo:   "/usr/share/zoneinfo",
		HostRlimit: func(name string) (uint64, uint64, bool) {
			return 1024, 4096, name == "RLIMIT_NOFILE"
		},
		Images: func(ref string) (*image.Image, error) {
			if ref != "tools" {
				return nil, errors.New("no such image: " + ref)
			}
			return &image.Image{Layers: []string{"/store/tools"}}, nil
		},
		ReadFile: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", filepath.Base(name))) },
		Glob: func(pattern string) ([]string, error) {
			if pattern == "/usr/lib/libfoo*" {
				return []string{"/usr/lib/libfoo.so", "/usr/lib/libfoo.so.1"}, nil
			}
			return nil, nil
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	low := -500
	tests := []struct {
		name   string
		req    Request
		adjust func(*Inputs)
	}{
		{name: "default", req: Request{Image: "docker.io/library/demo:latest"}},
		{name: "everything", req: Request{
			Image: "demo", Args: []string{"sh"}, SetEntrypoint: true, Entrypoint: []string{"/bin/env"}, Hostname: "box", Domainname: "lan",
			Workdir: "/w/../x", User: "1000:100", Groups: []string{"video", "44"}, Umask: "077", Env: []string{"A=1", "LANG=de", "EMPTY="},
			UnsetEnv: []string{"container"}, Annotations: map[string]string{"org.example": "yes"}, Timezone: "Europe/Berlin",
			Terminal: true, Init: true, PreserveFDs: 2, CapAdd: []string{"net_admin", "CAP_SYS_PTRACE"}, CapDrop: []string{"NET_RAW,mknod"},
			SecurityOpts: []string{"no-new-privileges", "seccomp=profile.json", "mask=/etc/secret", "unmask=/proc/k*:/proc/bus", "proc-opts=hidepid=2", "apparmor=mine", "label=disable"},
			Ulimits:      []string{"nofile=1024:8192", "core=-1", "RLIMIT_NPROC=10:20", "nofile=2048:2048"}, Sysctls: []string{"net.ipv4.ip_forward=1", "kernel.shmmax=99"},
			OOMScoreAdj: &low, ShmSize: 1 << 20, Time: "private", StopSignal: "rtmin+3",
			Volumes: []string{"/home/alice/project/src:/src:ro,z", "cache:/cache:U,nocopy,exec", "/anon", "/srv:/over:O", "keep:/keep:O,upperdir=/u,workdir=/w", "/srv:/src/deep:rshared,noexec"},
			Mounts: []string{
				"type=bind,src=/etc/x,dst=/etc/x,readonly,bind-nonrecursive=true", "src=vol,target=/vol,subpath=a/b", "type=image,src=tools,dst=/tools,subpath=bin",
				"type=image,src=tools,dst=/rwtools,rw=true", "type=tmpfs,dst=/scratch,tmpfs-size=1g,tmpfs-mode=0700,notmpcopyup",
				"type=glob,src=/usr/lib/libfoo*,dst=/usr/lib/host,ro", "type=devpts,dst=/pts,gid=5,max=10",
			},
			Tmpfs: []string{"/run/x:size=50%,mode=1777,ro"}, Devices: []string{"/dev/fuse", "/dev/ttyUSB0:/dev/modem:r"},
			AddHosts: []string{"db;db2:10.1.1.1", "gw:host-gateway"}, DNS: []string{"9.9.9.9"}, DNSSearch: []string{"a.b"}, DNSOption: []string{"ndots:2"},
		}, adjust: func(in *Inputs) { in.Gateway, in.Addresses = "10.0.2.2", []string{"10.0.2.100"} }},
		{name: "privileged", req: Request{Image: "demo", Privileged: true, Volumes: []string{"/dev/snd:/dev/snd"}}, adjust: func(in *Inputs) {
			in.HostDevices = []string{"/dev/null", "/dev/fuse", "/dev/snd", "/dev/pts/1", "/dev/dri/card0"}
		}},
		{name: "host-namespaces", req: Request{Image: "demo", Name: "typed", PID: "host", IPC: "host", UTS: "host", Network: "host", CgroupNS: "host", Userns: "keep-id"}, adjust: func(in *Inputs) {
			in.Plan.UID = idmap.Map{
				{Inside: 0, Outside: 100999, Count: 1}, {Inside: 1, Outside: 100000, Count: 999},
				{Inside: 1000, Outside: 1000, Count: 1}, {Inside: 1001, Outside: 101000, Count: 64536},
			}
			in.Plan.GID = in.Plan.UID
		}},
		{name: "joined", req: Request{Image: "demo", PID: "container:a", IPC: "container:a", UTS: "container:a", Network: "container:a", Userns: "container:a", CgroupNS: "ns:/proc/7/ns/cgroup"}, adjust: func(in *Inputs) {
			in.Join = map[string]string{"pid": "/proc/9/ns/pid", "ipc": "/proc/9/ns/ipc", "uts": "/proc/9/ns/uts", "network": "/proc/9/ns/net", "user": "/proc/9/ns/user", "shm": "/proc/9/ns/mnt"}
			in.JoinRuntime, in.HostName = "/run/user/1000/rlc/A", "a"
		}},
		{name: "read-only-no-network", req: Request{Image: "demo", ReadOnly: true, Network: "none", IPC: "none", Volumes: []string{"/home/alice/run:/run", "/x:/data"}, NoHosts: true, DNS: []string{"none"}}},
		{name: "rootfs-single-id", req: Request{Rootfs: "/srv/root", Args: []string{"/bin/true"}, NoHTTPProxy: true, UnsetEnvAll: true, Env: []string{"A=b"}}, adjust: func(in *Inputs) {
			in.Image = nil
			in.Plan = idmap.Plan{Single: true, UID: idmap.Map{{Inside: 0, Outside: 1001, Count: 1}}, GID: idmap.Map{{Inside: 0, Outside: 1001, Count: 1}}}
		}},
		{name: "own-dev", req: Request{Image: "demo", Volumes: []string{"/dev:/dev", "/conf:/etc:ro"}, CapDrop: []string{"all"}, CapAdd: []string{"chown"}, SecurityOpts: []string{"seccomp=unconfined", "systempaths=unconfined", "no-new-privileges=false"}, User: "www-data"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := testInputs()
			if test.adjust != nil {
				test.adjust(&in)
			}
			got, err := Build(test.req, in)
			if err != nil {
				t.Fatal(err)
			}
			checkWritten(t, got.Spec)
			compareGolden(t, test.name, got)
		})
	}
}

// checkWritten shows that config.json keeps all of what Build puts into a spec.
func checkWritten(t *testing.T, built *specs.Spec) {
	t.Helper()
	text, err := json.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	var want, got specs.Spec
	if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(ocispec.Format(built), &got)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("written as %v\nbuilt as %v", got, want)
	}
}

// compareGolden keeps the default seccomp profile out of the files: its rules depend on the architecture.
func compareGolden(t *testing.T, name string, got Bundle) {
	t.Helper()
	if s := got.Spec.Linux.Seccomp; s != nil && len(s.Syscalls) > 3 {
		got.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "as in the default profile"}
	}
	text, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(text) {
		t.Errorf("differs from %s (rewrite with -update):\n%s", file, text)
	}
}

// TestBuildIsPure shows that building twice gives the same, and leaves the arguments alone.
func TestBuildIsPure(t *testing.T) {
	t.Parallel()
	req := Request{Image: "demo", Volumes: []string{"/b", "/a"}, Env: []string{"A=1"}, CapAdd: []string{"all"}}
	in := testInputs()
	first, err := Build(req, in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Build(req, in)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Error("two builds of the same differ")
	}
	if !reflect.DeepEqual(in.Image, testImage()) || !reflect.DeepEqual(req.Volumes, []string{"/b", "/a"}) {
		t.Error("the arguments have changed")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	number := func(n int) *int { return &n }
	tests := []struct {
		name string
		req  Request
		want string // part of the message
	}{
		{"no command", Request{SetEntrypoint: true}, "no command specified"},
		{"empty entrypoint", Request{SetEntrypoint: true, Entrypoint: []string{""}}, "no command specified"},
		{"image and rootfs", Request{Rootfs: "/r"}, "contradict"},
		{"relative workdir", Request{Workdir: "x"}, "--workdir"},
		{"unknown capability", Request{CapAdd: []string{"chow"}}, "unknown capability"},
		{"capability added and dropped", Request{CapAdd: []string{"chown"}, CapDrop: []string{"CAP_CHOWN"}}, "--cap-drop CAP_CHOWN"},
		{"all added and dropped", Request{CapAdd: []string{"all"}, CapDrop: []string{"ALL"}}, "contradict"},
		{"unmapped user", Request{User: "70000"}, "uid 70000 is not mapped"},
		{"unmapped group", Request{User: "0:70000"}, "gid 70000 is not mapped"},
		{"odd user", Request{User: "a:b:c"}, "neither a name nor a number"},
		{"user beyond all", Request{User: "4294967295"}, "no such id"},
		{"negative user", Request{User: "-1"}, "no such id"},
		{"keep-groups and more", Request{Groups: []string{"keep-groups", "1"}}, "keep-groups"},
		{"odd umask", Request{Umask: "9"}, "--umask"},
		{"odd variable", Request{Env: []string{"=x"}}, "--env"},
		{"hostname on host's uts", Request{Hostname: "a", UTS: "host"}, "--uts host"},
		{"domainname on host's uts", Request{Domainname: "a", UTS: "host"}, "--uts host"},
		{"odd hostname", Request{Hostname: "a\nb"}, "not a host name"},
		{"shm of host", Request{ShmSize: 1, IPC: "host"}, "--ipc host"},
		{"shm of none", Request{ShmSize: 1, IPC: "none"}, "--ipc none"},
		{"init on host's pid", Request{Init: true, PID: "host"}, "--pid host"},
		{"sysctl of host's network", Request{Sysctls: []string{"net.ipv4.ip_forward=1"}, Network: "host"}, "--network host"},
		{"sysctl of the machine", Request{Sysctls: []string{"kernel.panic=1"}}, "whole machine"},
		{"sysctl with slashes of the machine", Request{Sysctls: []string{"vm/swappiness=1"}}, "whole machine"},
		{"sysctl hostname", Request{Sysctls: []string{"kernel.hostname=x"}}, "not set this way"},
		{"unknown mode", Request{PID: "foo"}, "no such mode"},
		{"none is for networks", Request{PID: "none"}, "no such mode"},
		{"relative namespace", Request{Network: "ns:x"}, "not an absolute path"},
		{"container that is gone", Request{IPC: "container:x"}, "no such running container"},
		{"hosts of a joined network", Request{Network: "ns:/x", AddHosts: []string{"a:1.1.1.1"}}, "--network ns:/x"},
		{"host-gateway without one", Request{AddHosts: []string{"a:host-gateway"}}, "does not show the host"},
		{"odd host", Request{AddHosts: []string{"a"}}, "--add-host"},
		{"odd host name", Request{AddHosts: []string{"a\n:1.1.1.1"}}, "not a host name"},
		{"hosts and none", Request{AddHosts: []string{"a:1.1.1.1"}, NoHosts: true}, "--no-hosts"},
		{"dns none and one", Request{DNS: []string{"none", "1.1.1.1"}}, "--dns none"},
		{"odd dns", Request{DNS: []string{"x"}}, "not an address"},
		{"odd search", Request{DNSSearch: []string{"a\nnameserver 6.6.6.6"}}, "--dns-search"},
		{"odd limit", Request{Ulimits: []string{"nofile=5:4"}}, "above the hard one"},
		{"security", Request{SecurityOpts: []string{"foo"}}, "unknown option"},
		{"two profiles", Request{SecurityOpts: []string{"seccomp=a", "seccomp=unconfined"}}, "contradict"},
		{"hollow profile", Request{SecurityOpts: []string{"seccomp=hollow.json"}}, "no defaultAction"},
		{"broken profile", Request{SecurityOpts: []string{"seccomp=broken.json"}}, "seccomp"},
		{"missing profile", Request{SecurityOpts: []string{"seccomp=absent.json"}}, "no such file"},
		{"two at a place", Request{Volumes: []string{"/a:/x"}, Tmpfs: []string{"/x/"}}, "both are mounted at /x"},
		{"device over volume", Request{Volumes: []string{"/a:/dev/x"}, Devices: []string{"/dev/x"}}, "something else"},
		{"over the root", Request{Volumes: []string{"/a:/.."}}, "over the root"},
		{"over proc", Request{Mounts: []string{"type=bind,src=/a,dst=/proc/sys"}}, "/proc is the kernel's"},
		{"device over proc", Request{Devices: []string{"/dev/x:/proc/x"}}, "/proc is the kernel's"},
		{"unknown image mount", Request{Mounts: []string{"type=image,src=nope,dst=/x"}}, "no such image"},
		{"glob of nothing", Request{Mounts: []string{"type=glob,src=/nope*,dst=/x"}}, "nothing on the host matches"},
		{"time zone", Request{Timezone: "../../etc/shadow"}, "not a time zone"},
		{"stop signal", Request{StopSignal: "FOO"}, "signal"},
		{"stop timeout", Request{StopTimeout: number(-2)}, "--stop-timeout"},
		{"oom score", Request{OOMScoreAdj: number(1001)}, "--oom-score-adj"},
		{"own annotation", Request{Annotations: map[string]string{"io.rlc.user": "0"}}, "--annotation"},
		{"preserved descriptors", Request{PreserveFDs: -1}, "--preserve-fds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Build(test.req, testInputs())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want something with %q", err, test.want)
			}
		})
	}
}

// TestHostileImage builds from configurations that nobody should have made.
func TestHostileImage(t *testing.T) {
	t.Parallel()
	build := func(change func(*image.Config)) (Bundle, error) {
		in := testInputs()
		change(&in.Image.Config)
		return Build(Request{}, in)
	}
	got, err := build(func(c *image.Config) {
		c.Volumes = map[string]struct{}{"/": {}, "/proc/self": {}, "../../x": {}, "/nul\x00": {}}
		c.StopSignal = "SIGNONSENSE"
		c.WorkingDir = "../../../etc"
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Volumes) != 1 || got.Volumes[0].Destination != "/x" || len(got.Notes) != 4 || got.Spec.Process.Cwd != "/etc" {
		t.Errorf("volumes %v, notes %q, workdir %s", got.Volumes, got.Notes, got.Spec.Process.Cwd)
	}
	for name, change := range map[string]func(*image.Config){
		"zero byte in the environment": func(c *image.Config) { c.Env = []string{"A=\x00"} },
		"zero byte in the command":     func(c *image.Config) { c.Cmd = []string{"\x00"} },
		"user that is none":            func(c *image.Config) { c.User = "a b:" },
		"no command":                   func(c *image.Config) { c.Cmd, c.Entrypoint = nil, nil },
	} {
		if _, err := build(change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSeccompFollowsCapabilities(t *testing.T) {
	t.Parallel()
	allows := func(req Request, call string) bool {
		t.Helper()
		got, err := Build(req, testInputs())
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range got.Spec.Linux.Seccomp.Syscalls {
			for _, name := range rule.Names {
				if name == call && rule.Action == specs.ActAllow {
					return true
				}
			}
		}
		return false
	}
	for name, test := range map[string]struct {
		req  Request
		want bool
	}{
		"default":               {Request{}, false},
		"granted":               {Request{CapAdd: []string{"sys_admin"}}, true},
		"granted to user":       {Request{CapAdd: []string{"sys_admin"}, User: "5"}, true},
		"privileged by profile": {Request{Privileged: true, SecurityOpts: []string{"seccomp=builtin"}}, true},
	} {
		if got := allows(test.req, "mount"); got != test.want {
			t.Errorf("%s: mount allowed: %v", name, got)
		}
	}
	if allows(Request{}, "keyctl") || allows(Request{}, "unshare") {
		t.Error("calls are open that Docker closes")
	}
}

func TestGroupRange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		m         idmap.Map
		low, high uint32
		ok        bool
	}{
		{"usual", idmap.Map{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65536}}, 0, 65536, true},
		{"user above the range", idmap.Map{{Inside: 0, Outside: 9000000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65536}}, 1, 65536, true},
		{"keep-id", idmap.Map{
			{Inside: 0, Outside: 100999, Count: 1}, {Inside: 1, Outside: 100000, Count: 999},
			{Inside: 1000, Outside: 1000, Count: 1}, {Inside: 1001, Outside: 101000, Count: 64536},
		}, 1000, 65536, true},
		{"single", idmap.Map{{Inside: 7, Outside: 1000, Count: 1}}, 7, 7, true},
		{"none", nil, 0, 0, false},
		{"more than old kernels take", idmap.Map{{Inside: 0, Outside: 0, Count: math.MaxUint32}}, 0, math.MaxUint32 - 1, false},
	}
	for _, test := range tests {
		if low, high, ok := groupRange(test.m); low != test.low || high != test.high || ok != test.ok {
			t.Errorf("%s: got %d %d %v", test.name, low, high, ok)
		}
	}
}

func TestInsides(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]idmap.Map{
		"0-65536":    {{Inside: 1, Count: 65536}, {Inside: 0, Count: 1}},
		"7":          {{Inside: 7, Count: 1}},
		"0, 5-6, 9":  {{Inside: 0, Count: 1}, {Inside: 5, Count: 2}, {Inside: 9, Count: 1}},
		"":           nil,
		"0-42949672": {{Inside: 0, Count: 42949673}},
	} {
		if got := insides(m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
