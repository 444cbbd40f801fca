// Command rlc-image does everything that touches images: it pulls, loads, lists, removes
// and describes them. rlc starts it inside the user namespace that the image store's files
// belong to, for one request, which arrives on descriptor 3.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/imagestore"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// connection is the descriptor of the wire connection to rlc.
const connection = 3

func main() {
	if imagestore.Reexecuted() {
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rlc-image:", err)
		os.Exit(125)
	}
}

func run() error {
	if err := userns.Arrive(); err != nil {
		return err
	}
	conn, err := wire.New(os.NewFile(connection, "wire"))
	if err != nil {
		return fmt.Errorf("connect to rlc (this program is started by rlc, not by people): %w", err)
	}
	defer conn.Close() // the process ends
	var request image.Request
	files, err := conn.Receive(&request) // and with it the message that the ids are mapped
	if err != nil {
		return fmt.Errorf("receive the request: %w", err)
	}
	var input *os.File
	if len(files) > 0 {
		input = files[0]
	}
	cache := image.NewCache(request.Store.Cache, os.Environ()) // with the environment that rlc has, too
	if err := settle(request); err != nil {
		return conn.Send(image.Reply{Error: imagestore.Failure(err)})
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // rlc says nothing more: whatever comes is the end of it
		_, _ = conn.Receive(&image.Request{}) // for that, too
		cancel()
	}()
	result, err := imagestore.Serve(ctx, request, input, imagestore.Options{
		Environ:  os.Environ(),
		Cache:    cache,
		Note:     func(note string) { _ = conn.Send(image.Reply{Note: note}) }, // rlc may be gone
		Progress: os.Stderr,
	})
	reply := image.Reply{}
	if err != nil {
		reply.Error = imagestore.Failure(err)
	}
	if reply.Result, err = json.Marshal(result); err != nil {
		return conn.Send(image.Reply{Error: imagestore.Failure(fmt.Errorf("encode the result: %w", err))})
	}
	return conn.Send(reply)
}

// settle makes the process what the image libraries expect in a user namespace: root, with
// their own way of entering one already behind them, and told whose namespace it is.
func settle(r image.Request) error {
	if err := userns.BecomeRoot(false); err != nil {
		return err
	}
	unix.Umask(0)
	logrus.SetOutput(io.Discard) // what matters comes back as an error
	for _, dir := range []string{r.Store.Root, r.Store.Run} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	uid, err := outsideRoot("/proc/self/uid_map")
	if err != nil {
		return err
	}
	variables := map[string]string{
		"_CONTAINERS_USERNS_CONFIGURED": "done",
		"_CONTAINERS_ROOTLESS_UID":      uid,
		"_CONTAINERS_ROOTLESS_GID":      uid,
	}
	// The libraries take a file that they may not read for an error, one that is not there
	// for none. Real root's own directories are closed to the ids mapped here.
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
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
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
