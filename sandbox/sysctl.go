package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// namespacedSysctls says which namespace a setting belongs to; a name that ends in a dot stands for
// all that begin with it. What is not here belongs to the whole machine.
var namespacedSysctls = []struct {
	name string
	kind specs.LinuxNamespaceType
}{
	{"net.", specs.NetworkNamespace},
	{"fs.mqueue.", specs.IPCNamespace},
	{"kernel.msgmax", specs.IPCNamespace},
	{"kernel.msgmnb", specs.IPCNamespace},
	{"kernel.msgmni", specs.IPCNamespace},
	{"kernel.msg_next_id", specs.IPCNamespace},
	{"kernel.sem", specs.IPCNamespace},
	{"kernel.sem_next_id", specs.IPCNamespace},
	{"kernel.shmall", specs.IPCNamespace},
	{"kernel.shmmax", specs.IPCNamespace},
	{"kernel.shmmni", specs.IPCNamespace},
	{"kernel.shm_next_id", specs.IPCNamespace},
	{"kernel.shm_rmid_forced", specs.IPCNamespace},
	{"kernel.hostname", specs.UTSNamespace},
	{"kernel.domainname", specs.UTSNamespace},
	{"user.", specs.UserNamespace},
}

// setSysctls changes settings of the container's own namespaces, in the order of their names.
func (s *setup) setSysctls() error {
	for _, key := range slices.Sorted(maps.Keys(s.spec.Linux.Sysctl)) {
		if err := s.setSysctl(key, s.spec.Linux.Sysctl[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (s *setup) setSysctl(key, value string) error {
	path := sysctlPath(key)
	kind, ok := sysctlNamespace(path)
	if !ok {
		return hinted("only settings of the network, IPC and UTS namespaces are a container's own", "it belongs to the whole machine")
	}
	if kind != specs.UserNamespace && !s.newNamespace(kind) {
		return hinted("give the container a namespace of its own", "it belongs to the %s namespace, which is not the container's own", kind)
	}
	// The host's /proc serves: it shows each process the namespaces of that process.
	how := &unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, "/proc/sys/"+path, how)
	if err == nil {
		_, err = unix.Write(fd, []byte(value))
		_ = unix.Close(fd) // the kernel has taken the value, or the write has failed
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("the kernel has no such setting in the %s namespace", kind)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("the kernel leaves this setting of the %s namespace to root: %w", kind, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel does not take the value %q: %w", value, err)
	}
	return err
}

// sysctlPath turns a name into a path below /proc/sys. The separator that comes first decides, as for
// sysctl(8): "net.ipv4.conf.eth0/1.mtu" and "net/ipv4/conf/eth0.1/mtu" are the same.
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// sysctlNamespace tells whose setting a path below /proc/sys is.
func sysctlNamespace(path string) (specs.LinuxNamespaceType, bool) {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	dotted := strings.ReplaceAll(path, "/", ".")
	for _, n := range namespacedSysctls {
		if dotted == n.name || strings.HasSuffix(n.name, ".") && strings.HasPrefix(dotted, n.name) {
			return n.kind, true
		}
	}
	return "", false
}
