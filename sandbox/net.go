package sandbox

import (
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// startLoopback brings up the loopback interface of a new network namespace.
func (s *setup) startLoopback() error {
	if !s.newNamespace(specs.NetworkNamespace) {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd) // nothing was sent
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl SIOCSIFFLAGS", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request))
}

// setHostname names a new UTS namespace.
func (s *setup) setHostname() error {
	if !s.newNamespace(specs.UTSNamespace) {
		return nil
	}
	if name := s.spec.Hostname; name != "" {
		if err := unix.Sethostname([]byte(name)); err != nil {
			return os.NewSyscallError("sethostname", err)
		}
	}
	if name := s.spec.Domainname; name != "" {
		return os.NewSyscallError("setdomainname", unix.Setdomainname([]byte(name)))
	}
	return nil
}
