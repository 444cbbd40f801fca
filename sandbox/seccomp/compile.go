package seccomp

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Compile translates a profile into a filter for the kernel of this machine.
//
// Names that the tables do not have are ignored, as runc ignores what libseccomp does not
// know: profiles are written for many kernels and machines. What cannot be a profile at all
// (an unknown action, operator, argument or architecture) is an error, and so is one that needs
// a supervisor (NotifyError) or does not fit into a filter.
func Compile(profile *specs.LinuxSeccomp) ([]unix.SockFilter, error) {
	fallback, err := parseAction(profile.DefaultAction, profile.DefaultErrnoRet)
	if err != nil {
		return nil, fmt.Errorf("seccomp default: %w", err)
	}
	open, err := listings(profile, fallback)
	if err != nil {
		return nil, err
	}
	var rules []rule
	for i, s := range profile.Syscalls {
		if rules, err = list(open, rules, s); err != nil {
			return nil, fmt.Errorf("seccomp rule %d: %w", i+1, err)
		}
	}
	return assemble(open, rules)
}

// list adds an entry of a profile to the rules, and its calls to the listings.
func list(open []listing, rules []rule, s specs.LinuxSyscall) ([]rule, error) {
	action, err := parseAction(s.Action, s.ErrnoRet)
	if err != nil {
		return nil, err
	}
	parsed, err := parseRules(action, s.Args)
	if err != nil {
		return nil, err
	}
	first := len(rules)
	if action != open[0].fallback { // else it has no effect, not even against other rules
		rules = append(rules, parsed...)
	}
	last := len(rules)
	for _, name := range s.Names {
		numbers := lookup(name)
		for i := range open {
			open[i].add(numbers, first, last)
			if first < last {
				rules = open[i].addMultiplexed(name, rules, parsed)
			}
		}
	}
	return rules, nil
}

// assemble puts the code of all entry points behind a choice by architecture. Whoever comes
// in by another way is killed: its numbers mean other calls.
func assemble(open []listing, rules []rule) ([]unix.SockFilter, error) {
	var p program
	p.code = make([]unix.SockFilter, 0, 512)
	next := p.ret(unix.SECCOMP_RET_KILL_PROCESS)
	for i := len(open) - 1; i >= 0; i-- {
		next = p.jump(opEqual, open[i].audit, open[i].emit(&p, rules), next)
	}
	p.then(opLoad, offsetArch, next)
	return p.filter()
}
