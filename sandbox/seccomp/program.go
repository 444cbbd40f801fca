package seccomp

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// maxInstructions is BPF_MAXINSNS: the kernel takes no longer filter.
const maxInstructions = 4096

// The instructions that a filter is made of. The kernel follows all but the loads of arguments
// itself when a filter is loaded, to learn which calls are allowed whatever their arguments,
// and never runs the filter for those again (SECCOMP_MODE_FILTER's action cache, Linux 5.11).
// Other instructions before the tree would put an end to that.
const (
	opLoad         = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd          = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opSkip         = unix.BPF_JMP | unix.BPF_JA
	opEqual        = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opGreater      = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opGreaterEqual = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opReturn       = unix.BPF_RET | unix.BPF_K
)

// Offsets in struct seccomp_data, which a filter loads from.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

// program is a filter under construction. It grows from its end to its beginning: BPF jumps
// forward only, so the target of a jump always exists before the jump, and its distance is known.
type program struct {
	code    []unix.SockFilter // last instruction first
	returns []returned
}

// label is the place of an instruction in a program.
type label int

// returned says where a program returns an action.
type returned struct {
	action uint32
	first  label // names the action: equal labels are equal actions
	latest label // the copy nearest to the instructions to come
}

// ret returns the label for an action, always the same one.
func (p *program) ret(action uint32) label {
	for i := range p.returns {
		if p.returns[i].action == action {
			return p.returns[i].first
		}
	}
	at := p.emit(unix.SockFilter{Code: opReturn, K: action})
	p.returns = append(p.returns, returned{action, at, at})
	return at
}

// then emits an instruction after which next runs.
func (p *program) then(code uint16, k uint32, next label) label {
	if int(next) != len(p.code)-1 {
		p.relay(next)
	}
	return p.emit(unix.SockFilter{Code: code, K: k})
}

// jump emits a comparison with k that goes to yes or to no.
func (p *program) jump(code uint16, k uint32, yes, no label) label {
	if yes == no {
		return yes
	}
	yes, no = p.near(yes), p.near(no)
	return p.emit(unix.SockFilter{Code: code, K: k, Jt: p.distance(yes), Jf: p.distance(no)})
}

// near returns a label equivalent to target that the next instruction but one can still reach:
// a conditional jump skips 255 instructions at most.
func (p *program) near(target label) label {
	if len(p.code)-int(target) <= 255 {
		return target
	}
	if r := p.returnAt(target); r != nil && len(p.code)-int(r.latest) <= 255 {
		return r.latest
	}
	return p.relay(target)
}

// relay emits what leads to a target from anywhere: a copy of it if it is a return, which
// costs no more than a jump, else a long jump.
func (p *program) relay(target label) label {
	if r := p.returnAt(target); r != nil {
		r.latest = p.emit(p.code[target])
		return r.latest
	}
	return p.emit(unix.SockFilter{Code: opSkip, K: uint32(len(p.code) - int(target) - 1)})
}

// returnAt finds the return that a label names.
func (p *program) returnAt(target label) *returned {
	for i := range p.returns {
		if p.returns[i].first == target {
			return &p.returns[i]
		}
	}
	return nil
}

func (p *program) distance(target label) uint8 { return uint8(len(p.code) - int(target) - 1) }

func (p *program) emit(i unix.SockFilter) label {
	p.code = append(p.code, i)
	return label(len(p.code) - 1)
}

// filter returns the finished program.
func (p *program) filter() ([]unix.SockFilter, error) {
	if len(p.code) > maxInstructions {
		return nil, fmt.Errorf("seccomp profile needs %d instructions, the kernel takes %d", len(p.code), maxInstructions)
	}
	slices.Reverse(p.code)
	return p.code, nil
}
