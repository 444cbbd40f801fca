package bundle

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "65536": 65536, "1b": 1, "64m": 64 << 20, "64M": 64 << 20, "64mb": 64 << 20, "64MiB": 64 << 20,
		"1.5g": 3 << 29, "2 k": 2048, " 3t ": 3 << 40, "8191p": 8191 << 50, ".5k": 512,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "m", "-1", "+1", "1e3", "1x", "1bb", "1kk", "0x10", "8192p", "99999999999999999999", "1..2", ".", "1.5.g", "½", "1 2"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: no error, got %d", text, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"64m", "1.5g", "9223372036854775807", ".", "9999999999999999.9p"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParseSize(text); err == nil && n < 0 {
			t.Errorf("%q: %d", text, n)
		}
	})
}

func TestParseSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]syscall.Signal{
		"15": 15, "TERM": 15, "SIGTERM": 15, "sigterm": 15, "KILL": 9, "1": 1, "64": 64, "WINCH": 28, "cld": 17, "poll": 29,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmin+30": 64, "RTMAX": 64, "RTMAX-14": 50, "SYS": 31, "STKFLT": 16,
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "65", "-1", "FOO", "SIG", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+x", "SIGSIGTERM"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q: no error, got %d", text, got)
		}
	}
}

func FuzzParseSignal(f *testing.F) {
	for _, seed := range []string{"15", "SIGTERM", "RTMIN+3", "RTMAX-99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSignal(text); err == nil && (s < 1 || s > 64) {
			t.Errorf("%q: %d", text, s)
		}
	})
}

func TestParseUlimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ulimit{
		"nofile=1024":      {"RLIMIT_NOFILE", 1024, 1024},
		"nofile=1024:2048": {"RLIMIT_NOFILE", 1024, 2048},
		"core=-1":          {"RLIMIT_CORE", math.MaxUint64, math.MaxUint64},
		"core=0:-1":        {"RLIMIT_CORE", 0, math.MaxUint64},
		"RLIMIT_MEMLOCK=5": {"RLIMIT_MEMLOCK", 5, 5},
		"Stack=unlimited":  {"RLIMIT_STACK", math.MaxUint64, math.MaxUint64},
	} {
		if got, err := parseUlimit(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "nofile", "nofile=", "foo=1", "nofile=2:1", "nofile=-1:5", "nofile=1:2:3", "nofile=-2", "nofile=1k", "=1"} {
		if got, err := parseUlimit(text); err == nil {
			t.Errorf("%q: no error, got %+v", text, got)
		}
	}
}

func FuzzParseUlimit(f *testing.F) {
	f.Add("nofile=1:2")
	f.Add("core=-1")
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := parseUlimit(text); err == nil && (u.soft > u.hard || !strings.HasPrefix(u.name, "RLIMIT_")) {
			t.Errorf("%q: %+v", text, u)
		}
	})
}

func TestParseSysctl(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"net.ipv4.ip_forward=1":            {"net.ipv4.ip_forward", "1"},
		"net/ipv4/conf/eth0.1/rp_filter=0": {"net/ipv4/conf/eth0.1/rp_filter", "0"},
		"kernel.sem=1 2 3 4":               {"kernel.sem", "1 2 3 4"},
		"net.ipv4.ping_group_range=0 5":    {"net.ipv4.ping_group_range", "0 5"},
		"net.x=":                           {"net.x", ""},
	} {
		if key, value, err := parseSysctl(text); err != nil || key != want[0] || value != want[1] {
			t.Errorf("%q: got %q %q %v", text, key, value, err)
		}
	}
	for _, text := range []string{"", "=", "net", "=1", "net.x =1", "net.x= 1", "net/../kernel/x=1", "net..x=1", ".net=1", "net.=1", "net.x\x00=1", "net.x=1\n2", "/net/x=1", "net.*=1"} {
		if key, value, err := parseSysctl(text); err == nil {
			t.Errorf("%q: no error, got %q %q", text, key, value)
		}
	}
}

