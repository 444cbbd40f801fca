package ocispec

import specs "github.com/opencontainers/runtime-spec/specs-go"

func parseProcess(p *parser) (r specs.Process) {
	p.object(func(name []byte) {
		switch string(name) {
		case "terminal":
			r.Terminal = p.boolean()
		case "consoleSize":
			r.ConsoleSize = pointer(p, parseBox)
		case "user":
			r.User = parseUser(p)
		case "args":
			r.Args = list(p, (*parser).string)
		case "env":
			r.Env = list(p, (*parser).string)
		case "cwd":
			r.Cwd = p.string()
		case "capabilities":
			r.Capabilities = pointer(p, parseCapabilities)
		case "rlimits":
			r.Rlimits = list(p, parseRlimit)
		case "noNewPrivileges":
			r.NoNewPrivileges = p.boolean()
		case "oomScoreAdj":
			r.OOMScoreAdj = pointer(p, (*parser).signed)
		default:
			p.skip()
		}
	})
	return r
}

func parseBox(p *parser) (b specs.Box) {
	p.object(func(name []byte) {
		switch string(name) {
		case "height":
			b.Height = small(p)
		case "width":
			b.Width = small(p)
		default:
			p.skip()
		}
	})
	return b
}

func parseUser(p *parser) (u specs.User) {
	p.object(func(name []byte) {
		switch string(name) {
		case "uid":
			u.UID = uint32s(p)
		case "gid":
			u.GID = uint32s(p)
		case "umask":
			u.Umask = pointer(p, uint32s)
		case "additionalGids":
			u.AdditionalGids = list(p, uint32s)
		default:
			p.skip()
		}
	})
	return u
}

func parseCapabilities(p *parser) (c specs.LinuxCapabilities) {
	p.object(func(name []byte) {
		switch string(name) {
		case "bounding":
			c.Bounding = list(p, (*parser).string)
		case "effective":
			c.Effective = list(p, (*parser).string)
		case "inheritable":
			c.Inheritable = list(p, (*parser).string)
		case "permitted":
			c.Permitted = list(p, (*parser).string)
		case "ambient":
			c.Ambient = list(p, (*parser).string)
		default:
			p.skip()
		}
	})
	return c
}

func parseRlimit(p *parser) (r specs.POSIXRlimit) {
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			r.Type = p.string()
		case "hard":
			r.Hard = p.unsigned(64)
		case "soft":
			r.Soft = p.unsigned(64)
		default:
			p.skip()
		}
	})
	return r
}
