// Command rlc-image does everything that touches images: it pulls, loads, lists, removes
// and describes them. rlc starts it inside the user namespace that the image store's files
// belong to, for one request, which arrives on descriptor 3.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/imagestore"
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