func FuzzParseSysctl(f *testing.F) {
	f.Add("net.ipv4.ip_forward=1")
	f.Add("net/../x=1")
	f.Fuzz(func(t *testing.T, text string) {
		key, _, err := parseSysctl(text)
		if err == nil && slices.Contains(strings.FieldsFunc(key, func(r rune) bool { return r == '/' }), "..") {
			t.Errorf("%q climbs", key)
		}
	})
}

func TestGrantCapabilities(t *testing.T) {
	t.Parallel()
	minus := func(names ...string) []string { return without(defaultCapabilities(), names) }
	tests := []struct {
		name            string
		req             Request
		bounding, added []string
	}{
		{"default", Request{}, minus(), nil},
		{"added by any name", Request{CapAdd: []string{"Net_Admin", "CAP_BPF,cap_bpf"}}, inKernelOrder(append(minus(), "CAP_NET_ADMIN", "CAP_BPF")), []string{"CAP_NET_ADMIN", "CAP_BPF"}},
		{"dropped", Request{CapDrop: []string{"mknod"}}, minus("CAP_MKNOD"), nil},
		{"only one", Request{CapDrop: []string{"ALL"}, CapAdd: []string{"kill"}}, []string{"CAP_KILL"}, []string{"CAP_KILL"}},
		{"none", Request{CapDrop: []string{"all"}}, nil, nil},
		{"another default", Request{Capabilities: []string{"KILL", "CHOWN"}, CapDrop: []string{"chown"}}, []string{"CAP_KILL"}, nil},
		{"all but one", Request{CapAdd: []string{"all"}, CapDrop: []string{"bpf"}}, without(allCapabilities(), []string{"CAP_BPF"}), without(allCapabilities(), []string{"CAP_BPF"})},
		{"privileged", Request{Privileged: true}, allCapabilities(), nil},
		{"privileged but one", Request{Privileged: true, CapDrop: []string{"sys_boot"}}, without(allCapabilities(), []string{"CAP_SYS_BOOT"}), nil},
	}
	for _, test := range tests {
		got, err := grantCapabilities(&test.req)
		if err != nil || !slices.Equal(got.bounding, test.bounding) || !slices.Equal(got.added, test.added) {
			t.Errorf("%s: got %+v, %v", test.name, got, err)
		}
	}
}

func FuzzCapabilityNames(f *testing.F) {
	f.Add("net_admin,ALL")
	f.Add("CAP_")
	f.Fuzz(func(t *testing.T, text string) {
		names, _, err := capabilityNames("--cap-add", []string{text})
		for _, name := range names {
			if err == nil && !slices.Contains(allCapabilities(), name) {
				t.Errorf("%q: %s", text, name)
			}
		}
	})
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]user{
		"0": {"0", ""}, "root": {"root", ""}, "1000:100": {"1000", "100"}, "www-data": {"www-data", ""}, "a:b": {"a", "b"}, "5:staff": {"5", "staff"}, "-": {"-", ""},
	} {
		if got, err := parseUser(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":", "a:", ":b", "a:b:c", "a b", "a\nb", "4294967295", "99999999999", "-5", "0:+1", "a/b"} {
		if got, err := parseUser(text); err == nil {
			t.Errorf("%q: no error, got %+v", text, got)
		}
	}
}

func FuzzParseUser(f *testing.F) {
	f.Add("1000:100")
	f.Add("a:b")
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := parseUser(text); err == nil && strings.ContainsAny(u.name+u.group, ":\n\x00") {
			t.Errorf("%q: %+v", text, u)
		}
	})
}

