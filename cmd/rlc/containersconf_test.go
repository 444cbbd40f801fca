package main

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// readConf reads texts as files of containers.conf, the last one as the override.
func readConf(t *testing.T, main, override string) (*containersConf, error) {
	t.Helper()
	dir := t.TempDir()
	a := testApp()
	write(t, filepath.Join(dir, "main"), main)
	a.environment = append(a.environment, "CONTAINERS_CONF="+filepath.Join(dir, "main"))
	if override != "" {
		write(t, filepath.Join(dir, "override"), override)
		a.environment = append(a.environment, "CONTAINERS_CONF_OVERRIDE="+filepath.Join(dir, "override"))
	}
	return a.containersConf()
}

// confCase is a containers.conf, with an override, and what it makes of a request.
type confCase struct {
	name, main, override string
	request, want        R
}

func confCases() []confCase {
	return []confCase{
		{"empty", "", "", R{}, R{}},
		{"other keys are ignored", "[containers]\nlog_driver=\"journald\"\npids_limit=10\n[network]\nx=1\n[engine]\nruntime=\"crun\"", "", R{}, R{}},
		{"simple ones", `[containers]
			init = true
			tz = "local"
			umask = "0077"
			userns = "keep-id"
			netns = "host"
			ipcns = "host"
			pidns = "host"
			utsns = "host"
			cgroupns = "private"
			shm_size = "1m"
			http_proxy = false
			read_only = true
			privileged = true
			oom_score_adj = 5
			no_hosts = true
			[engine]
			pull_policy = "newer"
			stop_timeout = 3`, "", R{}, R{
			Init: true, Timezone: "local", Umask: "0077", Userns: "keep-id", Network: "host", IPC: "host", PID: "host", UTS: "host",
			CgroupNS: "private", ShmSize: 1 << 20, NoHTTPProxy: true, ReadOnly: true, Privileged: true, OOMScoreAdj: number(5),
			NoHosts: true, Pull: "newer", StopTimeout: number(3),
		}},
		{"the request wins", `[containers]
			tz = "local"
			netns = "host"
			userns = "keep-id"
			shm_size = "1m"
			dns_servers = ["1.1.1.1"]
			oom_score_adj = 5`, "", R{
			Timezone: "Europe/Berlin", Network: "none", UIDMap: []string{"0:0:1"}, ShmSize: 5, DNS: []string{"9.9.9.9"}, OOMScoreAdj: number(6),
		}, R{
			Timezone: "Europe/Berlin", Network: "none", UIDMap: []string{"0:0:1"}, ShmSize: 5, DNS: []string{"9.9.9.9"}, OOMScoreAdj: number(6),
		}},
		{"lists come first", `[containers]
			volumes = ["/a:/a"]
			mounts = ["type=tmpfs,dst=/t"]
			devices = ["/dev/fuse"]
			annotations = ["a=1", "b=2"]
			default_ulimits = ["nofile=1:1", "nproc=2:2"]
			default_sysctls = ["net.ipv4.ip_forward=0", "kernel.shmmax=1"]`, "", R{
			Volumes: []string{"/b:/b"}, Annotations: map[string]string{"b": "3"}, Ulimits: []string{"nofile=9:9"}, Sysctls: []string{"kernel.shmmax=2"},
		}, R{
			Volumes: []string{"/a:/a", "/b:/b"}, Mounts: []string{"type=tmpfs,dst=/t"}, Devices: []string{"/dev/fuse"},
			Annotations: map[string]string{"a": "1", "b": "3"}, Ulimits: []string{"nproc=2:2", "nofile=9:9"},
			Sysctls: []string{"net.ipv4.ip_forward=0", "kernel.shmmax=2"},
		}},
		{"a foreign namespace keeps its settings", `[containers]
			default_sysctls = ["net.ipv4.ip_forward=0", "kernel.shmmax=1"]
			dns_servers = ["1.1.1.1"]`, "", R{Network: "container:c", IPC: "host"}, R{Network: "container:c", IPC: "host"}},
		{"security", "[containers]\nlabel = false\nseccomp_profile = \"/p.json\"", "", R{}, R{SecurityOpts: []string{"label=disable", "seccomp=/p.json"}}},
		{"capabilities", "[containers]\ndefault_capabilities = [\"CHOWN\"]", "", R{CapAdd: []string{"KILL"}}, R{CapAdd: []string{"KILL"}, Capabilities: []string{"CHOWN"}}},
		{"security, decided", "[containers]\nlabel = false\nseccomp_profile = \"/p.json\"", "", R{SecurityOpts: []string{"seccomp=unconfined", "label=x"}}, R{SecurityOpts: []string{"seccomp=unconfined", "label=x"}}},
		{"Podman's private networks are ours", "[containers]\nnetns = \"slirp4netns:mtu=1500\"", "", R{}, R{}},
		{"the override replaces", "[containers]\ndns_servers = [\"1.1.1.1\"]\ntz = \"local\"", "[containers]\ndns_servers = [\"2.2.2.2\"]", R{}, R{DNS: []string{"2.2.2.2"}, Timezone: "local"}},
		{"the override adds", "[containers]\ndns_servers = [\"1.1.1.1\"]", "[containers]\ndns_servers = [\"2.2.2.2\", {append=true}]", R{}, R{DNS: []string{"1.1.1.1", "2.2.2.2"}}},
		{"no pull of a root file system", "[engine]\npull_policy = \"always\"", "", R{Rootfs: "/r"}, R{Rootfs: "/r"}},
	}
}

