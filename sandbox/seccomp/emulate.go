package seccomp

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// EmulateIDs returns a filter for a user namespace with one single id. The calls that give
// files or processes to other ids, which cannot but fail there, succeed without doing anything.
// The package comment says which and why. It allows all else: a profile is loaded beside it.
func EmulateIDs() ([]unix.SockFilter, error) {
	success := uint(0)
	done := func(names []string, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActErrno, ErrnoRet: &success, Args: args}
	}
	profile := &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Architectures: []specs.Arch{specs.ArchX86, specs.ArchX32, specs.ArchARM},
		Syscalls: []specs.LinuxSyscall{
			done([]string{"chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32"}),
			done([]string{"setgroups", "setgroups32"}),
			done([]string{"setuid", "setreuid", "setresuid", "setuid32", "setreuid32", "setresuid32"}),
			done([]string{"setgid", "setregid", "setresgid", "setgid32", "setregid32", "setresgid32"}),
		},
	}
	for _, kind := range []uint64{unix.S_IFCHR, unix.S_IFBLK} {
		profile.Syscalls = append(profile.Syscalls,
			done([]string{"mknod"}, device(1, kind)...),
			done([]string{"mknodat"}, device(2, kind)...))
	}
	return Compile(profile)
}

// device are the conditions for making a device, given where the mode is among the arguments;
// the number comes next. Device 0:0 is overlayfs's mark of a deleted file: anybody may make it.
func device(mode uint, kind uint64) []specs.LinuxSeccompArg {
	return []specs.LinuxSeccompArg{
		{Index: mode, Op: specs.OpMaskedEqual, Value: unix.S_IFMT, ValueTwo: kind},
		{Index: mode + 1, Op: specs.OpNotEqual, Value: 0},
	}
}
