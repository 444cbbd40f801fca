// Rlc-monitor is three processes: "rlc-monitor ID" stays with a container, "rlc-monitor init"
// becomes the first process inside it, and "rlc-monitor task" does one thing in a user
// namespace and ends. It is started by rlc and by itself, never by hand.
package main

import (
	"fmt"
	"os"
	"runtime"

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

func becomeInit() int {
	// Capabilities, namespaces and the seccomp filter belong to a thread; the one that
	// executes the workload must be the one that prepared it.
	runtime.LockOSThread()
	conn, err := wire.New(os.NewFile(3, "order"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "rlc-monitor: receive the order:", err)
		return 125
	}
	return sandbox.Init(conn)
}
