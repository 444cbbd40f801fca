package script

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// condition tells what the machine and the user have.
func condition(name string) (bool, error) {
	switch name {
	case "root": // the tests run as root
		return os.Getuid() == 0, nil
	case "testuser": // root has an ordinary user with subordinate ids to run things as
		return os.Getuid() == 0 && os.Getenv("RLC_TEST_USER") != "", nil
	case "subids": // an ordinary user with subordinate ids
		return os.Getuid() != 0 && hasRange("/etc/subuid") && hasRange("/etc/subgid") && hasHelpers(), nil
	case "noids": // an ordinary user without
		return os.Getuid() != 0 && !hasRange("/etc/subuid"), nil
	case "debian": // somebody has made a Debian image: tests/debian-image
		return os.Getenv("RLC_TEST_DEBIAN") != "", nil
	case "fuse": // fuse-overlayfs can run
		file, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err != nil {
			return false, nil
		}
		_ = file.Close() // nothing was written
		_, err = exec.LookPath("fuse-overlayfs")
		return err == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// hasRange tells whether a file like subuid(5) has a line for this user.
func hasRange(file string) bool {
	id := strconv.Itoa(os.Getuid())
	names := []string{id}
	if u, err := user.LookupId(id); err == nil {
		names = append(names, u.Username)
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		for _, name := range names {
			if strings.HasPrefix(lines.Text(), name+":") {
				return true
			}
		}
	}
	return false
}

func hasHelpers() bool {
	_, err := exec.LookPath("newuidmap")
	return err == nil
}
