package bundle

import (
	"fmt"
	"strings"
)

// parseSysctl reads KEY=VALUE. Keys may have slashes for dots, as in sysctl(8).
func parseSysctl(text string) (key, value string, err error) {
	const form = "write KEY=VALUE, such as net.ipv4.ip_forward=1"
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return "", "", refuse("--sysctl", text, form, "not KEY=VALUE")
	}
	if strings.TrimSpace(key) != key || strings.TrimSpace(value) != value {
		return "", "", refuse("--sysctl", text, form, "spaces around the key or the value")
	}
	for part := range strings.FieldsFuncSeq(key, isSeparator) {
		if strings.Trim(part, letters) != "" {
			return "", "", refuse("--sysctl", text, form, "not a key")
		}
	}
	if isSeparator(rune(key[0])) || isSeparator(rune(key[len(key)-1])) || hasTwin(key) {
		return "", "", refuse("--sysctl", text, form, "not a key")
	}
	if strings.ContainsAny(value, "\x00\n") {
		return "", "", refuse("--sysctl", text, form, "the value is more than a line")
	}
	return key, value, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

func isSeparator(r rune) bool { return r == '.' || r == '/' }

// hasTwin finds two separators in a row, with which a key could climb out of /proc/sys.
func hasTwin(key string) bool {
	for i := 1; i < len(key); i++ {
		if isSeparator(rune(key[i-1])) && isSeparator(rune(key[i])) {
			return true
		}
	}
	return false
}

// owner is the namespace that a kernel parameter belongs to; empty when it is the host's.
func owner(key string) kind {
	key = strings.ReplaceAll(key, "/", ".")
	switch key {
	case "kernel.hostname", "kernel.domainname":
		return uts
	case "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
		"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem":
		return ipc
	}
	switch {
	case strings.HasPrefix(key, "fs.mqueue."):
		return ipc
	case strings.HasPrefix(key, "net."):
		return network
	}
	return ""
}

// tune sets the kernel parameters of the container's own namespaces.
func (b *builder) tune() error {
	values := b.defaultSysctls()
	for _, text := range b.req.Sysctls {
		key, value, err := parseSysctl(text)
		if err != nil {
			return err
		}
		switch k := owner(key); {
		case k == "":
			return refuse("--sysctl", text, "a container may set kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.*", "the parameter is the whole machine's")
		case k == uts:
			return refuse("--sysctl", text, "use --hostname or --domainname", "not set this way")
		case !b.space[k].owned():
			return conflict("--sysctl "+key, b.space[k].flag(), "the parameter is the namespace's, which is not the container's own", "leave one of them out")
		}
		values[key] = value
	}
	b.Spec.Linux.Sysctl = values
	return nil
}

// defaultSysctls let every user of the container ping and bind low ports in its own
// network, as Docker does.
func (b *builder) defaultSysctls() map[string]string {
	values := map[string]string{}
	if !b.space[network].owned() {
		return values
	}
	values["net.ipv4.ip_unprivileged_port_start"] = "0"
	if low, high, ok := groupRange(b.in.Plan.GID); ok {
		values["net.ipv4.ping_group_range"] = fmt.Sprintf("%d %d", low, high)
	}
	return values
}
