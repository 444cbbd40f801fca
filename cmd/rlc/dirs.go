package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// dataDir is where what outlives a reboot is kept.
func (a *app) dataDir() (string, error) {
	if a.globals.Root != "" {
		return a.absolute(a.globals.Root)
	}
	if os.Getuid() == 0 {
		return "/var/lib/rlc", nil
	}
	data, err := a.xdg("XDG_DATA_HOME", ".local/share")
	return filepath.Join(data, "rlc"), err
}

// configHome is the directory of the person's configuration.
func (a *app) configHome() (string, error) { return a.xdg("XDG_CONFIG_HOME", ".config") }

// xdg returns a base directory: that of the variable if it is absolute, else one in the
// home directory; see the XDG base directory specification.
func (a *app) xdg(variable, inHome string) (string, error) {
	if dir := a.getenv(variable); filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	home, err := a.home()
	return filepath.Join(home, inHome), err
}

// home is the person's home directory, by $HOME, else by the user database.
func (a *app) home() (string, error) {
	if home := a.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Clean(home), nil
	}
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", &noHomeError{uid: os.Getuid()}
	}
	return u.HomeDir, nil
}

// noHomeError reports that nobody knows where the person's files are.
type noHomeError struct{ uid int }

func (e *noHomeError) Error() string {
	return fmt.Sprintf("find the home directory: HOME is not set and user %d is not in /etc/passwd", e.uid)
}

// Hint tells how to name one.
func (e *noHomeError) Hint() string { return "set HOME, or use --root DIR" }

// runtimeDir is where what ends with the session is kept. It is private to the user.
func (a *app) runtimeDir() (string, error) {
	if a.globals.RunRoot != "" {
		return a.absolute(a.globals.RunRoot)
	}
	uid := os.Getuid()
	if uid == 0 {
		return "/run/rlc", nil
	}
	for _, dir := range []string{a.getenv("XDG_RUNTIME_DIR"), fmt.Sprintf("/run/user/%d", uid)} {
		if filepath.IsAbs(dir) && isPrivate(dir, uid) == nil {
			return filepath.Join(dir, "rlc"), nil
		}
	}
	return privateTemp("/tmp", uid)
}

// privateTemp makes, or finds, the directory of a user in a place where everybody may write.
func privateTemp(parent string, uid int) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("rlc-%d", uid))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a runtime directory: %w", err)
	}
	if err := isPrivate(dir, uid); err != nil {
		return "", fmt.Errorf("use the runtime directory %s: %w", dir, err)
	}
	return dir, nil
}

// isPrivate returns an error unless dir is a directory, no symbolic link, that belongs to
// uid and that nobody else can write to.
func isPrivate(dir string, uid int) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := -1
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(stat.Uid)
	}
	switch {
	case !info.IsDir():
		return &unsafeDirError{"it is not a directory"}
	case owner != uid:
		return &unsafeDirError{fmt.Sprintf("it belongs to user %d", owner)}
	case info.Mode().Perm()&0o022 != 0:
		return &unsafeDirError{fmt.Sprintf("others may write to it (mode %#o)", info.Mode().Perm())}
	}
	return nil
}

// unsafeDirError reports a directory in which somebody else could lay traps.
type unsafeDirError struct{ problem string }

func (e *unsafeDirError) Error() string { return e.problem }

// Hint tells how to have another one.
func (e *unsafeDirError) Hint() string {
	return "set XDG_RUNTIME_DIR or use --runroot DIR with a directory of your own, mode 0700"
}

// programsDir is where rlc's other programs lie: beside this one or in ../libexec/rlc.
func programsDir() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find rlc's own directory: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", fmt.Errorf("find rlc's own directory: %w", err)
	}
	dir := filepath.Dir(self)
	if libexec := filepath.Join(filepath.Dir(dir), "libexec", "rlc"); !exists(filepath.Join(dir, "rlc-monitor")) && exists(libexec) {
		return libexec, nil
	}
	return dir, nil
}
