// Package ocispec writes and reads an OCI runtime spec: those parts of config.json that init
// carries out.
//
// It runs in rlc, which writes, and in process init, which reads. Their time is part of every
// start, and encoding/json spends milliseconds on the hundred types of a spec before it
// touches the first byte. All else in a spec is passed over.
package ocispec

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Parse reads config.json. Fields that init does not carry out stay empty.
func Parse(data []byte) (*specs.Spec, error) {
	p := &parser{data: data}
	spec := parseSpec(p)
	if p.err == nil && p.peek() != 0 {
		p.fail(errors.New("something follows the end"))
	}
	if p.err != nil {
		return nil, fmt.Errorf("parse config.json: %w", p.err)
	}
	return &spec, nil
}

func parseSpec(p *parser) (s specs.Spec) {
	p.object(func(name []byte) {
		switch string(name) {
		case "ociVersion":
			s.Version = p.string()
		case "process":
			s.Process = pointer(p, parseProcess)
		case "root":
			s.Root = pointer(p, parseRoot)
		case "hostname":
			s.Hostname = p.string()
		case "domainname":
			s.Domainname = p.string()
		case "mounts":
			s.Mounts = list(p, parseMount)
		case "annotations":
			s.Annotations = stringMap(p)
		case "linux":
			s.Linux = pointer(p, parseLinux)
		default:
			p.skip()
		}
	})
	return s
}

func parseRoot(p *parser) (r specs.Root) {
	p.object(func(name []byte) {
		switch string(name) {
		case "path":
			r.Path = p.string()
		case "readonly":
			r.Readonly = p.boolean()
		default:
			p.skip()
		}
	})
	return r
}

func parseMount(p *parser) (m specs.Mount) {
	p.object(func(name []byte) {
		switch string(name) {
		case "destination":
			m.Destination = p.string()
		case "type":
			m.Type = p.string()
		case "source":
			m.Source = p.string()
		case "options":
			m.Options = list(p, (*parser).string)
		default:
			p.skip()
		}
	})
	return m
}

func parseLinux(p *parser) (l specs.Linux) {
	p.object(func(name []byte) {
		switch string(name) {
		case "sysctl":
			l.Sysctl = stringMap(p)
		case "namespaces":
			l.Namespaces = list(p, parseNamespace)
		case "devices":
			l.Devices = list(p, parseDevice)
		case "seccomp":
			l.Seccomp = pointer(p, parseSeccomp)
		case "rootfsPropagation":
			l.RootfsPropagation = p.string()
		case "maskedPaths":
			l.MaskedPaths = list(p, (*parser).string)
		case "readonlyPaths":
			l.ReadonlyPaths = list(p, (*parser).string)
		case "mountLabel":
			l.MountLabel = p.string()
		default:
			p.skip()
		}
	})
	return l
}

func parseNamespace(p *parser) (n specs.LinuxNamespace) {
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			n.Type = word[specs.LinuxNamespaceType](p)
		case "path":
			n.Path = p.string()
		default:
			p.skip()
		}
	})
	return n
}

func parseDevice(p *parser) (d specs.LinuxDevice) {
	p.object(func(name []byte) {
		switch string(name) {
		case "path":
			d.Path = p.string()
		case "type":
			d.Type = p.string()
		default:
			p.skip()
		}
	})
	return d
}
