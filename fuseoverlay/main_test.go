package fuseoverlay

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"syscall"

	"golang.org/x/sys/unix"
)

const insideVariable = "FUSEOVERLAY_TEST_INSIDE"

// TestMain runs the tests as root of a user and a mount namespace of their own, as the
// monitor would: started by root with many ids, started by others with their own one.
func TestMain(m *testing.M) {
	if os.Getenv(insideVariable) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			fmt.Fprintln(os.Stderr, "make mounts private:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(runInside())
}

func runInside() int {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer self.Close()
	first, count := os.Getuid(), 1
	if first == 0 {
		first, count = 1000000, 65536
	}
	// Neither the binary nor the log of opened files need be within others' reach.
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile=") })
	cmd := exec.Command("/proc/self/fd/3", args...)
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	if count > 1 {
		cmd.Dir = "/"
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:                 unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: first, Size: count}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: groupOf(first), Size: count}},
		GidMappingsEnableSetgroups: count > 1,
		Credential:                 &syscall.Credential{NoSetGroups: true},
		Pdeathsig:                  unix.SIGKILL,
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(1, exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "SKIPPED all tests of fuseoverlay: no user namespace here:", err)
	return 0
}

func groupOf(uid int) int {
	if uid == os.Getuid() {
		return os.Getgid()
	}
	return uid
}
