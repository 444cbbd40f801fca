package sandbox

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// capabilities are numbered as in capabilities(7).
var capabilities = map[string]uint{
	"CAP_CHOWN":              unix.CAP_CHOWN,
	"CAP_DAC_OVERRIDE":       unix.CAP_DAC_OVERRIDE,
	"CAP_DAC_READ_SEARCH":    unix.CAP_DAC_READ_SEARCH,
	"CAP_FOWNER":             unix.CAP_FOWNER,
	"CAP_FSETID":             unix.CAP_FSETID,
	"CAP_KILL":               unix.CAP_KILL,
	"CAP_SETGID":             unix.CAP_SETGID,
	"CAP_SETUID":             unix.CAP_SETUID,
	"CAP_SETPCAP":            unix.CAP_SETPCAP,
	"CAP_LINUX_IMMUTABLE":    unix.CAP_LINUX_IMMUTABLE,
	"CAP_NET_BIND_SERVICE":   unix.CAP_NET_BIND_SERVICE,
	"CAP_NET_BROADCAST":      unix.CAP_NET_BROADCAST,
	"CAP_NET_ADMIN":          unix.CAP_NET_ADMIN,
	"CAP_NET_RAW":            unix.CAP_NET_RAW,
	"CAP_IPC_LOCK":           unix.CAP_IPC_LOCK,
	"CAP_IPC_OWNER":          unix.CAP_IPC_OWNER,
	"CAP_SYS_MODULE":         unix.CAP_SYS_MODULE,
	"CAP_SYS_RAWIO":          unix.CAP_SYS_RAWIO,
	"CAP_SYS_CHROOT":         unix.CAP_SYS_CHROOT,
	"CAP_SYS_PTRACE":         unix.CAP_SYS_PTRACE,
	"CAP_SYS_PACCT":          unix.CAP_SYS_PACCT,
	"CAP_SYS_ADMIN":          unix.CAP_SYS_ADMIN,
	"CAP_SYS_BOOT":           unix.CAP_SYS_BOOT,
	"CAP_SYS_NICE":           unix.CAP_SYS_NICE,
	"CAP_SYS_RESOURCE":       unix.CAP_SYS_RESOURCE,
	"CAP_SYS_TIME":           unix.CAP_SYS_TIME,
	"CAP_SYS_TTY_CONFIG":     unix.CAP_SYS_TTY_CONFIG,
	"CAP_MKNOD":              unix.CAP_MKNOD,
	"CAP_LEASE":              unix.CAP_LEASE,
	"CAP_AUDIT_WRITE":        unix.CAP_AUDIT_WRITE,
	"CAP_AUDIT_CONTROL":      unix.CAP_AUDIT_CONTROL,
	"CAP_SETFCAP":            unix.CAP_SETFCAP,
	"CAP_MAC_OVERRIDE":       unix.CAP_MAC_OVERRIDE,
	"CAP_MAC_ADMIN":          unix.CAP_MAC_ADMIN,
	"CAP_SYSLOG":             unix.CAP_SYSLOG,
	"CAP_WAKE_ALARM":         unix.CAP_WAKE_ALARM,
	"CAP_BLOCK_SUSPEND":      unix.CAP_BLOCK_SUSPEND,
	"CAP_AUDIT_READ":         unix.CAP_AUDIT_READ,
	"CAP_PERFMON":            unix.CAP_PERFMON,
	"CAP_BPF":                unix.CAP_BPF,
	"CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
}

// capSet is a set of capabilities: bit n is the capability of number n.
type capSet uint64

// capSets are those of a process; see capabilities(7).
type capSets struct {
	bounding, effective, permitted, inheritable, ambient capSet
}

// parseCaps translates the names in a spec.
func parseCaps(names []string) (capSet, error) {
	var set capSet
	for _, name := range names {
		n, ok := capabilities[name]
		if !ok {
			return 0, fmt.Errorf("capability %q is unknown", name)
		}
		set |= 1 << n
	}
	return set, nil
}

// planCaps works out the sets that a process of the user has just before it executes the
// workload. Nobody but root keeps permitted ones that are not ambient, or keeps what the
// calling process does not have itself.
func planCaps(c *specs.LinuxCapabilities, root bool, own capSet) (capSets, error) {
	var p capSets
	var errs []error
	for _, x := range []struct {
		into  *capSet
		names []string
	}{
		{&p.bounding, c.Bounding}, {&p.effective, c.Effective}, {&p.permitted, c.Permitted},
		{&p.inheritable, c.Inheritable}, {&p.ambient, c.Ambient},
	} {
		set, err := parseCaps(x.names)
		*x.into = set
		errs = append(errs, err)
	}
	p.permitted &= own
	p.inheritable &= own
	p.ambient &= p.permitted & p.inheritable
	if !root {
		p.permitted = p.ambient
	}
	p.effective &= p.permitted
	return p, errors.Join(errs...)
}

// ownCaps returns the permitted capabilities of this thread.
func ownCaps() (capSet, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, os.NewSyscallError("capget", err)
	}
	return capSet(data[0].Permitted) | capSet(data[1].Permitted)<<32, nil
}

// dropBounding takes every capability that is not in the set out of reach for good.
func (c caller) dropBounding(set capSet) error {
	for n := uintptr(0); n < 64; n++ {
		if set&(1<<n) != 0 {
			continue
		}
		errno := c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, n, 0)
		if errno == unix.EINVAL {
			return nil // beyond the last capability that this kernel has
		}
		if errno != 0 {
			return os.NewSyscallError("prctl PR_CAPBSET_DROP", errno)
		}
	}
	return nil
}

// setCaps sets all but the bounding set.
func (c caller) setCaps(p capSets) error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{}
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Effective:   uint32(p.effective >> shift),
			Permitted:   uint32(p.permitted >> shift),
			Inheritable: uint32(p.inheritable >> shift),
		}
	}
	if errno := c.call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(data)), 0); errno != 0 {
		return os.NewSyscallError("capset", errno)
	}
	if errno := c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); errno != 0 {
		return os.NewSyscallError("prctl PR_CAP_AMBIENT_CLEAR_ALL", errno)
	}
	for n := uintptr(0); n < 64; n++ {
		if p.ambient&(1<<n) == 0 {
			continue
		}
		if errno := c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, n); errno != 0 {
			return os.NewSyscallError("prctl PR_CAP_AMBIENT_RAISE", errno)
		}
	}
	return nil
}
