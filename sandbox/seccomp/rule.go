package seccomp

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// rule answers a call whose arguments satisfy all conditions.
type rule struct {
	action uint32
	when   []condition
}

// condition compares an argument: (argument & mask) op value.
type condition struct {
	offset uint32 // of the argument in struct seccomp_data
	op     uint16 // opEqual, opGreater or opGreaterEqual
	negate bool
	mask   uint64 // all ones unless op is opEqual
	value  uint64
}

// NotifyError reports a profile that leaves decisions to a supervisor, which nobody here is.
type NotifyError struct{}

func (NotifyError) Error() string { return "seccomp action SCMP_ACT_NOTIFY is not supported" }

// Hint tells the user what to do instead.
func (NotifyError) Hint() string {
	return "use a seccomp profile without SCMP_ACT_NOTIFY, for example the default one"
}

// parseAction translates an action with its errno into the value that a filter returns.
func parseAction(name specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	data := uint32(unix.EPERM)
	if errno != nil {
		if name != specs.ActErrno && name != specs.ActTrace {
			return 0, fmt.Errorf("action %s takes no errno", name)
		}
		if *errno > unix.SECCOMP_RET_DATA {
			return 0, fmt.Errorf("errno %d is out of range", *errno)
		}
		data = uint32(*errno)
	}
	switch name {
	case specs.ActAllow:
		return unix.SECCOMP_RET_ALLOW, nil
	case specs.ActErrno:
		return unix.SECCOMP_RET_ERRNO | data, nil
	case specs.ActKill, specs.ActKillThread:
		return unix.SECCOMP_RET_KILL_THREAD, nil
	case specs.ActKillProcess:
		return unix.SECCOMP_RET_KILL_PROCESS, nil
	case specs.ActTrap:
		return unix.SECCOMP_RET_TRAP, nil
	case specs.ActLog:
		return unix.SECCOMP_RET_LOG, nil
	case specs.ActTrace:
		return unix.SECCOMP_RET_TRACE | data, nil
	case specs.ActNotify:
		return 0, NotifyError{}
	}
	return 0, fmt.Errorf("unknown action %q", name)
}

// permissive tells whether an action lets the call happen: allow, log, or ask a tracer.
func permissive(action uint32) bool {
	switch action & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
		return true
	}
	return false
}

// parseRules translates one entry of a profile. Conditions are joined by "and", so it is one
// rule, unless two of them look at the same argument: then any of them suffices, and it is a
// rule each. That is how runc and crun read such profiles, which were written when libseccomp
// knew no more.
func parseRules(action uint32, args []specs.LinuxSeccompArg) ([]rule, error) {
	var when []condition
	var seen [6]bool
	repeated := false
	for _, a := range args {
		if a.Index >= uint(len(seen)) {
			return nil, fmt.Errorf("argument %d does not exist", a.Index)
		}
		repeated = repeated || seen[a.Index]
		seen[a.Index] = true
		c, err := parseCondition(a)
		if err != nil {
			return nil, err
		}
		when = append(when, c)
	}
	if !repeated {
		return []rule{{action, when}}, nil
	}
	var rules []rule
	for i := range when {
		rules = append(rules, rule{action, when[i : i+1]})
	}
	return rules, nil
}

// parseCondition reduces the seven operators to three and their opposites.
func parseCondition(a specs.LinuxSeccompArg) (condition, error) {
	c := condition{offset: offsetArgs + 8*uint32(a.Index), op: opEqual, mask: ^uint64(0), value: a.Value}
	switch a.Op {
	case specs.OpEqualTo:
	case specs.OpNotEqual:
		c.negate = true
	case specs.OpMaskedEqual:
		c.mask, c.value = a.Value, a.Value&a.ValueTwo
	case specs.OpGreaterThan:
		c.op = opGreater
	case specs.OpLessEqual:
		c.op, c.negate = opGreater, true
	case specs.OpGreaterEqual:
		c.op = opGreaterEqual
	case specs.OpLessThan:
		c.op, c.negate = opGreaterEqual, true
	default:
		return c, fmt.Errorf("unknown operator %q", a.Op)
	}
	return c, nil
}

// when emits a condition. The machine's words have 32 bits: a wide argument is compared in
// halves, a narrow one by its lower half, against the lower half of the value.
func (p *program) when(c condition, wide bool, yes, no label) label {
	if c.negate {
		yes, no = no, yes
	}
	if c.op == opEqual {
		next := p.equal(c.offset+low, uint32(c.mask), uint32(c.value), yes, no)
		if wide {
			next = p.equal(c.offset+high, uint32(c.mask>>32), uint32(c.value>>32), next, no)
		}
		return next
	}
	next := p.then(opLoad, c.offset+low, p.jump(c.op, uint32(c.value), yes, no))
	if wide {
		next = p.jump(opEqual, uint32(c.value>>32), next, no)
		next = p.jump(opGreater, uint32(c.value>>32), yes, next)
		next = p.then(opLoad, c.offset+high, next)
	}
	return next
}

// equal emits the comparison of one half of an argument.
func (p *program) equal(offset, mask, value uint32, yes, no label) label {
	if mask == 0 {
		return yes
	}
	next := p.jump(opEqual, value, yes, no)
	if mask != ^uint32(0) {
		next = p.then(opAnd, mask, next)
	}
	return p.then(opLoad, offset, next)
}
