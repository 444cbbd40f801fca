package ocispec

import specs "github.com/opencontainers/runtime-spec/specs-go"

func parseSeccomp(p *parser) (s specs.LinuxSeccomp) {
	p.object(func(name []byte) {
		switch string(name) {
		case "defaultAction":
			s.DefaultAction = word[specs.LinuxSeccompAction](p)
		case "defaultErrnoRet":
			s.DefaultErrnoRet = pointer(p, small)
		case "architectures":
			s.Architectures = list(p, word[specs.Arch])
		case "flags":
			s.Flags = list(p, word[specs.LinuxSeccompFlag])
		case "listenerPath":
			s.ListenerPath = p.string()
		case "listenerMetadata":
			s.ListenerMetadata = p.string()
		case "syscalls":
			s.Syscalls = list(p, parseSyscall)
		default:
			p.skip()
		}
	})
	return s
}

func small(p *parser) uint { return uint(p.unsigned(32)) }

func parseSyscall(p *parser) (s specs.LinuxSyscall) {
	p.object(func(name []byte) {
		switch string(name) {
		case "names":
			s.Names = list(p, (*parser).string)
		case "action":
			s.Action = word[specs.LinuxSeccompAction](p)
		case "errnoRet":
			s.ErrnoRet = pointer(p, small)
		case "args":
			s.Args = list(p, parseArg)
		default:
			p.skip()
		}
	})
	return s
}

func parseArg(p *parser) (a specs.LinuxSeccompArg) {
	p.object(func(name []byte) {
		switch string(name) {
		case "index":
			a.Index = small(p)
		case "value":
			a.Value = p.unsigned(64)
		case "valueTwo":
			a.ValueTwo = p.unsigned(64)
		case "op":
			a.Op = word[specs.LinuxSeccompOperator](p)
		default:
			p.skip()
		}
	})
	return a
}
