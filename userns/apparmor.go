package userns

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const profileFile = "/etc/apparmor.d/rlc"

// apparmorRestriction says whether AppArmor is known to restrict the user namespaces of
// this process, and which profile would lift that.
func apparmorRestriction() (profile string, restricted bool) {
	if !restrictedLabel(apparmorLabel(), sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1", unix.Geteuid() == 0) {
		return "", false
	}
	program, err := os.Executable()
	if err != nil {
		program = "/usr/bin/rlc"
	}
	return apparmorProfile(program), true
}

// restrictedLabel decides by the process's label: "unconfined", or "NAME (MODE)".
func restrictedLabel(label string, unprivilegedRestricted, root bool) bool {
	switch {
	case label == "", strings.HasSuffix(label, " (unconfined)"), strings.HasSuffix(label, " (complain)"):
		return false
	case label == "unconfined":
		return unprivilegedRestricted && !root
	}
	return true
}

// apparmorLabel is the label that AppArmor has for this process, empty without AppArmor.
func apparmorLabel() string {
	label, err := os.ReadFile("/proc/self/attr/apparmor/current") // since Linux 5.8
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(label), "\n\x00")
}

// apparmorProfile is the text of a profile that confines program in nothing, which is what
// lets it have user namespaces with power.
func apparmorProfile(program string) string {
	return fmt.Sprintf(`abi <abi/4.0>,
include <tunables/global>

profile rlc %s flags=(unconfined) {
  userns,
}
`, apparmorQuote(program))
}

// apparmorQuote writes a path so that AppArmor takes it literally.
func apparmorQuote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range path {
		if strings.ContainsRune(`\"*?[]{}`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