func TestParseNamespace(t *testing.T) {
	t.Parallel()
	join := map[string]string{"ipc": "/proc/9/ns/ipc", "shm": "/shm"}
	tests := []struct {
		kind  kind
		text  string
		mode  mode
		path  string
		valid bool
	}{
		{pid, "", private, "", true}, {pid, "private", private, "", true}, {pid, "host", host, "", true},
		{pid, "ns:/proc/5/ns/pid", joined, "/proc/5/ns/pid", true}, {pid, "container:gone", 0, "", false}, {pid, "container:", 0, "", false},
		{pid, "shareable", 0, "", false}, {pid, "none", 0, "", false}, {pid, "ns:", 0, "", false}, {pid, "ns:rel", 0, "", false},
		{ipc, "container:x", joined, "/proc/9/ns/ipc", true}, {ipc, "shareable", private, "", true}, {ipc, "none", none, "", true},
		{network, "bridge", private, "", true}, {network, "slirp4netns:mtu=1500", private, "", true}, {network, "mynet", 0, "", false},
		{timeKind, "", host, "", true}, {timeKind, "private", private, "", true}, {timeKind, "container:x", 0, "", false},
	}
	for _, test := range tests {
		got, err := parseNamespace(test.kind, test.text, join)
		if (err == nil) != test.valid {
			t.Errorf("%s %q: %v", test.kind, test.text, err)
		} else if err == nil && (got.mode != test.mode || got.path != test.path) {
			t.Errorf("%s %q: got %+v", test.kind, test.text, got)
		}
	}
}

func FuzzParseNamespace(f *testing.F) {
	f.Add("container:x")
	f.Add("ns:/x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range []kind{pid, ipc, network, timeKind} {
			if n, err := parseNamespace(k, text, nil); err == nil && (n.mode == joined) != (n.path != "") {
				t.Errorf("%s %q: %+v", k, text, n)
			}
		}
	})
}

func TestParseSecurity(t *testing.T) {
	t.Parallel()
	got, err := parseSecurity([]string{
		"no-new-privileges:true", "seccomp:unconfined", "label=type:x", "label:disable", "mask=/a:/b", "unmask=all", "proc-opts=hidepid=2,gid=5",
	})
	want := security{
		noNewPrivileges: true, seccomp: "unconfined", labels: []string{"type:x", "disable"}, mask: []string{"/a", "/b"},
		unmask: []string{"ALL"}, procOptions: []string{"hidepid=2", "gid=5"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "foo", "seccomp=", "seccomp", "no-new-privileges=maybe", "no-new-privileges=", "mask=a", "mask=", "unmask=[", "unmask=x", "systempaths=x", "proc-opts=uid=5", "apparmor"} {
		if _, err := parseSecurity([]string{text}); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func FuzzParseSecurity(f *testing.F) {
	for _, seed := range []string{"no-new-privileges", "unmask=/proc/*:/sys", "mask=/a", "proc-opts=hidepid=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSecurity([]string{text})
		if err != nil {
			return
		}
		for _, p := range s.mask {
			if !strings.HasPrefix(p, "/") {
				t.Errorf("%q: %q", text, p)
			}
		}
		s.unmasks("/proc/kcore")
	})
}

func FuzzParseAddHost(f *testing.F) {
	for _, seed := range []string{"a:1.2.3.4", "a;b:::1", "a=host-gateway", "a:[::1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseAddHost(text)
		if err == nil && strings.ContainsAny(strings.Join(h.names, "")+h.address, " \t\n#") {
			t.Errorf("%q: %+v", text, h)
		}
	})
}

func TestParseResolv(t *testing.T) {
	t.Parallel()
	got := parseResolv([]byte("nameserver 10.0.0.1 # first\n; nameserver 10.0.0.9\nsearch a b\nsearch c d\noptions ndots:2 edns0\nnameserver\n  nameserver fe80::1%eth0\ndomain x\n"))
	want := resolver{nameservers: []string{"10.0.0.1", "fe80::1%eth0"}, search: []string{"x"}, options: []string{"ndots:2", "edns0"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := reachable([]string{"127.0.0.53", "::1", "10.1.1.1", "fe80::1%eth0", "odd", "2001:db8::1"}); !slices.Equal(got, []string{"10.1.1.1", "2001:db8::1"}) {
		t.Errorf("reachable: got %v", got)
	}
}

func FuzzParseResolv(f *testing.F) {
	f.Add("nameserver 1.1.1.1\nsearch a\n")
	f.Fuzz(func(t *testing.T, text string) {
		again := parseResolv([]byte(parseResolv([]byte(text)).String()))
		if first := parseResolv([]byte(text)); !reflect.DeepEqual(first, again) {
			t.Errorf("%+v is read back as %+v", first, again)
		}
	})
}
