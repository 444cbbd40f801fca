package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal in the container's own devpts: the master goes to the
// monitor, the slave becomes the workload's standard streams and /dev/console.
func (s *setup) openTerminal() error {
	if !s.spec.Process.Terminal {
		return nil
	}
	master, err := s.openMaster()
	if err != nil {
		return err
	}
	s.master = os.NewFile(uintptr(master), "ptmx")
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return os.NewSyscallError("ioctl TIOCSPTLCK", err)
	}
	if size := s.spec.Process.ConsoleSize; size != nil {
		ws := &unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
		if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, ws); err != nil {
			return os.NewSyscallError("ioctl TIOCSWINSZ", err)
		}
	}
	// By descriptor: a path to the slave could be anything by now; see ioctl_tty(2).
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return os.NewSyscallError("ioctl TIOCGPTPEER", errno)
	}
	s.stdio = []*os.File{os.NewFile(slave, "terminal")}
	return s.addConsole(int(slave))
}

func (s *setup) openMaster() (int, error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	if pts, ok := s.placed["/dev/pts"]; ok {
		fd, err := unix.Openat(pts, "ptmx", flags, 0)
		return fd, os.NewSyscallError("open ptmx", err)
	}
	fd, err := s.root.open("/dev/ptmx", flags)
	if err != nil {
		return -1, hinted("a terminal needs a mount of type devpts at /dev/pts", "open /dev/ptmx: %w", err)
	}
	return fd, nil
}

// addConsole shows the terminal as /dev/console, in a /dev that is the container's own.
func (s *setup) addConsole(slave int) error {
	dev, own := s.placed["/dev"]
	if !own {
		return nil
	}
	tree, err := cloneTree(slave, "", false)
	if err != nil {
		return fmt.Errorf("bind the terminal: %w", err)
	}
	if err := addNode(directory{dev}, "console", tree); err != nil {
		return fmt.Errorf("/dev/console: %w", err)
	}
	return nil
}

// chownStdio lets the workload's user open its standard streams anew, as in
// "echo > /dev/stdout". Only what was made for the workload is given away: anonymous pipes
// and its own terminal.
func (s *setup) chownStdio() error {
	for _, f := range s.stdio {
		fd := int(f.Fd())
		if s.master != nil {
			// The group of terminals stays.
			if err := unix.Fchown(fd, int(s.user.uid), -1); err != nil && !errors.Is(err, unix.EPERM) {
				return os.NewSyscallError("fchown", err)
			}
			continue
		}
		var fs unix.Statfs_t
		if err := unix.Fstatfs(fd, &fs); err != nil || int64(fs.Type) != unix.PIPEFS_MAGIC {
			continue
		}
		_ = unix.Fchown(fd, int(s.user.uid), int(s.user.gid)) // somebody else's pipe: it works, but cannot be opened anew
	}
	return nil
}

// controlTerminal starts a session of the workload's own, with the terminal if there is one.
func (s *setup) controlTerminal() error {
	if _, err := unix.Setsid(); err != nil && !errors.Is(err, unix.EPERM) { // EPERM: it is a session leader already
		return os.NewSyscallError("setsid", err)
	}
	if s.master == nil {
		return nil
	}
	err := unix.IoctlSetInt(int(s.stdio[0].Fd()), unix.TIOCSCTTY, 0)
	return os.NewSyscallError("ioctl TIOCSCTTY", err)
}
