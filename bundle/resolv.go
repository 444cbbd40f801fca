package bundle

import (
	"net/netip"
	"strings"
)

// resolver is the contents of a resolv.conf; see resolv.conf(5).
type resolver struct {
	nameservers, search, options []string
}

// parseResolv reads a resolv.conf. Of several search or options lines the last one counts.
func parseResolv(text []byte) resolver {
	var r resolver
	for line := range strings.Lines(string(text)) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			r.nameservers = append(r.nameservers, fields[1])
		case "search", "domain":
			r.search = fields[1:]
		case "options":
			r.options = fields[1:]
		}
	}
	return r
}

// String is the file's text, never empty: a container without a name server must not
// fall back to what its image happens to hold.
func (r resolver) String() string {
	var text strings.Builder
	if len(r.search) > 0 {
		text.WriteString("search " + strings.Join(r.search, " ") + "\n")
	}
	for _, address := range r.nameservers {
		text.WriteString("nameserver " + address + "\n")
	}
	if len(r.options) > 0 {
		text.WriteString("options " + strings.Join(r.options, " ") + "\n")
	}
	if len(r.nameservers) == 0 {
		text.WriteString("# no name server can be reached from this network\n")
	}
	return text.String()
}

// resolv is the contents of /etc/resolv.conf; empty with --dns none.
func (b *builder) resolv() (string, error) {
	if own, err := b.keepsImageResolv(); own || err != nil {
		return "", err
	}
	if err := b.checkDNS(); err != nil {
		return "", err
	}
	r := parseResolv(b.in.HostResolv)
	switch {
	case len(b.req.DNS) > 0:
		r.nameservers = b.req.DNS
	case b.space[network].mode == host:
	case len(b.in.Nameservers) > 0:
		r.nameservers = b.in.Nameservers
	default:
		r.nameservers = reachable(r.nameservers)
	}
	if len(b.req.DNSSearch) > 0 {
		r.search = b.req.DNSSearch
	}
	if len(r.search) == 1 && r.search[0] == "." {
		r.search = nil // as Docker and Podman: no search list at all
	}
	if len(b.req.DNSOption) > 0 {
		r.options = b.req.DNSOption
	}
	return r.String(), nil
}

func (b *builder) keepsImageResolv() (bool, error) {
	for _, address := range b.req.DNS {
		if address != "none" {
			continue
		}
		if len(b.req.DNS)+len(b.req.DNSSearch)+len(b.req.DNSOption) > 1 {
			return true, conflict("--dns none", "further --dns flags", "/etc/resolv.conf stays the image's", "leave --dns none out")
		}
		return true, nil
	}
	return false, nil
}

func (b *builder) checkDNS() error {
	for _, address := range b.req.DNS {
		if _, err := netip.ParseAddr(address); err != nil {
			return refuse("--dns", address, "write an address, such as 10.0.0.53, or none", "not an address")
		}
	}
	for _, list := range []struct {
		flag   string
		values []string
	}{{"--dns-search", b.req.DNSSearch}, {"--dns-option", b.req.DNSOption}} {
		for _, value := range list.values {
			if value == "" || strings.ContainsAny(value, " \t\n\r#;\x00") {
				return refuse(list.flag, value, "repeat the flag for several", "not one word")
			}
		}
	}
	return nil
}

// reachable leaves out name servers that listen on the host's loopback, or on a link that
// the container's network does not have.
func reachable(nameservers []string) []string {
	var kept []string
	for _, text := range nameservers {
		address, err := netip.ParseAddr(text)
		if err == nil && !address.IsLoopback() && address.Zone() == "" {
			kept = append(kept, text)
		}
	}
	return kept
}
