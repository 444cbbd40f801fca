// Package bundle turns a person's wishes and an image's configuration into an OCI runtime
// spec. It is pure: it touches no kernel and no files; what it needs of the host is in Inputs.
//
// It runs in rlc.
package bundle

// Request is everything a person can ask of a container. It is stored in the container's
// record. The zero value asks for nothing special.
type Request struct {
	Image         string   `json:",omitempty"` // as typed
	Rootfs        string   `json:",omitempty"` // --rootfs: a directory instead of an image, absolute
	RootfsOverlay bool     `json:",omitempty"` // --rootfs DIR:O: changes are thrown away
	Args          []string `json:",omitempty"` // what follows the image
	Entrypoint    []string `json:",omitempty"` // valid if SetEntrypoint
	SetEntrypoint bool     `json:",omitempty"`
	Name          string   `json:",omitempty"`
	Platform      string   `json:",omitempty"`
	Pull          string   `json:",omitempty"` // always, missing, never, newer

	Hostname    string            `json:",omitempty"`
	Domainname  string            `json:",omitempty"`
	Workdir     string            `json:",omitempty"`
	User        string            `json:",omitempty"`
	Groups      []string          `json:",omitempty"` // --group-add
	Umask       string            `json:",omitempty"` // octal
	Env         []string          `json:",omitempty"` // NAME=VALUE, already merged, later wins
	UnsetEnv    []string          `json:",omitempty"`
	UnsetEnvAll bool              `json:",omitempty"`
	Labels      map[string]string `json:",omitempty"`
	Annotations map[string]string `json:",omitempty"`
	Timezone    string            `json:",omitempty"` // an area/city, or "local"

	Terminal    bool `json:",omitempty"` // -t
	Interactive bool `json:",omitempty"` // -i
	Init        bool `json:",omitempty"`
	Remove      bool `json:",omitempty"` // --rm
	PreserveFDs int  `json:",omitempty"`

	ReadOnly        bool     `json:",omitempty"`
	NoReadOnlyTmpfs bool     `json:",omitempty"` // --read-only-tmpfs=false
	Privileged      bool     `json:",omitempty"`
	CapAdd          []string `json:",omitempty"`
	CapDrop         []string `json:",omitempty"`
	Capabilities    []string `json:",omitempty"` // what a container has by default; nil: what Docker gives
	SecurityOpts    []string `json:",omitempty"` // --security-opt, as typed
	Ulimits         []string `json:",omitempty"` // name=soft[:hard]
	Sysctls         []string `json:",omitempty"` // key=value
	OOMScoreAdj     *int     `json:",omitempty"`
	ShmSize         int64    `json:",omitempty"` // bytes; 0: 64 MiB

	PID      string   `json:",omitempty"` // host, private, container:X, ns:PATH
	IPC      string   `json:",omitempty"` // the same, and none, shareable
	UTS      string   `json:",omitempty"`
	CgroupNS string   `json:",omitempty"`
	Time     string   `json:",omitempty"` // host, private
	Network  string   `json:",omitempty"` // host, private, none, container:X, ns:PATH
	Userns   string   `json:",omitempty"` // host, keep-id[:uid=,gid=], nomap, container:X
	UIDMap   []string `json:",omitempty"` // inside:outside:count
	GIDMap   []string `json:",omitempty"`

	Volumes     []string `json:",omitempty"` // -v, as typed; relative sources already made absolute
	Mounts      []string `json:",omitempty"` // --mount, as typed
	Tmpfs       []string `json:",omitempty"` // --tmpfs, as typed
	Devices     []string `json:",omitempty"` // --device, as typed
	AddHosts    []string `json:",omitempty"` // --add-host
	DNS         []string `json:",omitempty"`
	DNSSearch   []string `json:",omitempty"`
	DNSOption   []string `json:",omitempty"`
	NoHosts     bool     `json:",omitempty"`
	NoHTTPProxy bool     `json:",omitempty"` // --http-proxy=false

	StopSignal  string `json:",omitempty"`
	StopTimeout *int   `json:",omitempty"` // seconds
	Timeout     uint   `json:",omitempty"` // seconds; 0: none
	CIDFile     string `json:",omitempty"`
	PIDFile     string `json:",omitempty"`
}
