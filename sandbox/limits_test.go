package sandbox

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestLimitsAndSysctls(t *testing.T) {
	t.Parallel()
	limit := func(kind string, soft, hard uint64) func(*testing.T, *job) {
		return func(_ *testing.T, j *job) {
			j.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: kind, Soft: soft, Hard: hard}}
		}
	}
	sysctl := func(key, value string) func(*testing.T, *job) {
		return func(_ *testing.T, j *job) { j.Spec.Linux.Sysctl = map[string]string{key: value} }
	}
	score := func(n int) func(*testing.T, *job) {
		return func(_ *testing.T, j *job) { j.Spec.Process.OOMScoreAdj = &n }
	}
	for _, c := range []struct {
		name   string
		script string
		change func(*testing.T, *job)
		want   expect
		notes  int
	}{
		{name: "files", script: "ulimit -n; ulimit -Hn", change: limit("RLIMIT_NOFILE", 20, 30), want: expect{out: "20\n30"}},
		{name: "core", script: "ulimit -c", change: limit("RLIMIT_CORE", 0, 0), want: expect{out: "0"}},
		{name: "little memory", script: "echo alive", change: limit("RLIMIT_AS", 64<<20, 64<<20), want: expect{out: "alive"}},
		{name: "few processes", script: "echo alive", change: limit("RLIMIT_NPROC", 1, 1), want: expect{out: "alive"}},
		{name: "unknown limit", change: limit("RLIMIT_JOY", 1, 1), want: expect{code: 125, refused: "set resource limits: RLIMIT_JOY is unknown"}},
		{name: "soft above hard", change: limit("RLIMIT_CORE", 2, 1),
			want: expect{code: 125, refused: "set resource limits: RLIMIT_CORE: the soft limit 2 is above the hard limit 1"}},
		{name: "sysctl of the network", script: "cat /proc/sys/net/ipv4/ip_forward", change: sysctl("net.ipv4.ip_forward", "1"), want: expect{out: "1"}},
		{name: "sysctl with slashes", script: "cat /proc/sys/net/ipv4/conf/lo/forwarding", change: sysctl("net/ipv4/conf/lo/forwarding", "1"), want: expect{out: "1"}},
		{name: "sysctl of the machine", change: sysctl("vm.swappiness", "1"),
			want: expect{code: 125, refused: "set sysctls: vm.swappiness: it belongs to the whole machine", hint: "network, IPC and UTS"}},
		{name: "sysctl that climbs", change: sysctl("net/../vm/swappiness", "1"),
			want: expect{code: 125, refused: "set sysctls: net/../vm/swappiness: it belongs to the whole machine", hint: "network, IPC and UTS"}},
		{name: "sysctl of the host's network", change: func(t *testing.T, j *job) {
			sysctl("net.ipv4.ip_forward", "1")(t, j)
			shareNamespace(j, specs.NetworkNamespace)
		}, want: expect{code: 125, refused: "set sysctls: net.ipv4.ip_forward: it belongs to the network namespace, which is not the container's own", hint: "of its own"}},
		{name: "sysctl that is not there", change: sysctl("net.no.such", "1"),
			want: expect{code: 125, refused: "set sysctls: net.no.such: the kernel has no such setting in the network namespace"}},
		{name: "value that makes no sense", change: sysctl("net.ipv4.ip_forward", "maybe"),
			want: expect{code: 125, refused: `set sysctls: net.ipv4.ip_forward: the kernel does not take the value "maybe": invalid argument`}},
		{name: "more of a candidate", script: "cat /proc/self/oom_score_adj", change: score(500), want: expect{out: "500"}},
		{name: "less of a candidate", script: "cat /proc/self/oom_score_adj", change: score(-500), want: expect{out: "0"}, notes: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, c.script)
			c.change(t, &j)
			o := perform(t, oneID, j)
			check(t, o, c.want)
			if len(o.Notes) != c.notes {
				t.Errorf("notes %q", o.Notes)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	refuse := func(calls ...string) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: calls, Action: specs.ActErrno}}}
	}
	for _, c := range []struct {
		name   string
		script string
		change func(*testing.T, *job)
		want   expect
	}{
		{"refuses", "mkdir /tmp/x 2>/dev/null || echo no; grep Seccomp: /proc/self/status", func(_ *testing.T, j *job) {
			j.Spec.Linux.Seccomp = refuse("mkdir", "mkdirat")
		}, expect{out: "no\nSeccomp:\t2"}},
		{"refuses without new privileges", "mkdir /tmp/x 2>/dev/null || echo no", func(_ *testing.T, j *job) {
			j.Spec.Linux.Seccomp, j.Spec.Process.NoNewPrivileges = refuse("mkdir", "mkdirat"), true
		}, expect{out: "no"}},
		{"what init itself needed", "echo alive", func(_ *testing.T, j *job) {
			j.Spec.Linux.Seccomp, j.Spec.Process.NoNewPrivileges = refuse("mount_setattr", "move_mount", "setresuid", "capset", "dup3", "unshare", "sendmsg", "futex"), true
		}, expect{out: "alive"}},
		{"broken profile", "", func(_ *testing.T, j *job) {
			j.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_DANCE"}
		}, expect{code: 125, refused: `compile the seccomp profile: seccomp default: unknown action "SCMP_ACT_DANCE"`}},
		{"chown cannot succeed", "chown 33:33 /tmp 2>/dev/null || echo no", func(*testing.T, *job) {}, expect{out: "no"}},
		{"emulated chown", "chown 33:33 /tmp && stat -c %u:%g /tmp", annotate(AnnotationEmulate, "true"), expect{out: "0:0"}},
		{"apt stays root", "cat /etc/apt/apt.conf.d/*; umount /etc/apt/apt.conf.d/zz-single-id 2>/dev/null || wc -c < /etc/passwd > /dev/null; echo x > /etc/apt/apt.conf.d/zz-single-id || echo read-only",
			func(t *testing.T, j *job) {
				mkdir(t, j.Root, "etc/apt/apt.conf.d")
				annotate(AnnotationEmulate, "true")(t, j)
			}, expect{out: "APT::Sandbox::User \"root\";\nread-only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, oneID, c.script, c.change, c.want)
		})
	}
}
