package bundle

import (
	"path"
	"slices"
)

// maskedPaths are what Docker and Podman hide, because it tells about the host or reaches
// into it. Docker also hides each processor's thermal_throttle directory: that would be a
// mount for every processor, to hide counters which every user of the host can read.
func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
	}
}

// readOnlyPaths are what a workload may read there but not write.
func readOnlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// restrictPaths fills in the masked and read-only paths of the spec.
func (b *builder) restrictPaths() {
	linux := b.Spec.Linux
	if !b.req.Privileged {
		linux.MaskedPaths = slices.DeleteFunc(maskedPaths(), b.security.unmasks)
		linux.ReadonlyPaths = slices.DeleteFunc(readOnlyPaths(), b.security.unmasks)
		if b.space[network].foreign() { // the host's own /sys is bound there
			linux.MaskedPaths = append(linux.MaskedPaths, "/sys/kernel")
		}
	}
	for _, p := range b.security.mask {
		linux.MaskedPaths = append(linux.MaskedPaths, path.Clean(p))
	}
}

// unmasks tells whether --security-opt unmask names a path.
func (s *security) unmasks(masked string) bool {
	return slices.ContainsFunc(s.unmask, func(pattern string) bool {
		matched, _ := path.Match(pattern, masked) // parseSecurity has tried the pattern
		return matched || pattern == "ALL"
	})
}
