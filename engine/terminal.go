package engine

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/monitor"
)

// terminal is the caller's terminal in raw mode.
type terminal struct {
	fd   int
	old  unix.Termios
	once sync.Once
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// makeRaw passes every key on to the workload unchanged; see cfmakeraw in termios(3).
func makeRaw(f *os.File) (*terminal, error) {
	t := &terminal{fd: int(f.Fd())}
	now, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("ioctl TCGETS", err)
	}
	t.old = *now
	now.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	now.Oflag &^= unix.OPOST
	now.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	now.Cflag = now.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(t.fd, unix.TCSETS, now); err != nil {
		return nil, os.NewSyscallError("ioctl TCSETS", err)
	}
	return t, nil
}

func (t *terminal) restore() {
	t.once.Do(func() {
		_ = unix.IoctlSetTermios(t.fd, unix.TCSETS, &t.old) // it may have been closed
	})
}

// size returns the size of the terminal that the caller sees; zero if there is none.
func (e *Engine) size() monitor.Size {
	for _, f := range []*os.File{e.Stdout, e.Stdin, e.Stderr} {
		if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			return monitor.Size{Rows: ws.Row, Columns: ws.Col}
		}
	}
	return monitor.Size{}
}

// resize tells the workload the size of the caller's terminal.
func (s *session) resize() {
	if size := s.e.size(); s.l.terminal && size != (monitor.Size{}) {
		_ = s.l.client.Send(monitor.Request{Resize: &size}) // the workload may have ended
	}
}

// defaultDetachKeys are Docker's.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// parseDetachKeys turns "ctrl-p,ctrl-q" into the bytes that a terminal sends for it. "none"
// means that no keys detach, an empty string the default.
func parseDetachKeys(s string) ([]byte, error) {
	switch s {
	case "none":
		return nil, nil
	case "":
		s = defaultDetachKeys
	}
	var keys []byte
	for _, key := range strings.Split(s, ",") {
		rest, ctrl := strings.CutPrefix(strings.ToLower(key), "ctrl-")
		switch {
		case !ctrl && len(key) == 1:
			keys = append(keys, key[0])
		case ctrl && len(rest) == 1 && (rest[0] >= 'a' && rest[0] <= 'z' || strings.Contains("@[\\]^_", rest)):
			keys = append(keys, strings.ToUpper(rest)[0]-'@')
		default:
			return nil, &detachKeyError{Key: key}
		}
	}
	return keys, nil
}

type detachKeyError struct{ Key string }

func (e *detachKeyError) Error() string {
	return fmt.Sprintf("read the detach keys: unknown key %q", e.Key)
}

func (e *detachKeyError) Hint() string {
	return "keys are single characters or ctrl- with a letter or one of @ [ \\ ] ^ _, separated by commas: ctrl-p,ctrl-q"
}

// detachFilter watches for the detach keys in what a person types. Keys that may still
// become the whole sequence are held back.
type detachFilter struct {
	keys  []byte
	typed int
}

// pass returns what may go on to the workload, and whether the sequence is complete.
func (d *detachFilter) pass(data []byte) (out []byte, detach bool) {
	if d == nil || len(d.keys) == 0 {
		return data, false
	}
	out = make([]byte, 0, len(data)+d.typed)
	for _, b := range data {
		held := append(slices.Clone(d.keys[:d.typed]), b)
		for !bytes.HasPrefix(d.keys, held) {
			out, held = append(out, held[0]), held[1:]
		}
		if d.typed = len(held); d.typed == len(d.keys) {
			return out, true
		}
	}
	return out, false
}

// waitReadable waits until in has something to read, or its end, and returns false when
// stop does first.
func waitReadable(in, stop int) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return false
		}
		if fds[1].Revents != 0 {
			return false
		}
		if fds[0].Revents != 0 {
			return true
		}
	}
}
