package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultPath is where a command is looked for when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// becomeWorkload ends init's life: with rights, descriptors and limits of the workload it
// executes it. It returns only on failure, or as a reaper when the workload has ended.
func (s *setup) becomeWorkload() (code int, stage string, err error) {
	if s.spec.Annotations[AnnotationInit] == "true" {
		return s.reap()
	}
	for _, step := range []step{
		{"start a session", s.controlTerminal},
		{"arrange the descriptors", s.arrangeDescriptors},
		{"reset signals", resetSignals},
		{"set resource limits", s.setRlimits},
		{"set the umask", s.setUmask},
		{"drop privileges", func() error { return s.drop(caller{}) }},
	} {
		if err := step.do(); err != nil {
			return 0, step.name, err
		}
	}
	args := s.spec.Process.Args
	err = launch(args[0], s.env, func(path string) error { return syscall.Exec(path, args, s.env) })
	return 0, execStage(args[0]), err
}

func execStage(command string) string { return fmt.Sprintf("exec %q", command) }

// setUmask sets the mask of new files' modes, which Init has set to the usual one.
func (s *setup) setUmask() error {
	if mask := s.spec.Process.User.Umask; mask != nil {
		unix.Umask(int(*mask & 0o777))
	}
	return nil
}

// resetSignals lets no signal be ignored or blocked that the monitor, or whoever started rlc,
// ignores or blocks: unlike handlers, that survives an exec.
func resetSignals() error {
	const ignored = 1 // SIG_IGN; see sigaction(2)
	const setSize = 8 // bytes in the kernel's signal set
	for sig := uintptr(1); sig <= 64; sig++ {
		var action, byDefault [8]uintptr // larger than any machine's; the handler comes first
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&action)), setSize, 0, 0)
		if errno != 0 || action[0] != ignored {
			continue
		}
		_, _, errno = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&byDefault)), 0, setSize, 0, 0)
		if errno != 0 {
			return os.NewSyscallError("rt_sigaction", errno)
		}
	}
	return os.NewSyscallError("pthread_sigmask", unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil))
}

// launch finds a command as execvp(3) does, and hands each candidate that exists to try, which
// returns only if it cannot be executed.
func launch(command string, env []string, try func(path string) error) error {
	if strings.Contains(command, "/") {
		return explainExec(command, try(command))
	}
	list, ok := variable(env, "PATH")
	if !ok {
		list = defaultPath
	}
	var denied error
	for dir := range strings.SplitSeq(list, ":") {
		if dir == "" {
			dir = "."
		}
		path := dir + "/" + command
		if !exists(path) {
			continue
		}
		err := try(path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EACCES) {
			return explainExec(path, err)
		}
		if denied == nil {
			denied = explainExec(path, err)
		}
	}
	if denied != nil {
		return denied
	}
	return &failure{cause: errors.New("not found in $PATH"), code: exitNotFound, hint: "the container's PATH is " + list}
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}
