package idmap

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// packages are the names under which distributions have newuidmap.
const packages = "uidmap on Debian, Ubuntu and SUSE, shadow-utils on Fedora, RHEL and Arch"

// Cause is why newuidmap or newgidmap cannot do its work, worded to follow its name.
type Cause string

// The causes.
const (
	Missing       Cause = "is not installed"
	NotExecutable Cause = "may not be executed by you"
	NotPrivileged Cause = "is neither setuid root nor has file capabilities"
	OnNosuid      Cause = "lies on a file system that is mounted nosuid"
	NoNewPrivs    Cause = "gets no privileges, because no_new_privs is set for this process"
	NotBounded    Cause = "gets no privileges, because the capability bounding set of this process lacks CAP_SETUID or CAP_SETGID"
	NoLogin       Cause = "knows no login name for your uid"
	OtherGroup    Cause = "serves only processes whose group is your login group"
	Refused       Cause = "refused"
)

// HelperError reports that newuidmap or newgidmap cannot do its work, or did not.
type HelperError struct {
	Program string // absolute once it was found
	Cause   Cause
	Output  string // what it wrote, if it ran
}

// Error names the program and the cause.
func (e *HelperError) Error() string {
	message := fmt.Sprintf("%s %s", e.Program, e.Cause)
	if e.Output != "" {
		message += ": " + e.Output
	}
	return message
}

// Hint says who can mend it, and how.
func (e *HelperError) Hint() string {
	switch e.Cause {
	case Missing:
		return "ask an administrator to install it: package " + packages
	case NotExecutable:
		return fmt.Sprintf("ask an administrator to let you execute it: ls -l %s shows who may", e.Program)
	case NotPrivileged:
		return "ask an administrator: chmod u+s " + e.Program
	case OnNosuid:
		return fmt.Sprintf("ask an administrator to remount that file system with suid, or to move %s", e.Program)
	case NoNewPrivs:
		return "start rlc from where it is not set (not from a container, sandbox or service with NoNewPrivileges=yes)"
	case NotBounded:
		return "give the container or service that rlc runs in the capabilities CAP_SETUID and CAP_SETGID"
	case NoLogin:
		return "add your uid to /etc/passwd, or see that the directory service (LDAP, sssd) answers: getent passwd"
	case OtherGroup:
		return "leave newgrp or sg, or ask an administrator for GRANT_AUX_GROUP_SUBIDS yes in /etc/login.defs"
	}
	return ""
}

// unprivileged returns a *HelperError when it is plain that newuidmap or newgidmap cannot
// work, without running them.
func unprivileged() error {
	// no_new_privs cannot be unset: setuid bits and file capabilities do nothing; see prctl(2).
	if set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && set == 1 {
		return &HelperError{Program: "newuidmap", Cause: NoNewPrivs}
	}
	for _, capability := range []uintptr{unix.CAP_SETUID, unix.CAP_SETGID} {
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, capability, 0, 0, 0); err == nil && has == 0 {
			return &HelperError{Program: "newuidmap", Cause: NotBounded}
		}
	}
	for _, name := range []string{"newuidmap", "newgidmap"} {
		path, ok := find(name)
		if !ok {
			return &HelperError{Program: name, Cause: Missing}
		}
		if cause := powerless(path); cause != "" {
			return &HelperError{Program: path, Cause: cause}
		}
	}
	return nil
}

// powerless is why the file cannot gain privileges; empty: it can.
func powerless(path string) Cause {
	if unix.Access(path, unix.X_OK) != nil {
		return NotExecutable
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return Missing
	}
	setuid := st.Mode&unix.S_ISUID != 0 && st.Uid == 0
	if !setuid {
		if n, err := unix.Getxattr(path, "security.capability", nil); err != nil || n == 0 {
			return NotPrivileged
		}
	}
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_NOSUID != 0 {
		return OnNosuid
	}
	return ""
}

// writer is one of the two programs at work on one map.
type writer struct {
	name    string // newuidmap or newgidmap
	file    string // where it looks for the grant
	program *program
}

func startWriter(name, file string, pid int, m Map) (*writer, error) {
	path, ok := find(name)
	if !ok {
		return nil, &HelperError{Program: name, Cause: Missing}
	}
	args := make([]string, 0, 1+3*len(m))
	args = append(args, decimal(uint32(pid)))
	for _, e := range m {
		args = append(args, decimal(e.Inside), decimal(e.Outside), decimal(e.Count))
	}
	p, err := start(path, args...)
	if err != nil {
		return nil, err
	}
	return &writer{name: name, file: file, program: p}, nil
}

func (w *writer) wait(ctx context.Context) error {
	output, success, err := w.program.wait(ctx)
	if err != nil || success {
		return err
	}
	return w.diagnose(output)
}

// diagnose makes an error of what the program wrote; see newuidmap(1).
func (w *writer) diagnose(output string) error {
	helper := &HelperError{Program: w.program.path, Cause: Refused, Output: output}
	switch {
	case strings.Contains(output, "not allowed"):
		return &NotGrantedError{Login: currentLogin(), File: w.file, Range: refusedRange(output)}
	case strings.Contains(output, "Cannot determine your user name"):
		helper.Cause = NoLogin
	case strings.Contains(output, "is owned by a different user"):
		helper.Cause = OtherGroup
	default:
		if cause := powerless(w.program.path); cause != "" {
			helper.Cause = cause
		} else if known, ok := unprivileged().(*HelperError); ok {
			helper.Cause = known.Cause
		}
	}
	return helper
}

// refusedRange reads the outside of "uid range [1-65537) -> [100000-165536) not allowed".
func refusedRange(output string) Range {
	_, outside, _ := strings.Cut(output, "-> [")
	outside, _, _ = strings.Cut(outside, ")")
	first, behind, _ := strings.Cut(outside, "-")
	start, ok := parseID(first)
	end, endOK := parseID(behind)
	if !ok || !endOK || end < start {
		return Range{}
	}
	return Range{start, end - start}
}

// currentLogin is how the grant files may call the person who runs this process.
func currentLogin() string {
	uid := uint32(syscall.Getuid())
	passwd, err := os.ReadFile("/etc/passwd")
	if login := loginOf(passwd, uid); err == nil && login != "" {
		return login
	}
	return decimal(uid)
}
