package script

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// process is one that runs, as ps would show it.
type process struct {
	pid, parent int
	command     string
}

func (p process) String() string {
	return fmt.Sprintf("%d (child of %d): %s", p.pid, p.parent, p.command)
}

// examine returns what a script that lived in root has left behind. What is about to end, or
// to be removed, gets a moment for it; processes that do not end are killed.
func examine(root, data, runtime string) []string {
	deadline := time.Now().Add(5 * time.Second)
	processes, rest := tied(root), remains(root, data, runtime)
	for len(processes)+len(rest) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond) // they are nobody's children: there is nothing to wait on
		processes, rest = tied(root), remains(root, data, runtime)
	}
	var complaints []string
	for _, p := range processes {
		complaints = append(complaints, "process left behind: "+p.String())
		_ = unix.Kill(p.pid, unix.SIGKILL) // it may be gone by now
	}
	return append(complaints, rest...)
}

// remains returns the mounts and directories that belong to containers of a script.
func remains(root, data, runtime string) []string {
	var found []string
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err == nil && bytes.Contains(mounts, []byte(root+"/")) {
		found = append(found, "mount left behind below "+root)
	}
	for _, dir := range []string{data + "/rlc/containers", data + "/rlc/names", runtime + "/rlc"} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			found = append(found, err.Error())
		}
		for _, e := range entries {
			if dir != runtime+"/rlc" || len(e.Name()) == 64 { // a container's id
				found = append(found, "left behind: "+filepath.Join(dir, e.Name()))
			}
		}
	}
	return found
}

// complain fails a script that has left something behind.
func complain(t testscript.T, complaints []string) {
	if len(complaints) == 0 {
		return
	}
	t.Log(strings.Join(complaints, "\n"))
	t.FailNow()
}

// tied returns the descendants of this process that hold on to root: by their environment,
// arguments, working directory, or mounts.
func tied(root string) []process {
	var found []process
	for _, p := range descendants(os.Getpid()) {
		dir := fmt.Sprintf("/proc/%d/", p.pid)
		cwd, _ := os.Readlink(dir + "cwd") // empty where it may not be seen
		holds := strings.HasPrefix(cwd, root+"/")
		for _, file := range []string{"environ", "cmdline", "mountinfo"} {
			text, _ := os.ReadFile(dir + file) // the process may have ended
			holds = holds || bytes.Contains(text, []byte(root+"/"))
		}
		if holds {
			found = append(found, p)
		}
	}
	return found
}

// descendants returns the living processes below one, zombies left out.
func descendants(of int) []process {
	entries, _ := os.ReadDir("/proc") // proc is always there
	children := map[int][]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent: the name may hold anything; see proc_pid_stat(5).
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1]) // always a number
		command, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		p := process{pid, parent, strings.ReplaceAll(strings.TrimRight(string(command), "\x00"), "\x00", " ")}
		if fields[0] == "Z" || fields[0] == "X" {
			p.command = "" // dead; its children have been given to others
			continue
		}
		children[parent] = append(children[parent], p)
	}
	var found []process
	for queue := []int{of}; len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			found = append(found, p)
			queue = append(queue, p.pid)
		}
	}
	return found
}

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }
