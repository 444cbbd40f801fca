package seccomp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	errno, huge := uint(1), uint(1<<16)
	rule := func(s specs.LinuxSyscall) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Action: specs.ActKill}, s}}
	}
	tests := []struct {
		name    string
		profile *specs.LinuxSeccomp
		want    string
	}{
		{"no default", &specs.LinuxSeccomp{}, `seccomp default: unknown action ""`},
		{"architecture", &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_VAX"}},
			`unknown seccomp architecture "SCMP_ARCH_VAX"`},
		{"errno for allow", &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, DefaultErrnoRet: &errno},
			"seccomp default: action SCMP_ACT_ALLOW takes no errno"},
		{"errno", rule(specs.LinuxSyscall{Action: specs.ActErrno, ErrnoRet: &huge}), "seccomp rule 2: errno 65536 is out of range"},
		{"notify", rule(specs.LinuxSyscall{Action: specs.ActNotify}), "seccomp rule 2: seccomp action SCMP_ACT_NOTIFY is not supported"},
		{"argument", rule(specs.LinuxSyscall{Action: specs.ActKill, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}),
			"seccomp rule 2: argument 6 does not exist"},
		{"operator", rule(specs.LinuxSyscall{Action: specs.ActKill, Args: []specs.LinuxSeccompArg{{Op: "SCMP_CMP_ODD"}}}),
			`seccomp rule 2: unknown operator "SCMP_CMP_ODD"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Compile(test.profile); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestNotifyHint(t *testing.T) {
	t.Parallel()
	_, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActNotify})
	var notify NotifyError
	if !errors.As(err, &notify) || notify.Hint() == "" {
		t.Errorf("%v", err)
	}
}

// TestCompileLong has jumps of every kind over more than 255 instructions, up to a filter
// that is too long.
func TestCompileLong(t *testing.T) {
	t.Parallel()
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86, specs.ArchX32, specs.ArchARM}}
	long := 0
	for i := uint(0); ; i++ {
		s := specs.LinuxSyscall{Names: []string{table[i%50*5].name, "write"}, Action: specs.ActErrno, ErrnoRet: &i}
		s.Args = []specs.LinuxSeccompArg{{Index: i % 6, Op: specs.OpLessThan, Value: randomValue(newRand(uint64(i)))}}
		profile.Syscalls = append(profile.Syscalls, s)
		filter, err := Compile(profile)
		if err != nil {
			if long < 3500 || !strings.HasSuffix(err.Error(), "instructions, the kernel takes 4096") {
				t.Errorf("%v after %d instructions", err, long)
			}
			return
		}
		if long = len(filter); i%40 == 0 {
			compare(t, profile, filter, newRand(uint64(i)))
		}
	}
}

func TestParseFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		flags []specs.LinuxSeccompFlag
		want  Flags
		err   string
	}{
		{name: "none given", want: SpecAllow},
		{name: "explicitly none", flags: []specs.LinuxSeccompFlag{}},
		{name: "log", flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}, want: Log},
		{name: "both", flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow}, want: Log | SpecAllow},
		{name: "without effect", flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagWaitKillableRecv}},
		{name: "unknown", flags: []specs.LinuxSeccompFlag{"LOG"}, err: `unknown seccomp flag "LOG"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseFlags(test.flags)
			if got != test.want || err != nil && err.Error() != test.err || err == nil && test.err != "" {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(table[:], func(a, b numbered) int {
		if a.name < b.name {
			return -1
		}
		return 1
	}) {
		t.Error("not sorted")
	}
	for name, want := range map[string]int32{
		"read": unix.SYS_READ, "openat2": unix.SYS_OPENAT2, "seccomp": unix.SYS_SECCOMP,
		"rseq_slice_yield": unix.SYS_RSEQ_SLICE_YIELD, "nonesuch": none, "": none, "zzz": none,
	} {
		if got := lookup(name)[0]; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	for _, s := range table {
		if got := lookup(s.name); got != s.numbers {
			t.Errorf("%s: %v, want %v", s.name, got, s.numbers)
		}
	}
}
