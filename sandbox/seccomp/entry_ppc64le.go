package seccomp

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The halves of an argument in struct seccomp_data.
const low, high = 0, 4

// entries are the ways into the kernel, the machine's own first.
func entries() []entry {
	return []entry{{arch: specs.ArchPPC64LE, audit: unix.AUDIT_ARCH_PPC64LE, wide: true, socketcall: 102, ipc: 117}}
}
