package seccomp

import "slices"

// chain is how a call is answered: by the first of its rules that has no conditions, as
// libseccomp has it, else by the first whose conditions hold, else otherwise.
type chain struct {
	calls     []uint64 // as in listing, all of one number
	otherwise label
	code      label
}

// answer returns the label that answers the calls, which all have one number. Numbers with
// the same rules share their code, which known has.
func (l *listing) answer(p *program, known *[]chain, calls []uint64, rules []rule) label {
	otherwise := p.ret(l.unnamed(uint32(calls[0] >> 32)))
	conditional := false
	for _, c := range calls {
		if i := uint32(c); i != noRule {
			if len(rules[i].when) == 0 {
				return p.ret(rules[i].action)
			}
			conditional = true
		}
	}
	if !conditional {
		return otherwise
	}
	sameRule := func(a, b uint64) bool { return uint32(a) == uint32(b) }
	for _, c := range *known {
		if c.otherwise == otherwise && slices.EqualFunc(c.calls, calls, sameRule) {
			return c.code
		}
	}
	code := otherwise
	for _, c := range slices.Backward(calls) {
		if i := uint32(c); i != noRule {
			code = p.rule(rules[i], l.wide, code)
		}
	}
	*known = append(*known, chain{calls, otherwise, code})
	return code
}

// rule emits a rule, whose conditions are joined by "and".
func (p *program) rule(r rule, wide bool, otherwise label) label {
	code := p.ret(r.action)
	for _, c := range slices.Backward(r.when) {
		code = p.when(c, wide, code, otherwise)
	}
	return code
}

// tree emits a balanced search for a number among segments: the number is in the accumulator.
func (p *program) tree(segments []segment) label {
	if len(segments) == 1 {
		return segments[0].to
	}
	middle := len(segments) / 2
	above := p.tree(segments[middle:])
	below := p.tree(segments[:middle])
	return p.jump(opGreaterEqual, segments[middle].start, above, below)
}
