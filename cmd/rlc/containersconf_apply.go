package main

import (
	"slices"
	"strings"

	"github.com/rlc-containers/rlc/bundle"
)

// apply sets what a request leaves open. Lists of things that are added (volumes, devices,
// limits...) come before those of the request, so that the request wins.
func (conf *containersConf) apply(r *bundle.Request) error {
	c := &conf.Containers
	for _, d := range []struct {
		target *string
		value  string
	}{
		{&r.Pull, pullPolicy(conf.Engine.PullPolicy)}, {&r.Timezone, c.TZ}, {&r.Umask, c.Umask},
		{&r.PID, c.PidNS}, {&r.IPC, c.IPCNS}, {&r.UTS, c.UTSNS}, {&r.CgroupNS, c.CgroupNS}, {&r.Network, netNS(c.NetNS)},
	} {
		if *d.target == "" {
			*d.target = d.value
		}
	}
	if r.Userns == "" && len(r.UIDMap)+len(r.GIDMap) == 0 && c.Userns != "auto" {
		r.Userns = c.Userns
	}
	if r.Rootfs != "" {
		r.Pull = "" // nothing is pulled
	}
	r.Init = r.Init || c.Init
	r.ReadOnly = r.ReadOnly || c.ReadOnly
	r.Privileged = r.Privileged || c.Privileged
	if r.OOMScoreAdj == nil {
		r.OOMScoreAdj = c.OOMScoreAdj
	}
	if r.StopTimeout == nil {
		r.StopTimeout = conf.Engine.StopTimeout
	}
	var err error
	if r.ShmSize == 0 {
		r.ShmSize, err = shmSize(c.ShmSize)
	}
	conf.applySecurity(r)
	conf.applyFiles(r)
	conf.applyNetwork(r)
	return err
}

func (conf *containersConf) applySecurity(r *bundle.Request) {
	c := &conf.Containers
	decided := func(name string) bool {
		return slices.ContainsFunc(r.SecurityOpts, func(o string) bool {
			return strings.HasPrefix(o, name+"=") || strings.HasPrefix(o, name+":")
		})
	}
	if c.Label != nil && !*c.Label && !decided("label") {
		r.SecurityOpts = append(r.SecurityOpts, "label=disable")
	}
	if c.SeccompProfile != "" && !r.Privileged && !decided("seccomp") {
		r.SecurityOpts = append(r.SecurityOpts, "seccomp="+c.SeccompProfile)
	}
	r.Capabilities = c.DefaultCapabilities
	r.Ulimits = append(undecided(c.DefaultUlimits, r.Ulimits), r.Ulimits...)
	var sysctls []string
	for _, s := range undecided(c.DefaultSysctls, r.Sysctls) {
		// A namespace that is not the container's own keeps its settings.
		owner := r.IPC
		if strings.HasPrefix(s, "net.") || strings.HasPrefix(s, "net/") {
			owner = r.Network
		}
		if !foreign(owner) {
			sysctls = append(sysctls, s)
		}
	}
	r.Sysctls = append(sysctls, r.Sysctls...)
}

func (conf *containersConf) applyFiles(r *bundle.Request) {
	c := &conf.Containers
	r.Volumes = append(c.Volumes, r.Volumes...)
	r.Mounts = append(c.Mounts, r.Mounts...)
	r.Devices = append(c.Devices, r.Devices...)
	for _, annotation := range c.Annotations {
		key, value, _ := strings.Cut(annotation, "=")
		if _, decided := r.Annotations[key]; decided || key == "" {
			continue
		}
		if r.Annotations == nil {
			r.Annotations = map[string]string{}
		}
		r.Annotations[key] = value
	}
}

func (conf *containersConf) applyNetwork(r *bundle.Request) {
	c := &conf.Containers
	r.NoHTTPProxy = r.NoHTTPProxy || c.HTTPProxy != nil && !*c.HTTPProxy
	if strings.HasPrefix(r.Network, "container:") {
		return // names are resolved as in the network that is joined
	}
	r.NoHosts = r.NoHosts || c.NoHosts && len(r.AddHosts) == 0
	for _, d := range []struct {
		target *[]string
		value  list
	}{{&r.DNS, c.DNSServers}, {&r.DNSSearch, c.DNSSearches}, {&r.DNSOption, c.DNSOptions}} {
		if len(*d.target) == 0 {
			*d.target = d.value
		}
	}
}

// undecided returns the NAME=VALUE defaults whose names the wishes do not mention.
func undecided(defaults, wishes []string) []string {
	var open []string
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(wishes, func(w string) bool { return strings.HasPrefix(w, name+"=") }) {
			open = append(open, d)
		}
	}
	return open
}

// foreign tells whether a namespace is somebody else's.
func foreign(wish string) bool {
	return wish == "host" || strings.HasPrefix(wish, "container:") || strings.HasPrefix(wish, "ns:")
}

// netNS leaves out the names of Podman's own ways to make a private network.
func netNS(value string) string {
	name, _, _ := strings.Cut(value, ":")
	switch name {
	case "private", "bridge", "slirp4netns", "pasta":
		return ""
	}
	return value
}

// pullPolicy leaves out the policy that is the default.
func pullPolicy(value string) string {
	if value = strings.ToLower(value); value == "missing" {
		return ""
	}
	return value
}
