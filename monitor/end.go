package monitor

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// killStragglers ends the processes that init left behind where they have no pid namespace
// of their own to die with: they become children of the monitor, their subreaper; see
// PR_SET_CHILD_SUBREAPER in prctl(2).
func (m *monitor) killStragglers() {
	if m.has("pid") {
		return
	}
	for {
		children := m.strays()
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
			var ws unix.WaitStatus
			_, _ = unix.Wait4(pid, &ws, 0, nil)
		}
	}
}

// strays are the monitor's children that it did not start itself.
func (m *monitor) strays() []int {
	data, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children")
	if err != nil {
		return nil
	}
	own := m.helpers()
	var pids []int
	for _, field := range bytes.Fields(data) {
		if pid, err := strconv.Atoi(string(field)); err == nil && !own[pid] {
			pids = append(pids, pid)
		}
	}
	return pids
}

// helpers are the children that belong to the monitor: they are ended in other ways.
func (m *monitor) helpers() map[int]bool {
	own := map[int]bool{}
	for _, t := range append(m.trees, m.root) {
		if t != nil && t.PID() > 0 {
			own[t.PID()] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, pid := range m.spawned {
		own[pid] = true
	}
	return own
}

// tidyRuntime removes the runtime directory of a container that stays; the lock goes with
// it, held until the process ends.
func (m *monitor) tidyRuntime() {
	_ = os.RemoveAll(m.container.Runtime) // a directory too many does no harm
}

// beSubreaper makes orphans of the container children of the monitor.
func (m *monitor) beSubreaper() error {
	if m.has("pid") {
		return nil
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}
