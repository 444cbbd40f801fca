package bundle

import (
	"net/netip"
	"strings"
)

// gatewayWord stands for the host's address in --add-host.
const gatewayWord = "host-gateway"

// hostsTable is an /etc/hosts in the making. The first line that has a name keeps it.
type hostsTable struct {
	text  strings.Builder
	taken map[string]bool
}

// add appends a line with those of the names that are still free.
func (t *hostsTable) add(address string, names ...string) {
	var free []string
	for _, name := range names {
		if name != "" && !t.taken[name+" "+family(address)] {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return
	}
	if t.taken == nil {
		t.taken = map[string]bool{}
	}
	for _, name := range free {
		t.taken[name+" "+family(address)] = true
	}
	t.text.WriteString(address + "\t" + strings.Join(free, " ") + "\n")
}

func family(address string) string {
	if strings.Contains(address, ":") {
		return "6"
	}
	return "4"
}

// addHost is a value of --add-host.
type addHost struct {
	names   []string
	address string // or gatewayWord
}

// parseAddHost reads NAME[;NAME...]:ADDRESS; the equals sign is Docker's other separator.
func parseAddHost(text string) (addHost, error) {
	const form = "write NAME:ADDRESS, such as db:10.0.0.7 or db:host-gateway"
	i := strings.IndexAny(text, ":=")
	if i < 1 {
		return addHost{}, refuse("--add-host", text, form, "not NAME:ADDRESS")
	}
	h := addHost{names: strings.Split(text[:i], ";"), address: strings.Trim(text[i+1:], "[]")}
	for _, name := range h.names {
		if !isHostname(name) {
			return addHost{}, refuse("--add-host", text, form, "not a host name: %q", name)
		}
	}
	if _, err := netip.ParseAddr(h.address); err != nil && h.address != gatewayWord {
		return addHost{}, refuse("--add-host", text, form, "not an address: %q", h.address)
	}
	return h, nil
}

// hosts is the contents of /etc/hosts: what was asked for, what the host's own file knows,
// then localhost, the host and the container itself.
func (b *builder) hosts() (string, error) {
	if b.req.NoHosts {
		if len(b.req.AddHosts) > 0 {
			return "", conflict("--add-host", "--no-hosts", "/etc/hosts stays the image's", "leave one of them out")
		}
		return "", nil
	}
	var t hostsTable
	gateway := b.gateway()
	for _, text := range b.req.AddHosts {
		h, err := parseAddHost(text)
		if err != nil {
			return "", err
		}
		if h.address == gatewayWord {
			if gateway == "" {
				return "", refuse("--add-host", text, "give an address, or another --network", "this network does not show the host")
			}
			h.address = gateway
		}
		t.add(h.address, h.names...)
	}
	t.add("127.0.0.1", "localhost", "localhost.localdomain")
	t.add("::1", "localhost", "ip6-localhost", "ip6-loopback")
	if gateway != "" {
		t.add(gateway, "host.containers.internal", "host.docker.internal")
	}
	if b.space[network].mode == host { // whose file knows a better address than the loopback
		b.addHostEntries(&t)
		b.addOwnNames(&t)
	} else {
		b.addOwnNames(&t)
		b.addHostEntries(&t)
	}
	return t.text.String(), nil
}

func (b *builder) gateway() string {
	if b.space[network].mode == host {
		return "127.0.0.1"
	}
	return b.in.Gateway
}

// addOwnNames makes the container know itself.
func (b *builder) addOwnNames(t *hostsTable) {
	names := []string{b.hostname(), b.name()}
	if b.req.Domainname != "" {
		names = append([]string{b.hostname() + "." + b.req.Domainname}, names...)
	}
	for _, address := range b.in.Addresses {
		t.add(address, names...)
	}
	t.add("127.0.0.1", names...)
}

// addHostEntries copies the entries of the host's /etc/hosts, as Podman does: on clusters
// they name the nodes. Loopback addresses mean somebody else in a network of one's own.
func (b *builder) addHostEntries(t *hostsTable) {
	for line := range strings.Lines(string(b.in.HostHosts)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil || address.IsLoopback() && b.space[network].mode != host {
			continue
		}
		t.add(fields[0], fields[1:]...)
	}
}
