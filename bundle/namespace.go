package bundle

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// kind is a namespace by the name that the spec and Inputs.Join have for it.
type kind = specs.LinuxNamespaceType

// The namespaces that a person can choose.
const (
	pid      = specs.PIDNamespace
	network  = specs.NetworkNamespace
	ipc      = specs.IPCNamespace
	uts      = specs.UTSNamespace
	cgroup   = specs.CgroupNamespace
	timeKind = specs.TimeNamespace
	userKind = specs.UserNamespace
)

// mode is how a container comes to a namespace.
type mode int

const (
	private mode = iota // a new one
	none                // a new one with nothing in it
	host                // the host's
	joined              // another container's, or one that lies at a path
)

// namespace is a person's choice for one kind.
type namespace struct {
	kind  kind
	mode  mode
	typed string // as typed, for messages
	path  string // joined: where the monitor opens it
	shm   string // joined ipc: the mount namespace that has its /dev/shm
}

// owned tells whether the container gets a namespace of its own.
func (n namespace) owned() bool { return n.mode == private || n.mode == none }

// foreign tells whether the host's user namespace governs it, so that the container can
// mount neither sysfs nor mqueue nor cgroup2 for it; see user_namespaces(7).
func (n namespace) foreign() bool {
	return n.mode == host || n.mode == joined && strings.HasPrefix(n.typed, "ns:")
}

// flag is the choice as it was typed: "--network host".
func (n namespace) flag() string {
	switch n.kind {
	case cgroup:
		return "--cgroupns " + n.typed
	case timeKind:
		return "--timens " + n.typed
	}
	return "--" + string(n.kind) + " " + n.typed
}

// parseNamespace reads the value of --pid, --ipc, --uts, --cgroupns, --network and --time.
// What container:X and ns:PATH are must be in join.
func parseNamespace(k kind, text string, join map[string]string) (namespace, error) {
	n := namespace{kind: k, typed: text}
	word, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "" && k == timeKind:
		n.mode = host
		return n, nil
	case text == "" || text == "private":
		return n, nil
	case text == "host":
		n.mode = host
		return n, nil
	case text == "none" && (k == ipc || k == network):
		n.mode = none
		return n, nil
	case text == "shareable" && k == ipc:
		return n, nil
	case k == network && isUserSpaceNetwork(word):
		return n, nil
	case (word == "container" || word == "ns") && k != timeKind:
		return n.join(word, rest, join)
	}
	return n, &WishError{Message: n.flag() + ": no such mode", Remedy: modes(k)}
}

// isUserSpaceNetwork knows Docker's and Podman's names for a network of the container's own.
func isUserSpaceNetwork(word string) bool {
	switch word {
	case "bridge", "default", "slirp4netns", "pasta":
		return true
	}
	return false
}

func modes(k kind) string {
	switch k {
	case timeKind:
		return "choose host or private"
	case ipc:
		return "choose private, host, none, shareable, container:NAME or ns:/PATH"
	case network:
		return "choose private, host, none, container:NAME or ns:/PATH"
	}
	return "choose private, host, container:NAME or ns:/PATH"
}

func (n namespace) join(word, which string, join map[string]string) (namespace, error) {
	n.mode = joined
	if word == "ns" && !path.IsAbs(which) {
		return n, &WishError{Message: n.flag() + ": not an absolute path", Remedy: "write ns:/proc/PID/ns/... or where a namespace is bound"}
	}
	n.path, n.shm = join[string(n.kind)], join["shm"]
	if n.path == "" && word == "ns" {
		n.path = which
	}
	if n.path == "" {
		return n, &WishError{Message: n.flag() + ": no such running container", Remedy: "`rlc ps` lists those that can be joined"}
	}
	return n, nil
}

// chooseNamespaces parses all choices and puts those into the spec that are not the host's.
func (b *builder) chooseNamespaces() error {
	r := b.req
	b.space = map[kind]namespace{}
	for _, choice := range []struct {
		kind kind
		text string
	}{{pid, r.PID}, {network, r.Network}, {ipc, r.IPC}, {uts, r.UTS}, {cgroup, r.CgroupNS}, {timeKind, r.Time}} {
		n, err := parseNamespace(choice.kind, choice.text, b.in.Join)
		if err != nil {
			return err
		}
		b.space[n.kind] = n
	}
	list := []specs.LinuxNamespace{
		{Type: userKind, Path: b.in.Join[string(userKind)]},
		{Type: specs.MountNamespace},
	}
	for _, k := range []kind{pid, network, ipc, uts, cgroup, timeKind} {
		if n := b.space[k]; n.mode != host {
			list = append(list, specs.LinuxNamespace{Type: k, Path: n.path})
		}
	}
	b.Spec.Linux.Namespaces = list
	return b.checkNamespaces()
}

// checkNamespaces finds wishes that need a namespace of the container's own.
func (b *builder) checkNamespaces() error {
	r := b.req
	for _, need := range []struct {
		asked  bool
		flag   string
		kind   kind
		reason string
	}{
		{r.Hostname != "", "--hostname " + r.Hostname, uts, "the name belongs to the UTS namespace, which is not the container's own"},
		{r.Domainname != "", "--domainname " + r.Domainname, uts, "the name belongs to the UTS namespace, which is not the container's own"},
		{r.ShmSize != 0, "--shm-size", ipc, "/dev/shm comes with the IPC namespace, which is not the container's own"},
		{r.Init, "--init", pid, "process 1 of that PID namespace runs already"},
	} {
		if n := b.space[need.kind]; need.asked && !n.owned() {
			return conflict(need.flag, n.flag(), need.reason, "leave one of them out")
		}
	}
	if r.ShmSize != 0 && b.space[ipc].mode == none {
		return conflict("--shm-size", "--ipc none", "there is no /dev/shm then", "leave one of them out")
	}
	if r.ShmSize < 0 {
		return &WishError{Message: "--shm-size: less than nothing"}
	}
	if n := b.space[network]; n.mode == joined && len(r.AddHosts)+len(r.DNS)+len(r.DNSSearch)+len(r.DNSOption) > 0 {
		return conflict("--add-host and --dns", n.flag(), "names are resolved as in the network that is joined", "give them to the container that owns the network")
	}
	return nil
}
