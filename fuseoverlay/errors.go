package fuseoverlay

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// DriverError is what went wrong with one driver.
type DriverError struct {
	Driver Driver
	Err    error
}

func (e *DriverError) Error() string { return string(e.Driver) + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *DriverError) Unwrap() error { return e.Err }

// NoDriverError reports that no driver works here.
type NoDriverError struct{ Reasons []error }

func (e *NoDriverError) Error() string {
	all := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		all[i] = r.Error()
	}
	return "stack the layers: " + strings.Join(all, "; ")
}

// Unwrap gives the causes, one a driver.
func (e *NoDriverError) Unwrap() []error { return e.Reasons }

// Hint tells the user what would make a driver work.
func (e *NoDriverError) Hint() string {
	return "install fuse-overlayfs and see that /dev/fuse is open to you, or keep the containers on a local file system"
}

// UnavailableError says that a driver cannot work on this machine or for these directories.
type UnavailableError struct {
	Cause  string
	Remedy string
}

func (e *UnavailableError) Error() string { return e.Cause }

// Hint tells the user how to make the driver available; it may be empty.
func (e *UnavailableError) Hint() string { return e.Remedy }

// SpaceError reports a full file system or an exhausted quota. What had been copied is gone again.
type SpaceError struct {
	Dir string // a directory on that file system
	Err error
}

func (e *SpaceError) Error() string { return fmt.Sprintf("copy the layers to %s: %v", e.Dir, e.Err) }

// Unwrap gives the cause: ENOSPC or EDQUOT.
func (e *SpaceError) Unwrap() error { return e.Err }

// Hint tells the user how to get by with less.
func (e *SpaceError) Hint() string {
	return "free some space, or install fuse-overlayfs, which needs no copy of the image"
}

// unavailable tells a driver's "not here" from a failure that every driver would share.
func unavailable(err error) bool {
	var u *UnavailableError
	if errors.As(err, &u) {
		return true
	}
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENODEV, unix.ENXIO, unix.ENOSYS, unix.EOPNOTSUPP, unix.ESTALE, unix.ELOOP, unix.EXDEV, unix.E2BIG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func outOfSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
