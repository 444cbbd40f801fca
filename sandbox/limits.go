package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// rlimits are the numbers of resource limits by their names in the spec; see getrlimit(2).
var rlimits = map[string]int{
	"RLIMIT_AS":         unix.RLIMIT_AS,
	"RLIMIT_CORE":       unix.RLIMIT_CORE,
	"RLIMIT_CPU":        unix.RLIMIT_CPU,
	"RLIMIT_DATA":       unix.RLIMIT_DATA,
	"RLIMIT_FSIZE":      unix.RLIMIT_FSIZE,
	"RLIMIT_LOCKS":      unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK":    unix.RLIMIT_MEMLOCK,
	"RLIMIT_MSGQUEUE":   unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE":       unix.RLIMIT_NICE,
	"RLIMIT_NOFILE":     unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC":      unix.RLIMIT_NPROC,
	"RLIMIT_RSS":        unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO":     unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME":     unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_STACK":      unix.RLIMIT_STACK,
}

// setRlimits sets the resource limits of the workload. They are init's own at once, and may
// leave no room for another thread, descriptor or page: it comes last.
func (s *setup) setRlimits() error {
	for _, limit := range s.spec.Process.Rlimits {
		number, ok := rlimits[limit.Type]
		if !ok {
			return fmt.Errorf("%s is unknown", limit.Type)
		}
		if limit.Soft > limit.Hard {
			return fmt.Errorf("%s: the soft limit %d is above the hard limit %d", limit.Type, limit.Soft, limit.Hard)
		}
		err := unix.Prlimit(0, number, &unix.Rlimit{Cur: limit.Soft, Max: limit.Hard}, nil)
		if errors.Is(err, unix.EPERM) {
			var now unix.Rlimit
			_ = unix.Prlimit(0, number, nil, &now) // only for the message
			return hinted("only root can raise a hard limit; ask for at most that",
				"%s: %d is above your own hard limit of %d", name(limit.Type), limit.Hard, now.Max)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name(limit.Type), err)
		}
	}
	return nil
}

// name is how a limit is called on the command line.
func name(rlimit string) string {
	return strings.ToLower(strings.TrimPrefix(rlimit, "RLIMIT_"))
}

// setOOMScore tells the kernel how gladly to end the workload when memory runs out. To
// become less of a candidate than one was needs root; that wish stays unfulfilled.
func (s *setup) setOOMScore() error {
	score := s.spec.Process.OOMScoreAdj
	if score == nil {
		return nil
	}
	err := writeFile(unix.AT_FDCWD, "/proc/self/oom_score_adj", fmt.Sprint(*score))
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		s.notes = append(s.notes, fmt.Sprintf("the OOM score adjustment stays as it was: lowering it to %d needs root", *score))
		return nil
	}
	return err
}

// writeFile writes to a file of the kernel, relative to a directory.
func writeFile(dirfd int, path, text string) error {
	fd, err := unix.Openat2(dirfd, path, &unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CLOEXEC})
	if err != nil {
		return err
	}
	defer unix.Close(fd) // the kernel has taken the text, or the write has failed
	_, err = unix.Write(fd, []byte(text))
	return err
}
