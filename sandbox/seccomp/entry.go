package seccomp

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// entry is a way into the kernel that has numbers of its own for the system calls. Which ones
// a machine has is in entry_GOARCH.go.
type entry struct {
	arch   specs.Arch
	audit  uint32 // AUDIT_ARCH_*: how the kernel names it to filters
	column int    // in the table
	wide   bool   // arguments have 64 bits

	// x32Column has the numbers that x32 has instead of the architecture's own; 0 if there is none.
	x32Column int
	// private are the first and last number of a block beyond all others, to which the
	// kernel adds no calls; see newest in listing.
	private [2]uint32
	// indirect says that the kernel shows number 0 for a call that it does not know.
	indirect bool

	socketcall, ipc uint32 // the numbers of these multiplexers, or 0
}

// checkArch refuses architectures that nobody has heard of.
func checkArch(a specs.Arch) error {
	switch a {
	case specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64,
		specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL,
		specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64,
		specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K,
		specs.ArchSH, specs.ArchSHEB:
		return nil
	}
	return fmt.Errorf("unknown seccomp architecture %q", a)
}
