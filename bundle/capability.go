package bundle

import (
	"slices"
	"strings"
)

// allCapabilities are those of Linux 5.9, in the kernel's order; see capabilities(7). The
// oldest kernel that rlc runs on knows them all.
func allCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
		"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
		"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
		"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// defaultCapabilities are what Docker leaves to a container that asks for nothing.
func defaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT",
		"CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
	}
}

// grant is the outcome of --privileged, --cap-add and --cap-drop.
type grant struct {
	bounding []string // what a root process holds and what nothing inside can get beyond
	added    []string // what was asked for by name: users other than root hold these too
}

func grantCapabilities(req *Request) (grant, error) {
	add, addAll, err := capabilityNames("--cap-add", req.CapAdd)
	if err != nil {
		return grant{}, err
	}
	drop, dropAll, err := capabilityNames("--cap-drop", req.CapDrop)
	if err != nil {
		return grant{}, err
	}
	if addAll && dropAll {
		return grant{}, conflict("--cap-add ALL", "--cap-drop ALL", "one takes back the other", "name the capabilities of one of them")
	}
	for _, c := range add {
		if slices.Contains(drop, c) {
			return grant{}, conflict("--cap-add "+c, "--cap-drop "+c, "one takes back the other", "leave one of them out")
		}
	}
	base := defaultCapabilities()
	if req.Capabilities != nil {
		if base, _, err = capabilityNames("default_capabilities", req.Capabilities); err != nil {
			return grant{}, err
		}
	}
	switch {
	case addAll:
		base, add = allCapabilities(), without(allCapabilities(), drop)
	case dropAll:
		base = nil
	case req.Privileged:
		base = allCapabilities()
	}
	kept := append(without(base, drop), add...)
	return grant{bounding: inKernelOrder(kept), added: inKernelOrder(add)}, nil
}

// capabilityNames reads the values of a flag, each perhaps a list with commas.
func capabilityNames(flag string, values []string) (names []string, all bool, err error) {
	known := allCapabilities()
	for _, value := range values {
		for typed := range strings.SplitSeq(value, ",") {
			name := strings.ToUpper(strings.TrimSpace(typed))
			if name == "ALL" || name == "CAP_ALL" {
				all = true
				continue
			}
			name = "CAP_" + strings.TrimPrefix(name, "CAP_")
			if !slices.Contains(known, name) {
				return nil, false, refuse(flag, typed, "capabilities(7) lists the names; NET_ADMIN, cap_net_admin and CAP_NET_ADMIN are the same", "unknown capability")
			}
			names = append(names, name)
		}
	}
	return names, all, nil
}

func without(all, unwanted []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(unwanted, c) })
}

// inKernelOrder sorts and thins out a list, so that equal wishes make equal specs.
func inKernelOrder(names []string) []string {
	return slices.DeleteFunc(allCapabilities(), func(c string) bool { return !slices.Contains(names, c) })
}
