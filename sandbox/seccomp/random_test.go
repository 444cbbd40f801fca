package seccomp

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// FuzzCompile compares the filters of random profiles with the naive reading of their rules:
// every number from 0 to 600 and some beyond, at every entry point.
func FuzzCompile(f *testing.F) {
	for seed := range uint64(24) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		t.Parallel()
		r := newRand(seed)
		profile := randomProfile(r)
		filter, err := Compile(profile)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, profile, filter, r)
	})
}

// FuzzProfile feeds arbitrary JSON: whatever is accepted must be a filter that the kernel
// takes and that says what the profile says.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ALLOW"}`))
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"],
		"syscalls":[{"names":["read","","shmat"],"action":"SCMP_ACT_ALLOW","args":[{"index":5,"value":18446744073709551615,"op":"SCMP_CMP_GE"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var profile specs.LinuxSeccomp
		if json.Unmarshal(text, &profile) != nil {
			t.Skip()
		}
		if filter, err := Compile(&profile); err == nil {
			compare(t, &profile, filter, newRand(1))
		}
	})
}

// compare checks that a filter is well-formed and answers as the profile.
func compare(t *testing.T, profile *specs.LinuxSeccomp, filter []unix.SockFilter, r *rand.Rand) {
	t.Helper()
	if len(filter) > maxInstructions {
		t.Fatalf("%d instructions", len(filter))
	}
	for _, audit := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM, 0} {
		check := func(number uint32, args [6]uint64) {
			c := call{number: number, arch: audit, args: args}
			if got, want := answer(t, filter, c), naive(profile, c); got != want {
				t.Fatalf("%+v: answered %#x, want %#x", c, got, want)
			}
		}
		for n := range uint32(601) {
			for _, number := range []uint32{n, n | x32Bit, n | 0x80000000, n + 0xf0000} {
				check(number, randomArgs(r))
			}
			for _, multiplexer := range []uint32{102, 117} { // where n selects what to do
				args := randomArgs(r)
				args[0] = uint64(n%30) | args[0]&0xffff0000
				check(multiplexer, args)
			}
		}
	}
}

// randomValue is one of few, so that conditions are often met or just missed.
func randomValue(r *rand.Rand) uint64 {
	v := []uint64{0, 1, 2, 7, 20, 0x80000000, 0xffffffff, 0x100000000, 0x100000007, ^uint64(0)}[r.IntN(10)]
	return v + []uint64{0, 0, 0, 1, ^uint64(0)}[r.IntN(5)]
}

func randomArgs(r *rand.Rand) (args [6]uint64) {
	for i := range args {
		args[i] = randomValue(r)
	}
	return args
}

func randomProfile(r *rand.Rand) *specs.LinuxSeccomp {
	profile := &specs.LinuxSeccomp{}
	profile.DefaultAction, profile.DefaultErrnoRet = randomAction(r)
	for _, a := range []specs.Arch{specs.ArchX86, specs.ArchX32, specs.ArchARM, specs.ArchMIPS} {
		if r.IntN(2) == 0 {
			profile.Architectures = append(profile.Architectures, a)
		}
	}
	width := 1 + r.IntN(40)
	for range r.IntN(80) {
		s := specs.LinuxSyscall{}
		s.Action, s.ErrnoRet = randomAction(r)
		for range 1 + r.IntN(width) {
			s.Names = append(s.Names, randomName(r))
		}
		if r.IntN(3) == 0 {
			s.Args = randomConditions(r)
		}
		profile.Syscalls = append(profile.Syscalls, s)
	}
	return profile
}

func randomName(r *rand.Rand) string {
	switch names := []string{"nonesuch", "", "socketcall", "socket", "send", "recv", "shmat", "ipc", "semtimedop"}; r.IntN(8) {
	case 0:
		return names[r.IntN(len(names))]
	default:
		return table[r.IntN(len(table))].name
	}
}

func randomAction(r *rand.Rand) (specs.LinuxSeccompAction, *uint) {
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		return specs.ActAllow, nil
	case 4:
		return specs.ActErrno, nil
	case 5, 6:
		errno := uint(r.IntN(50))
		return specs.ActErrno, &errno
	case 7:
		return specs.ActTrace, nil
	}
	return []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActLog}[r.IntN(5)], nil
}

func randomConditions(r *rand.Rand) (args []specs.LinuxSeccompArg) {
	ops := []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual,
		specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual}
	for range 1 + r.IntN(3) {
		args = append(args, specs.LinuxSeccompArg{
			Index: uint(r.IntN(6)), Op: ops[r.IntN(len(ops))], Value: randomValue(r), ValueTwo: randomValue(r),
		})
	}
	return args
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
