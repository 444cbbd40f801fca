package bundle

import (
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The names of the generated files in Inputs.Runtime.
const (
	hostsFile    = "hosts"
	resolvFile   = "resolv.conf"
	hostnameFile = "hostname"
	environFile  = ".containerenv"
)

// generateFiles writes the contents of the files that describe the container to itself,
// and mounts them where the person has mounted nothing.
func (b *builder) generateFiles() error {
	if err := b.checkNames(); err != nil {
		return err
	}
	if b.space[uts].owned() {
		b.Spec.Hostname, b.Spec.Domainname = b.hostname(), b.req.Domainname
	}
	var err error
	if b.Hosts, err = b.hosts(); err != nil {
		return err
	}
	if b.Resolv, err = b.resolv(); err != nil {
		return err
	}
	b.Hostname = b.hostname() + "\n"
	b.Environ = b.environ()
	shared := b.in.Runtime
	if b.space[network].mode == joined && b.in.JoinRuntime != "" {
		shared = b.in.JoinRuntime
	}
	if b.Hosts != "" {
		b.bindGenerated(path.Join(shared, hostsFile), "/etc/hosts", b.req.ReadOnly)
	}
	if b.Resolv != "" {
		b.bindGenerated(path.Join(shared, resolvFile), "/etc/resolv.conf", b.req.ReadOnly)
	}
	b.bindGenerated(path.Join(b.in.Runtime, hostnameFile), "/etc/hostname", b.req.ReadOnly)
	b.bindGenerated(path.Join(b.in.Runtime, environFile), "/run/.containerenv", true)
	b.bindGenerated(path.Join(b.in.Runtime, environFile), "/.dockerenv", true)
	sortByDepth(b.Spec.Mounts)
	return nil
}

// hostname is the name that the container goes by. On the host's network that is the
// host's, as with Docker and Podman.
func (b *builder) hostname() string {
	switch {
	case b.req.Hostname != "":
		return b.req.Hostname
	case !b.space[uts].owned(), b.space[network].mode == host && b.in.HostName != "":
		return b.in.HostName
	}
	return b.in.ID[:min(12, len(b.in.ID))]
}

func (b *builder) checkNames() error {
	for _, name := range []struct{ flag, value string }{
		{"--hostname", b.req.Hostname}, {"--domainname", b.req.Domainname},
	} {
		if name.value != "" && !isHostname(name.value) {
			return refuse(name.flag, name.value, "use up to 64 letters, digits, hyphens, underscores and dots", "not a host name")
		}
	}
	return nil
}

// isHostname accepts what sethostname(2) and every program that prints the name can bear.
func isHostname(name string) bool {
	return len(name) <= 64 && name != "" && !strings.ContainsAny(name[:1], ".-") && strings.Trim(name, letters+".") == ""
}

// name is the container's.
func (b *builder) name() string {
	if b.in.Name != "" {
		return b.in.Name
	}
	return b.req.Name
}

// environ is /run/.containerenv in Podman's form, which programs look into to learn that
// they run in a container.
func (b *builder) environ() string {
	imageID, rootless := "", 1
	if b.in.Image != nil {
		imageID = b.in.Image.ID
	}
	if b.in.Identity.UID == 0 {
		rootless = 0
	}
	return fmt.Sprintf("engine=%q\nname=%q\nid=%q\nimage=%q\nimageid=%q\nrootless=%d\n",
		"rlc-"+b.in.Version, b.name(), b.in.ID, b.req.Image, imageID, rootless)
}

// bindGenerated mounts a file unless something of the person's lies there or above: a file
// must not appear in a directory of the host.
func (b *builder) bindGenerated(source, destination string, readOnly bool) {
	for _, m := range b.Spec.Mounts {
		if m.Destination == destination || below(destination, m.Destination) && m.Type != "tmpfs" {
			return
		}
	}
	options := []string{"bind", "rprivate", "nosuid", "noexec", "nodev"}
	if readOnly {
		options = append(options, "ro")
	}
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options})
}
