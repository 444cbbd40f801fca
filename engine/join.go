package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/userns"
)

// nsFiles are the names in /proc/PID/ns of the namespaces, by their kind in the OCI spec.
var nsFiles = [...]struct{ kind, file string }{
	{"pid", "pid"}, {"ipc", "ipc"}, {"uts", "uts"}, {"cgroup", "cgroup"}, {"network", "net"}, {"time", "time"}, {"user", "user"},
}

// wishes are the namespaces that a request names, by kind.
func wishes(r bundle.Request) map[string]string {
	return map[string]string{"pid": r.PID, "ipc": r.IPC, "uts": r.UTS, "cgroup": r.CgroupNS, "network": r.Network, "time": r.Time, "user": r.Userns}
}

// existing resolves container:X and ns:PATH to namespaces that exist. To join those of a
// container means to enter its user namespace, since that owns them: host is that container.
func (e *Engine) existing(r bundle.Request) (join map[string]string, host *container.Container, err error) {
	wished := wishes(r)
	for _, ns := range nsFiles {
		wish := wished[ns.kind]
		if path, ok := strings.CutPrefix(wish, "ns:"); ok {
			if join == nil {
				join = map[string]string{}
			}
			join[ns.kind] = path
			continue
		}
		name, ok := strings.CutPrefix(wish, "container:")
		if !ok {
			continue
		}
		c, pid, err := e.running(name)
		if err != nil {
			return nil, nil, fmt.Errorf("join the %s namespace: %w", ns.kind, err)
		}
		if host != nil && host.Record.ID != c.Record.ID && !sameUserNamespace(host, c) {
			return nil, nil, fmt.Errorf("join namespaces of containers %s and %s: they have different user namespaces", host.Record.Name, c.Record.Name)
		}
		if host == nil {
			host = c
		}
		if join == nil {
			join = map[string]string{}
		}
		join[ns.kind] = fmt.Sprintf("/proc/%d/ns/%s", pid, ns.file)
		if ns.kind == "ipc" {
			join["shm"] = fmt.Sprintf("/proc/%d/ns/mnt", pid)
		}
	}
	return join, host, nil
}

// running finds a container that runs, and its first process.
func (e *Engine) running(name string) (*container.Container, int, error) {
	c, err := e.home.Lookup(name)
	if err != nil {
		return nil, 0, err
	}
	status, err := c.Status()
	if err != nil {
		return nil, 0, err
	}
	if status.State != container.Running {
		return nil, 0, &notRunningError{Name: name, State: status.State}
	}
	return c, status.Pid, nil
}

type notRunningError struct {
	Name  string
	State container.State
}

func (e *notRunningError) Error() string {
	return fmt.Sprintf("container %s does not run: it is %s", e.Name, e.State)
}

func sameUserNamespace(a, b *container.Container) bool {
	first, err1 := userNamespace(a)
	second, err2 := userNamespace(b)
	return err1 == nil && err2 == nil && first == second
}

func userNamespace(c *container.Container) (string, error) {
	status, err := c.Status()
	if err != nil {
		return "", err
	}
	return os.Readlink(fmt.Sprintf("/proc/%d/ns/user", status.Pid))
}

// inherited says that the monitor is born in the namespace of this kind, so that nobody
// has to join it.
func (d *draft) inherited(kind string) bool {
	return os.Geteuid() == 0 && d.host == nil && d.join[kind] != ""
}

// withHostNamespaces runs start, as root on a thread that has joined the namespaces of
// ns:PATH: they belong to the host's user namespace, so they must be entered before the
// container's own one is made. An ordinary user may not enter them at all, which the
// monitor finds out and explains.
func (e *Engine) withHostNamespaces(d *draft, start func() error) error {
	var files []*os.File
	defer func() { closeAll(files) }()
	for kind, path := range d.join {
		if !d.inherited(kind) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open the %s namespace to join: %w", kind, err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return start()
	}
	if d.join["user"] != "" {
		return errors.New("join a user namespace by path: only --userns container:NAME can do that")
	}
	return userns.Enter(files, start)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // handed on, or read-only
	}
}
