package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/userns"
)

// settle makes the process what the image libraries expect in a user namespace: root, with
// their own way of entering one already behind them, and told whose namespace it is.
func settle(r image.Request) error {
	if err := userns.Arrive(); err != nil {
		return err
	}
	if err := userns.BecomeRoot(false); err != nil { // when rlc dies, the connection tells
		return err
	}
	unix.Umask(0)
	logrus.SetOutput(io.Discard) // what matters comes back as an error
	for _, dir := range []string{r.Store.Root, r.Store.Run} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	variables, err := environment(r)
	if err != nil {
		return err
	}
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// environment are the variables that the image libraries need to find otherwise. A file that
// they may not read is an error to them, one that is not there is none; and real root's own
// directories are closed to the ids mapped here.
func environment(r image.Request) (map[string]string, error) {
	uid, err := outsideRoot("/proc/self/uid_map")
	if err != nil {
		return nil, err
	}
	variables := map[string]string{
		"_CONTAINERS_USERNS_CONFIGURED": "done",
		"_CONTAINERS_ROOTLESS_UID":      uid,
		"_CONTAINERS_ROOTLESS_GID":      uid,
	}
	for name, instead := range map[string]string{"HOME": r.Store.Root, "XDG_RUNTIME_DIR": r.Store.Run} {
		if dir := os.Getenv(name); dir == "" || unix.Access(dir, unix.X_OK) != nil {
			variables[name] = instead
		}
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"} {
		if path := os.Getenv(name); path != "" && errors.Is(unix.Access(path, unix.R_OK), unix.EACCES) {
			variables[name] = ""
		}
	}
	return variables, nil
}

// outsideRoot is the id outside that root is: the person's own, or, for real root, the start
// of a range, which like a person has no business in the system's directories.
func outsideRoot(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "0" && fields[1] != "0" {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("%s maps no root of its own: %q", path, data)
}
