package bundle

import (
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// localtime is where a system keeps its time zone; see localtime(5).
const localtime = "/etc/localtime"

// bindTimezone shows the host's description of a time zone to the container.
func (b *builder) bindTimezone(taken map[string]*attachment) error {
	zone := b.req.Timezone
	if zone == "" || taken[localtime] != nil {
		return nil
	}
	source := localtime
	if zone != "local" {
		if !isZone(zone) {
			return refuse("--tz", zone, "write an area and a city, such as Europe/Berlin, or local", "not a time zone")
		}
		if b.in.Zoneinfo == "" {
			return refuse("--tz", zone, "install tzdata on the host, or use --tz local", "the host has no time zones")
		}
		source = path.Join(b.in.Zoneinfo, zone)
	}
	b.add(specs.Mount{
		Destination: localtime, Type: "bind", Source: source,
		Options: []string{"bind", "rprivate", "ro", "nosuid", "noexec", "nodev"},
	})
	return nil
}

// isZone accepts names of the time zone database, which never lead out of its directory.
func isZone(name string) bool {
	return strings.Trim(name, letters+"/+") == "" && !slices.Contains(strings.Split(name, "/"), "")
}
