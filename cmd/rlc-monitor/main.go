// Rlc-monitor is three processes: "rlc-monitor ID" stays with a container, "rlc-monitor init"
// becomes the first process inside it, and "rlc-monitor task" does one thing in a user
// namespace and ends. It is started by rlc and by itself, never by hand.
package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/monitor"
	"github.com/rlc-containers/rlc/sandbox"
	"github.com/rlc-containers/rlc/wire"
)

func main() {
	os.Exit(run(os.Args))
}

func run(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "rlc-monitor: started by hand\nhint: rlc starts it; see rlc run --help")
		return 125
	}
	switch args[1] {
	case "task":
		return monitor.TaskMain()
	case "init":
		return becomeInit()
	}
	return monitor.Main()
}

// becomeInit keeps to the first thread: capabilities, namespaces and the seccomp filter
// belong to a thread, and /proc/self shows those of the first.
func becomeInit() int {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() { // the runtime has moved: begin again
		fmt.Fprintln(os.Stderr, "rlc-monitor: start anew:", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
		return 125
	}
	conn, err := wire.New(os.NewFile(3, "order"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "rlc-monitor: receive the order:", err)
		return 125
	}
	return sandbox.Init(conn)
}
