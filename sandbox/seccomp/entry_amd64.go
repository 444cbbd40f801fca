package seccomp

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The halves of an argument in struct seccomp_data.
const low, high = 0, 4

// entries are the ways into the kernel, the machine's own first.
func entries() []entry {
	return []entry{
		{arch: specs.ArchX86_64, audit: unix.AUDIT_ARCH_X86_64, wide: true, x32Column: 2, private: [2]uint32{512, 547}},
		{arch: specs.ArchX86, audit: unix.AUDIT_ARCH_I386, column: 1, socketcall: 102, ipc: 117},
	}
}
