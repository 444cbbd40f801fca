package seccomp

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	// enosys is the answer to calls that are younger than the profile.
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	// x32Bit in the number of a call selects x32 at x86_64's entry point.
	x32Bit = 0x40000000
	// noRule stands for a rule where a call has none.
	noRule = ^uint32(0)
)

// listing is what a profile says of the calls at one entry point.
type listing struct {
	entry
	x32      bool     // x32's calls follow the rules too
	fallback uint32   // the default action
	calls    []uint64 // number<<32 | index of a rule, in any order
	newest   int64    // the largest number that the profile names, or -1
}

// listings returns an empty listing for each entry point that a profile opens: the machine's
// own always, others if they are listed. Other machines' cannot be used here anyway.
func listings(profile *specs.LinuxSeccomp, fallback uint32) ([]listing, error) {
	for _, a := range profile.Architectures {
		if err := checkArch(a); err != nil {
			return nil, err
		}
	}
	names := 0
	for _, s := range profile.Syscalls {
		names += len(s.Names)
	}
	var open []listing
	for i, e := range entries() {
		if i > 0 && !slices.Contains(profile.Architectures, e.arch) {
			continue
		}
		open = append(open, listing{
			entry:    e,
			x32:      e.x32Column != 0 && slices.Contains(profile.Architectures, specs.ArchX32),
			fallback: fallback,
			calls:    make([]uint64, 0, names+64),
			newest:   -1,
		})
	}
	return open, nil
}

// add notes that the rules from first to before last answer a call. There may be none: a call
// that is named is known to the profile all the same.
func (l *listing) add(numbers row, first, last int) {
	l.addNumber(numbers[l.column], first, last)
	if l.x32 {
		l.addNumber(numbers[l.x32Column], first, last)
	}
}

func (l *listing) addNumber(n int32, first, last int) {
	if n == none {
		return
	}
	if !l.isPrivate(uint32(n)) {
		l.newest = max(l.newest, int64(n))
	}
	for i := first; i < last; i++ {
		l.calls = append(l.calls, uint64(n)<<32|uint64(i))
	}
}

// addMultiplexed makes the rules of a call hold for it as part of ipc(2) or socketcall(2) too.
// Filters cannot see its arguments there: a condition for denying counts as met, one for
// allowing does not, so that this is no way around a profile.
func (l *listing) addMultiplexed(name string, rules, ofCall []rule) []rule {
	if l.socketcall == 0 {
		return rules
	}
	which := condition{offset: offsetArgs, op: opEqual}
	var n uint32
	switch socketcall, ipc := multiplexed(name); {
	case socketcall != 0:
		n, which.mask, which.value = l.socketcall, 0xffffffff, socketcall
	case ipc != 0:
		n, which.mask, which.value = l.ipc, 0xffff, ipc // the upper half is a version
	default:
		return rules
	}
	for _, r := range ofCall {
		if len(r.when) == 0 || !permissive(r.action) {
			l.calls = append(l.calls, uint64(n)<<32|uint64(len(rules)))
			rules = append(rules, rule{r.action, []condition{which}})
		}
	}
	return rules
}

func (l *listing) isPrivate(n uint32) bool {
	return l.private[0] != 0 && l.private[0] <= n && n <= l.private[1]
}

// unnamed is the action for a call that the profile does not name. It is the default one,
// but a denial by default cannot have been meant for calls which did not exist yet when the
// profile was written: C libraries try those first and fall back to older ones on ENOSYS,
// while they take EPERM for the final answer. What is newer than everything that the profile
// names therefore does not exist in the container.
func (l *listing) unnamed(n uint32) uint32 {
	if l.newest < 0 || permissive(l.fallback) {
		return l.fallback
	}
	if int64(n) > l.newest && !l.isPrivate(n) || n == 0 && l.indirect {
		return enosys
	}
	return l.fallback
}

// segment says where calls from number start on go, up to the next segment.
type segment struct {
	start uint32
	to    label
}

// emit adds the code for an entry point to a program.
func (l *listing) emit(p *program, rules []rule) label {
	tree := p.tree(l.segments(p, rules))
	switch {
	case l.x32:
		// The two tables share every number outside of the private block, so one tree
		// serves both. A number that only one of them has is ENOSYS in the kernel itself.
		tree = p.then(opAnd, ^uint32(x32Bit), tree)
	case l.x32Column != 0:
		// As in a kernel without x32. To let the tree judge these numbers would be a
		// way around every profile that allows by default.
		tree = p.jump(opGreaterEqual, x32Bit, p.ret(enosys), tree)
	}
	return p.then(opLoad, offsetNumber, tree)
}

// segments cuts the numbers into the longest stretches with one answer.
func (l *listing) segments(p *program, rules []rule) []segment {
	calls := l.calls
	for _, n := range []int64{0, l.newest + 1, int64(l.private[0]), int64(l.private[1]) + 1} {
		calls = append(calls, uint64(n)<<32|uint64(noRule)) // where unnamed may change
	}
	slices.Sort(calls)

	var segments []segment
	add := func(start uint32, to label) {
		if len(segments) == 0 || segments[len(segments)-1].to != to {
			segments = append(segments, segment{start, to})
		}
	}
	var known []chain
	for len(calls) > 0 {
		n := uint32(calls[0] >> 32)
		same := 1
		for same < len(calls) && uint32(calls[same]>>32) == n {
			same++
		}
		add(n, l.answer(p, &known, calls[:same], rules))
		calls = calls[same:]
		if len(calls) == 0 || uint32(calls[0]>>32) != n+1 {
			add(n+1, p.ret(l.unnamed(n+1)))
		}
	}
	return segments
}
