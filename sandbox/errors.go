package sandbox

import (
	"errors"
	"fmt"
)

// Exit codes of a container that never ran; see docker-run(1).
const (
	exitSetup      = 125 // the container could not be prepared
	exitCannotRun  = 126 // the command or its working directory cannot be used
	exitNotFound   = 127 // there is no such command
	exitSignalBase = 128 // plus the signal that ended the workload
)

// failure is an error with what a person needs besides its cause.
type failure struct {
	cause error
	hint  string // a remedy; may be empty
	code  int    // exit code; 0: exitSetup
}

func (f *failure) Error() string { return f.cause.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// Hint says what the person can do about it.
func (f *failure) Hint() string { return f.hint }

// ExitCode is the exit code that stands for the failure.
func (f *failure) ExitCode() int {
	if f.code == 0 {
		return exitSetup
	}
	return f.code
}

// hinted adds a remedy to an error.
func hinted(hint, format string, args ...any) error {
	return &failure{cause: fmt.Errorf(format, args...), hint: hint}
}

// replyTo describes an error to the monitor.
func replyTo(stage string, err error) Reply {
	r := Reply{Stage: stage, Cause: err.Error(), ExitCode: exitSetup}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		r.Hint = hinter.Hint()
	}
	var coder interface{ ExitCode() int }
	if errors.As(err, &coder) {
		r.ExitCode = coder.ExitCode()
	}
	return r
}
