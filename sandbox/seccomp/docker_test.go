package seccomp

import (
	"errors"
	"slices"
	"testing"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// dockerProfile is Docker's default profile for its default capabilities.
func dockerProfile(t testing.TB) *specs.LinuxSeccomp {
	t.Helper()
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
		"CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
		"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}
	profile, err := seccomp.GetDefaultProfile(&specs.Spec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

func dockerFilter(t testing.TB) []unix.SockFilter {
	t.Helper()
	filter, err := Compile(dockerProfile(t))
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

func TestDockerRules(t *testing.T) {
	t.Parallel()
	compare(t, dockerProfile(t), dockerFilter(t), newRand(1))
}

// TestDockerSteps keeps the search short. What is allowed whatever its arguments costs nothing
// at all from Linux 5.11 on, provided that the filter looks at no argument.
func TestDockerSteps(t *testing.T) {
	t.Parallel()
	filter := dockerFilter(t)
	if len(filter) > 400 {
		t.Errorf("%d instructions", len(filter))
	}
	for _, name := range []string{"read", "write", "openat", "close", "mmap", "futex", "clock_gettime", "epoll_pwait", "execve", "exit_group"} {
		_, steps, usedArgs, err := interpret(filter, call{number: uint32(lookup(name)[0]), arch: entries()[0].audit})
		if err != nil || usedArgs || steps > 16 {
			t.Errorf("%s: %d instructions, arguments %t, %v", name, steps, usedArgs, err)
		}
	}
}

func TestDockerInKernel(t *testing.T) {
	t.Parallel()
	const (
		newUser  = unix.CLONE_NEWUSER
		vsock    = unix.AF_VSOCK
		noRandom = 0x40000 // ADDR_NO_RANDOMIZE
	)
	tests := []struct {
		name string
		try  try
		want unix.Errno
	}{
		{"getpid", try{Number: unix.SYS_GETPID}, 0},
		{"unshare user", try{Number: unix.SYS_UNSHARE, Args: [6]uintptr{newUser}}, unix.EPERM},
		{"unshare nothing", try{Number: unix.SYS_UNSHARE}, unix.EPERM},
		{"clone user", try{Number: unix.SYS_CLONE, Args: [6]uintptr{newUser}}, unix.EPERM},
		{"clone3", try{Number: unix.SYS_CLONE3}, unix.ENOSYS},
		{"setns", try{Number: unix.SYS_SETNS, Args: [6]uintptr{^uintptr(0)}}, unix.EPERM},
		{"mount", try{Number: unix.SYS_MOUNT}, unix.EPERM},
		{"open_tree", try{Number: unix.SYS_OPEN_TREE}, unix.EPERM},
		{"keyctl", try{Number: unix.SYS_KEYCTL}, unix.EPERM},
		{"add_key", try{Number: unix.SYS_ADD_KEY}, unix.EPERM},
		{"request_key", try{Number: unix.SYS_REQUEST_KEY}, unix.EPERM},
		{"bpf", try{Number: unix.SYS_BPF}, unix.EPERM},
		{"perf_event_open", try{Number: unix.SYS_PERF_EVENT_OPEN}, unix.EPERM},
		{"userfaultfd", try{Number: unix.SYS_USERFAULTFD}, unix.EPERM},
		{"init_module", try{Number: unix.SYS_INIT_MODULE}, unix.EPERM},
		{"reboot", try{Number: unix.SYS_REBOOT}, unix.EPERM},
		{"chroot is passed on", try{Number: unix.SYS_CHROOT}, unix.EFAULT},
		{"socket vsock", try{Number: unix.SYS_SOCKET, Args: [6]uintptr{vsock, unix.SOCK_STREAM}}, unix.EPERM},
		{"socket unix", try{Number: unix.SYS_SOCKET, Args: [6]uintptr{unix.AF_UNIX, unix.SOCK_STREAM}}, 0},
		{"personality asked", try{Number: unix.SYS_PERSONALITY, Args: [6]uintptr{0xffffffff}}, 0},
		{"personality changed", try{Number: unix.SYS_PERSONALITY, Args: [6]uintptr{noRandom}}, unix.EPERM},
		{"newer than the profile", try{Number: 999}, unix.ENOSYS},
	}
	p := probe{Filters: [][]unix.SockFilter{dockerFilter(t)}, Flags: Log | SpecAllow}
	for _, test := range tests {
		p.Calls = append(p.Calls, test.try)
	}
	for i, got := range runProbe(t, p, nil) {
		if got != tests[i].want {
			t.Errorf("%s: %v, want %v", tests[i].name, got, tests[i].want)
		}
	}
}

// TestAllThreads loads for a process whose other threads go on.
func TestAllThreads(t *testing.T) {
	t.Parallel()
	filter, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow})
	if err != nil {
		t.Fatal(err)
	}
	runProbe(t, probe{Filters: [][]unix.SockFilter{filter}, Flags: AllThreads}, nil)
}

func TestLoadRefused(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string][]unix.SockFilter{
		"empty":  nil,
		"no end": {{Code: opLoad}},
	} {
		var refused *LoadError
		if err := Load(filter, 0); !errors.As(err, &refused) || refused.Hint() == "" { // EINVAL, or EACCES before
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkCompileDocker(b *testing.B) {
	profile := dockerProfile(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(profile); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStepsDocker reports how many instructions the filter runs for common calls and,
// for comparison, how many a chain of one comparison for each call would.
func BenchmarkStepsDocker(b *testing.B) {
	profile, filter := dockerProfile(b), dockerFilter(b)
	for _, name := range []string{"read", "openat", "futex", "socket", "clone", "execve", "io_uring_enter", "keyctl"} {
		number := uint32(lookup(name)[0])
		var names []string
		for _, s := range profile.Syscalls {
			names = append(names, s.Names...)
		}
		chain := slices.Index(append(names, name), name) + 1
		b.Run(name, func(b *testing.B) {
			steps := 0
			for b.Loop() {
				_, steps, _, _ = interpret(filter, call{number: number, arch: entries()[0].audit})
			}
			b.ReportMetric(float64(steps), "instructions")
			b.ReportMetric(float64(chain), "chain")
		})
	}
}
