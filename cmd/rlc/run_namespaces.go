package main

import (
	"cmp"
	"runtime"
	"strings"

	"github.com/rlc-containers/rlc/bundle"
)

// NamespaceFlags say what a container shares with the host or with other containers.
type NamespaceFlags struct {
	Network  string   `name:"network" aliases:"net" placeholder:"NETWORK" help:"Network: private, none, host, container:NAME or ns:PATH"`
	PID      string   `name:"pid" placeholder:"NAMESPACE" help:"Processes: private, host, container:NAME or ns:PATH"`
	IPC      string   `name:"ipc" placeholder:"NAMESPACE" help:"Shared memory: private, shareable, none, host, container:NAME or ns:PATH"`
	UTS      string   `name:"uts" placeholder:"NAMESPACE" help:"Host name: private, host, container:NAME or ns:PATH"`
	CgroupNS string   `name:"cgroupns" placeholder:"NAMESPACE" help:"Control groups: private, host, container:NAME or ns:PATH"`
	TimeNS   string   `name:"timens" placeholder:"NAMESPACE" help:"Clocks: host or private"`
	Userns   string   `name:"userns" placeholder:"MODE" help:"Who you are inside: host (root), keep-id[:uid=UID,gid=GID] (yourself), nomap (nobody)"`
	UIDMap   []string `name:"uidmap" sep:"," placeholder:"INSIDE:OUTSIDE:COUNT" help:"Map user ids: OUTSIDE 0 is you, 1 your first subordinate id"`
	GIDMap   []string `name:"gidmap" sep:"," placeholder:"INSIDE:OUTSIDE:COUNT" help:"Map group ids; without it as --uidmap"`
}

func (f *NamespaceFlags) apply(_ *app, r *bundle.Request) error {
	r.Network, r.PID, r.IPC, r.UTS, r.CgroupNS, r.Time = f.Network, f.PID, f.IPC, f.UTS, f.CgroupNS, f.TimeNS
	r.Userns, r.UIDMap, r.GIDMap = f.Userns, f.UIDMap, f.GIDMap
	return nil
}

// NetworkFlags say which names a container knows.
type NetworkFlags struct {
	AddHost   []string `name:"add-host" sep:"none" placeholder:"NAME:ADDRESS" help:"Add a line to /etc/hosts"`
	NoHosts   bool     `name:"no-hosts" help:"Leave the image's /etc/hosts alone"`
	DNS       []string `name:"dns" sep:"," placeholder:"ADDRESS" help:"Ask this name server"`
	DNSSearch []string `name:"dns-search" sep:"," placeholder:"DOMAIN" help:"Search names in this domain"`
	DNSOption []string `name:"dns-option" aliases:"dns-opt" sep:"none" placeholder:"OPTION" help:"Set an option of the resolver; see resolv.conf(5)"`
	HTTPProxy *bool    `name:"http-proxy" help:"Pass the proxy variables of your environment on (default true)"`
}

func (f *NetworkFlags) apply(_ *app, r *bundle.Request) error {
	if f.NoHosts && len(f.AddHost) > 0 {
		return &usageError{message: "--no-hosts and --add-host contradict each other"}
	}
	r.AddHosts, r.NoHosts = f.AddHost, f.NoHosts
	r.DNS, r.DNSSearch, r.DNSOption = f.DNS, f.DNSSearch, f.DNSOption
	r.NoHTTPProxy = f.HTTPProxy != nil && !*f.HTTPProxy
	return nil
}

// ImageFlags choose the image of a container.
type ImageFlags struct {
	PlatformFlags
	Pull  string `name:"pull" placeholder:"POLICY" choices:"always,missing,never,newer" help:"When to ask the registry (default missing)"`
	Quiet bool   `name:"quiet" short:"q" help:"Show no progress of a pull"`
}

func (f *ImageFlags) apply(_ *app, r *bundle.Request) error {
	var err error
	r.Pull = f.Pull
	r.Platform, err = f.platform()
	return err
}

// PlatformFlags choose among the images that one name stands for.
type PlatformFlags struct {
	Platform string `name:"platform" placeholder:"OS/ARCH[/VARIANT]" help:"Take the image for this platform"`
	Arch     string `name:"arch" help:"Take the image for this architecture"`
	OS       string `name:"os" help:"Take the image for this operating system"`
	Variant  string `name:"variant" help:"Take the image for this variant of the architecture"`
}

// platform is os/arch[/variant], or empty for this machine's.
func (f *PlatformFlags) platform() (string, error) {
	parts := f.OS + f.Arch + f.Variant
	switch {
	case f.Platform != "" && parts != "":
		return "", &usageError{message: "--platform contradicts --os, --arch and --variant"}
	case f.Platform != "":
		if n := len(strings.Split(f.Platform, "/")); n > 3 {
			return "", &usageError{message: "--platform " + f.Platform + ": too many slashes", hint: "write OS/ARCH or OS/ARCH/VARIANT: linux/arm64/v8"}
		}
		return f.Platform, nil
	case parts == "":
		return "", nil
	}
	platform := cmp.Or(f.OS, "linux") + "/" + cmp.Or(f.Arch, runtime.GOARCH)
	if f.Variant != "" {
		platform += "/" + f.Variant
	}
	return platform, nil
}
