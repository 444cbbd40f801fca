package bundle

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// security is what the values of --security-opt say together.
type security struct {
	noNewPrivileges bool
	seccomp         string   // a file, "unconfined", "builtin"; empty: not said
	mask            []string // further paths to hide
	unmask          []string // patterns of path.Match; "ALL"
	procOptions     []string // mount options for /proc
	apparmor        string
	labels          []string
}

// securityForms helps with a mistyped --security-opt.
const securityForms = "known are no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=..., " +
	"mask=/PATH[:/PATH], unmask=ALL|/PATH[:/PATH], systempaths=unconfined, proc-opts=OPTIONS"

func parseSecurity(values []string) (security, error) {
	var s security
	for _, value := range values {
		if err := s.add(value); err != nil {
			return security{}, err
		}
	}
	return s, nil
}

// add reads one value. Docker also takes a colon for the equals sign.
func (s *security) add(text string) error {
	name, value := text, ""
	if i := strings.IndexAny(text, "=:"); i >= 0 {
		name, value = text[:i], text[i+1:]
	}
	switch name {
	case "no-new-privileges":
		return s.setNoNewPrivileges(text, value)
	case "seccomp":
		return setOnce(&s.seccomp, "seccomp", text, value)
	case "apparmor":
		return setOnce(&s.apparmor, "apparmor", text, value)
	case "label":
		s.labels = append(s.labels, value)
		return nil
	case "mask":
		s.mask = append(s.mask, strings.Split(value, ":")...)
		return absolute(text, strings.Split(value, ":"))
	case "unmask":
		return s.setUnmask(text, value)
	case "systempaths":
		if value != "unconfined" {
			return refuse("--security-opt", text, securityForms, "the only value is unconfined")
		}
		s.unmask = append(s.unmask, "ALL")
		return nil
	case "proc-opts":
		return s.setProcOptions(text, value)
	}
	return refuse("--security-opt", text, securityForms, "unknown option")
}

func (s *security) setNoNewPrivileges(text, value string) error {
	if !strings.ContainsAny(text, "=:") {
		s.noNewPrivileges = true
		return nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return refuse("--security-opt", text, "write no-new-privileges, or no-new-privileges=false", "neither true nor false")
	}
	s.noNewPrivileges = on
	return nil
}

func setOnce(field *string, name, text, value string) error {
	if value == "" {
		return refuse("--security-opt", text, securityForms, "no value")
	}
	if *field != "" && *field != value {
		return conflict("--security-opt "+name+"="+*field, name+"="+value, "only one can hold", "leave one of them out")
	}
	*field = value
	return nil
}

func (s *security) setUnmask(text, value string) error {
	if strings.EqualFold(value, "ALL") {
		s.unmask = append(s.unmask, "ALL")
		return nil
	}
	patterns := strings.Split(value, ":")
	for _, p := range patterns {
		if _, err := path.Match(p, "/"); err != nil {
			return refuse("--security-opt", text, "escape [ and \\ with a backslash", "not a pattern: %s", p)
		}
	}
	s.unmask = append(s.unmask, patterns...)
	return absolute(text, patterns)
}

func (s *security) setProcOptions(text, value string) error {
	for option := range strings.SplitSeq(value, ",") {
		key, _, _ := strings.Cut(option, "=")
		if !slices.Contains([]string{"hidepid", "gid", "subset"}, key) {
			return refuse("--security-opt", text, "proc(5) has hidepid=, gid= and subset=", "unknown option of /proc: %s", option)
		}
		s.procOptions = append(s.procOptions, option)
	}
	return nil
}

func absolute(text string, paths []string) error {
	for _, p := range paths {
		if !path.IsAbs(p) {
			return refuse("--security-opt", text, "separate absolute paths with colons", "not an absolute path: %q", p)
		}
	}
	return nil
}

// notes says which wishes for confinement rlc does not carry out.
func (s *security) notes() []string {
	var notes []string
	if s.apparmor != "" && s.apparmor != "unconfined" {
		notes = append(notes, "--security-opt apparmor="+s.apparmor+": not applied: changing an AppArmor profile is up to the administrator")
	}
	for _, label := range s.labels {
		if label != "disable" {
			notes = append(notes, "--security-opt label="+label+": not applied: the container keeps the SELinux label of rlc itself")
		}
	}
	return notes
}
