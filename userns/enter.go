package userns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Enter runs fn on a thread of its own that has joined the namespaces, open files of
// /proc/PID/ns, and returns what fn returns; the files stay the caller's. Processes started
// by fn on that thread are in the namespaces, also in a pid namespace, which the thread
// itself cannot enter. The thread ends with fn and is never used for anything else.
//
// What cannot be joined comes back as a *JoinError. User namespaces cannot be joined by a
// process with several threads, nor can time namespaces.
func Enter(namespaces []*os.File, fn func() error) error {
	result := make(chan error, 1)
	go onOwnThread(func() {
		defer close(result) // fn may leave by runtime.Goexit
		if err := join(namespaces); err != nil {
			result <- err
			return
		}
		result <- fn()
	})
	return <-result
}

// onOwnThread runs fn on a thread that ends with it. That must not be the main thread: it
// cannot end, and /proc/self shows its namespaces.
func onOwnThread(fn func()) {
	runtime.LockOSThread() // never unlocked, so that the runtime destroys the thread
	if unix.Gettid() != unix.Getpid() {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		fn()
	}()
	<-done
	runtime.UnlockOSThread()
}

// joining is the order in which namespaces are joined: the mount namespace comes last, as
// another's /proc may show other things.
var joining = [...]Kind{IPC, UTS, Network, PID, Cgroup, Time, User, Mount}

func join(namespaces []*os.File) error {
	byKind := map[Kind]*os.File{}
	for _, f := range namespaces {
		kind, err := KindOf(f)
		if err != nil {
			return fmt.Errorf("join a namespace: %w", err)
		}
		if byKind[kind] != nil {
			return fmt.Errorf("join a namespace: %s and %s are both of kind %s", byKind[kind].Name(), f.Name(), kind)
		}
		byKind[kind] = f
	}
	if byKind[Mount] != nil {
		// EINVAL otherwise: threads share root and working directory; see setns(2).
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
	}
	for _, kind := range joining {
		f := byKind[kind]
		if f == nil {
			continue
		}
		if err := unix.Setns(int(f.Fd()), kind.flag()); err != nil {
			owner, _ := Owner(f) // only to explain
			return &JoinError{Kind: kind, Name: f.Name(), Owner: owner, Err: err}
		}
	}
	return nil
}

// JoinError reports a namespace that could not be joined.
type JoinError struct {
	Kind  Kind
	Name  string    // the file's
	Owner Ownership // empty if it could not be found out
	Err   error
}

// Error names the namespace and the kernel's answer.
func (e *JoinError) Error() string {
	message := fmt.Sprintf("join the %s namespace %s: %v", e.Kind, e.Name, e.Err)
	if e.denied() {
		message += ", it belongs to " + string(e.Owner)
	}
	return message
}

// Unwrap returns the kernel's answer.
func (e *JoinError) Unwrap() error { return e.Err }

// Hint says which namespaces can be joined.
func (e *JoinError) Hint() string {
	switch {
	case slices.Contains([]Kind{User, Time}, e.Kind):
		return fmt.Sprintf("a running program cannot join a %s namespace; share it from the start", e.Kind)
	case e.denied():
		return "only namespaces made inside the container's own user namespace, or below it, can be joined"
	}
	return ""
}

func (e *JoinError) denied() bool { return errors.Is(e.Err, unix.EPERM) && e.Owner == Foreign }
