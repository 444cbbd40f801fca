package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// enterWorkdir makes the working directory if it is missing, and enters it with the rights
// of the user, else with those of root, as other runtimes do for images that rely on it.
func (s *setup) enterWorkdir() error {
	unsafePath := s.spec.Process.Cwd
	if unsafePath == "" {
		unsafePath = "/"
	}
	err := s.asWorkload(func() error { return s.changeInto(unsafePath) })
	if err != nil {
		if err = s.makeWorkdir(unsafePath); err == nil {
			if err = s.asWorkload(func() error { return s.changeInto(unsafePath) }); err != nil {
				err = s.changeInto(unsafePath)
			}
		}
	}
	if err == nil {
		err = insideRoot()
	}
	if err != nil {
		return &failure{cause: fmt.Errorf("%s: %w", unsafePath, err), code: exitCannotRun, hint: workdirHint(err)}
	}
	return nil
}

func workdirHint(err error) string {
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return "the image has a file there; choose another --workdir"
	case errors.Is(err, unix.EROFS):
		return "it cannot be created in a read-only file system; choose another --workdir"
	}
	return ""
}

// changeInto enters a directory of the container.
func (s *setup) changeInto(unsafePath string) error {
	fd, err := s.root.open(unsafePath, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // only a handle
	return unix.Fchdir(fd)
}

// makeWorkdir creates what is missing of a path, for the user.
func (s *setup) makeWorkdir(unsafePath string) error {
	fd, err := s.root.ensure(unsafePath, true, func(fd int) error {
		return unix.Fchown(fd, int(s.user.uid), int(s.user.gid))
	})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// insideRoot makes sure that the working directory is below the root of this process: through
// one that is not, a workload reaches the host (CVE-2024-21626 is the story).
func insideRoot() error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		return os.NewSyscallError("getcwd", err)
	}
	// The kernel writes "(unreachable)" before a path that the root does not lead to; see getcwd(2).
	if n == 0 || !strings.HasPrefix(string(buf[:n]), "/") {
		return errors.New("it is outside the container")
	}
	return nil
}

// asWorkload calls do with the file system rights of the workload's user on this thread.
// An id other than root's loses the capabilities that override file permissions meanwhile;
// see setfsuid(2).
func (s *setup) asWorkload(do func() error) error {
	gid, _ := unix.SetfsgidRetGid(int(s.user.gid)) // both report no errors
	defer func() { _ = unix.Setfsgid(gid) }()
	uid, _ := unix.SetfsuidRetUid(int(s.user.uid))
	defer func() { _ = unix.Setfsuid(uid) }()
	return do()
}
