package monitor

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
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
		strays := m.strays()
		if len(strays) == 0 {
			return
		}
		for _, pid := range strays {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
			var ws unix.WaitStatus
			_, _ = unix.Wait4(pid, &ws, 0, nil)
		}
	}
}

// strays are the monitor's children that it did not start itself.
func (m *monitor) strays() []int {
	m.mu.Lock()
	own := slices.Concat(m.helpers, m.spawned)
	m.mu.Unlock()
	return slices.DeleteFunc(children(), func(pid int) bool { return slices.Contains(own, pid) })
}

// children are the processes whose parent is this one, by whichever thread.
func children() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is valid
	for _, file := range files {
		data, _ := os.ReadFile(file) // the thread may have ended
		for _, field := range bytes.Fields(data) {
			if pid, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
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
