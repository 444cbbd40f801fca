package main

import "errors"

// The exit codes of rlc. A container's own code passes through unchanged.
const (
	exitOK     = 0
	exitNo     = 1   // "exists" says no; an object to remove is missing
	exitInUse  = 2   // an object to remove is in use or running
	exitFailed = 125 // rlc itself failed, or the command line is wrong
)

// exitStatus ends rlc with a code and without a message: everything has been said.
type exitStatus int

func (exitStatus) Error() string { return "" }

// ExitCode is the code to end with.
func (s exitStatus) ExitCode() int { return int(s) }

// status makes an error of an exit code; nil for success.
func status(code int) error {
	if code == exitOK {
		return nil
	}
	return exitStatus(code)
}

// asFailure gives an error of a command whose exit code means only success or failure one of
// 125, 126 and 127; what was missing or in use matters to nobody. An exitStatus stays.
func asFailure(err error) error {
	var given exitStatus
	if code := exitCode(err); err == nil || errors.As(err, &given) || code >= exitFailed && code <= exitFailed+2 {
		return err
	}
	return &failure{err}
}

// failure is an error with exit code 125.
type failure struct{ error }

// Unwrap returns the error itself.
func (f *failure) Unwrap() error { return f.error }

// ExitCode is 125.
func (f *failure) ExitCode() int { return exitFailed }

// exitCode finds out with which code an error ends rlc.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitFailed
}
