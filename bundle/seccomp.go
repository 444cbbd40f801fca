package bundle

import (
	"fmt"

	"github.com/moby/profiles/seccomp"
)

// confine sets the system call filter: Docker's by default. Both that and a profile of a
// file have rules that depend on the granted capabilities, which must be set before.
func (b *builder) confine() error {
	var err error
	switch profile := b.security.seccomp; {
	case profile == "unconfined", profile == "" && b.req.Privileged:
	case profile == "" || profile == "builtin":
		b.Spec.Linux.Seccomp, err = seccomp.GetDefaultProfile(b.Spec)
	default:
		err = b.confineBy(profile)
	}
	if err != nil {
		return fmt.Errorf("prepare the seccomp profile: %w", err)
	}
	return nil
}

func (b *builder) confineBy(file string) error {
	flag := "seccomp=" + file
	if b.in.ReadFile == nil {
		return refuse("--security-opt", flag, "", "files of the host cannot be read here")
	}
	text, err := b.in.ReadFile(file)
	if err != nil {
		return err
	}
	filter, err := seccomp.LoadProfile(string(text), b.Spec)
	if err != nil {
		return refuse("--security-opt", flag, "the format is that of Docker's default.json", "%v", err)
	}
	if filter == nil || filter.DefaultAction == "" {
		return refuse("--security-opt", flag, "say seccomp=unconfined for no filter at all", "the profile has no defaultAction")
	}
	b.Spec.Linux.Seccomp = filter
	return nil
}
