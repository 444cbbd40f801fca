package monitor

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// killStragglers ends the processes that the workload left behind where they have no pid
// namespace of their own to die with. They are known by the container's mount namespace.
// New ones may be forked meanwhile, so it goes on until none is found.
func (m *monitor) killStragglers() {
	if m.has("pid") || m.mounts == "" {
		return
	}
	for m.killRound() {
	}
}

// killRound kills what it finds and says whether it found anything.
func (m *monitor) killRound() bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer proc.Close() // read-only
	names, _ := proc.Readdirnames(-1)
	found := false
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || mountNamespace(pid) != m.mounts {
			continue
		}
		if unix.Kill(pid, unix.SIGKILL) == nil {
			found = true
		}
	}
	return found
}

// mountNamespace names the mount namespace of a process; empty: it has ended, or is not ours to ask.
func mountNamespace(pid int) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	return name
}

// tidyRuntime removes the runtime directory of a container that stays; the lock goes with
// it, held until the process ends.
func (m *monitor) tidyRuntime() {
	_ = os.RemoveAll(m.container.Runtime) // a directory too many does no harm
}
