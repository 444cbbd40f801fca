package seccomp

import (
	"slices"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// naive answers a call by reading the profile from top to bottom, as slowly as the rules are
// usually explained. The profile is known to be valid.
func naive(profile *specs.LinuxSeccomp, c call) uint32 {
	var at entry
	for i, e := range entries() {
		if e.audit == c.arch && (i == 0 || slices.Contains(profile.Architectures, e.arch)) {
			at = e
		}
	}
	if at.audit == 0 {
		return unix.SECCOMP_RET_KILL_PROCESS
	}
	number, x32 := c.number, false
	if at.x32Column != 0 {
		x32 = slices.Contains(profile.Architectures, specs.ArchX32)
		if number >= x32Bit && !x32 {
			return enosys
		}
		if x32 {
			number &^= x32Bit
		}
	}
	if !at.wide {
		for i := range c.args {
			c.args[i] &= 0xffffffff
		}
	}
	fallback, _ := parseAction(profile.DefaultAction, profile.DefaultErrnoRet)
	named := int64(-1)
	var conditional []uint32
	for _, s := range profile.Syscalls {
		action, _ := parseAction(s.Action, s.ErrnoRet)
		for _, name := range s.Names {
			for _, n := range naiveNumbers(at, x32, name) {
				if !naivePrivate(at, n) {
					named = max(named, int64(n))
				}
				if n != number || action == fallback {
					continue
				}
				if len(s.Args) == 0 {
					return naiveFirst(profile, at, x32, number, fallback)
				}
				if naiveArgs(at, s.Args, c.args) {
					conditional = append(conditional, action)
				}
			}
			if action != fallback && naiveMultiplexed(at, number, name, c.args) && (len(s.Args) == 0 || !permissive(action)) {
				conditional = append(conditional, action)
			}
		}
	}
	if len(conditional) > 0 {
		return conditional[0]
	}
	newer := int64(number) > named && !naivePrivate(at, number)
	if named >= 0 && !permissive(fallback) && (newer || at.indirect && number == 0) {
		return enosys
	}
	return fallback
}

// naiveFirst is the first action that the profile gives to a number unconditionally.
func naiveFirst(profile *specs.LinuxSeccomp, at entry, x32 bool, number, fallback uint32) uint32 {
	for _, s := range profile.Syscalls {
		action, _ := parseAction(s.Action, s.ErrnoRet)
		for _, name := range s.Names {
			if len(s.Args) == 0 && action != fallback && slices.Contains(naiveNumbers(at, x32, name), number) {
				return action
			}
		}
	}
	panic("there is none")
}

// rows is the table by name.
var rows = sync.OnceValue(func() map[string]row {
	rows := map[string]row{}
	for _, s := range table {
		rows[s.name] = s.numbers
	}
	return rows
})

// naiveNumbers are the numbers of a call at an entry point.
func naiveNumbers(at entry, x32 bool, name string) (numbers []uint32) {
	r, ok := rows()[name]
	if n := r[at.column]; ok && n != none {
		numbers = append(numbers, uint32(n))
	}
	if n := r[at.x32Column]; ok && x32 && n != none {
		numbers = append(numbers, uint32(n))
	}
	return numbers
}

func naivePrivate(at entry, n uint32) bool {
	switch at.arch {
	case specs.ArchX86_64:
		return n >= 512 && n <= 547
	case specs.ArchARM:
		return n > 0xf0000 && n < 0xf0007
	}
	return false
}

// naiveMultiplexed tells whether a call to ipc(2) or socketcall(2) means the named call.
func naiveMultiplexed(at entry, number uint32, name string, args [6]uint64) bool {
	if at.socketcall == 0 {
		return false
	}
	socketcall, ipc := multiplexed(name)
	return number == at.socketcall && socketcall != 0 && uint64(uint32(args[0])) == socketcall ||
		number == at.ipc && ipc != 0 && uint64(uint16(args[0])) == ipc
}

// naiveArgs joins the conditions by "and", or by "or" if two are about one argument.
func naiveArgs(at entry, conditions []specs.LinuxSeccompArg, args [6]uint64) bool {
	held := 0
	indexes := map[uint]bool{}
	for _, c := range conditions {
		indexes[c.Index] = true
		if !at.wide {
			c.Value &= 0xffffffff
			c.ValueTwo &= 0xffffffff
		}
		if naiveCompare(args[c.Index], c) {
			held++
		}
	}
	if len(indexes) < len(conditions) {
		return held > 0
	}
	return held == len(conditions)
}

func naiveCompare(arg uint64, c specs.LinuxSeccompArg) bool {
	switch c.Op {
	case specs.OpEqualTo:
		return arg == c.Value
	case specs.OpNotEqual:
		return arg != c.Value
	case specs.OpLessThan:
		return arg < c.Value
	case specs.OpLessEqual:
		return arg <= c.Value
	case specs.OpGreaterThan:
		return arg > c.Value
	case specs.OpGreaterEqual:
		return arg >= c.Value
	case specs.OpMaskedEqual:
		return arg&c.Value == c.ValueTwo&c.Value
	}
	panic(c.Op)
}