func TestContainersConfApply(t *testing.T) {
	t.Parallel()
	for _, tt := range confCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conf, err := readConf(t, tt.main, tt.override)
			if err != nil {
				t.Fatal(err)
			}
			got := tt.request
			if err := conf.apply(&got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestContainersConfEnvironment(t *testing.T) {
	t.Parallel()
	conf, err := readConf(t, "[containers]\nenv = [\"A=conf\", \"B=conf\"]\n[engine]\ndetach_keys = \"ctrl-x\"", "")
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseRun(testApp(), conf, "-e", "A=flag", "image")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"A=flag", "B=conf"}; !slices.Equal(o.Request.Env, want) || o.DetachKeys != "ctrl-x" {
		t.Errorf("got %q and %q, want %q and ctrl-x", o.Request.Env, o.DetachKeys, want)
	}
}

func TestContainersConfRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"[containers", "[containers]\nenv = \"A=1\"", "[containers]\nenv = [1]", "[containers]\ninit = \"yes\""} {
		if conf, err := readConf(t, bad, ""); err == nil {
			t.Errorf("%q was read as %+v", bad, conf)
		}
	}
	a := testApp()
	a.environment = append(a.environment, "CONTAINERS_CONF=/no/such")
	if _, err := a.containersConf(); err == nil {
		t.Error("CONTAINERS_CONF of a missing file was ignored")
	}
}

func TestConfFilesIn(t *testing.T) {
	t.Parallel()
	user, system := t.TempDir(), t.TempDir()
	for _, path := range []string{user + "/20-b.conf", system + "/10-a.conf", system + "/20-b.conf", system + "/30-c.txt", system + "/dir.conf/x.conf"} {
		write(t, path, "")
	}
	got, err := confFilesIn([]string{user, user + "/missing", system})
	if want := []string{system + "/10-a.conf", user + "/20-b.conf"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestWithoutComments(t *testing.T) {
	t.Parallel()
	tests := []struct{ data, want string }{
		{"", ""},
		{"# a\n\n  # b\n[engine]\n\t\n", ""},
		{"# a\n[engine]\r\nx = 1 # one\n#y = 2", "[engine]\r\nx = 1 # one\n"},
		{"x = 1", "x = 1"},
		{"x = \"\"\"\n# text\n\"\"\"\n", "x = \"\"\"\n# text\n\"\"\"\n"},
		{"x = '''\n# text\n'''\n", "x = '''\n# text\n'''\n"},
		{"a = [\n  # c\n  1,\n]\n", "a = [\n  1,\n]\n"},
	}
	for _, tt := range tests {
		if got := string(withoutComments([]byte(tt.data))); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.data, got, tt.want)
		}
	}
}
