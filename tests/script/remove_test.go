package script

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// removeVerb makes this test binary, started once more in a user namespace, remove a
// directory whose files belong to subordinate ids.
const removeVerb = "remove-mapped"

// removeTree removes dir with all that containers have made in it.
func removeTree(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() == 0 {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", removeVerb, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER,
		// Kept through exec although the uid is not mapped yet; see capabilities(7).
		AmbientCaps: []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER},
	}
	cmd.Stderr = os.Stderr
	mapped, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Errorf("start the removal of %s: %v", dir, err)
		return
	}
	if err := mapIDs(cmd.Process.Pid); err != nil {
		t.Errorf("map ids to remove %s: %v", dir, err)
	}
	_ = mapped.Close() // says that the maps are written
	if err := cmd.Wait(); err != nil {
		t.Errorf("remove %s: %v", dir, err)
	}
}

// removeMapped is the removal itself, in the user namespace.
func removeMapped(dir string) int {
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the maps are written
	// A container may have left directories that their owner may not enter.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) // RemoveAll tells
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// mapIDs gives a process this user's id as 0, and the subordinate ids, if any, from 1 on.
func mapIDs(pid int) error {
	self := fmt.Sprintf("/proc/%d/", pid)
	if ok, err := condition("subids"); err != nil || !ok {
		if err := os.WriteFile(self+"setgroups", []byte("deny"), 0); err != nil {
			return err
		}
		if err := os.WriteFile(self+"gid_map", fmt.Appendf(nil, "0 %d 1", os.Getgid()), 0); err != nil {
			return err
		}
		return os.WriteFile(self+"uid_map", fmt.Appendf(nil, "0 %d 1", os.Getuid()), 0)
	}
	for program, own := range map[string]int{"newuidmap": os.Getuid(), "newgidmap": os.Getgid()} {
		start, count := subordinate("/etc/sub" + program[3:6])
		out, err := exec.Command(program, strconv.Itoa(pid), "0", strconv.Itoa(own), "1", "1", start, count).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", program, err, out)
		}
	}
	return nil
}

// subordinate returns the first range of this user in a file like subuid(5).
func subordinate(file string) (start, count string) {
	text, _ := os.ReadFile(file) // the condition has read it
	id := strconv.Itoa(os.Getuid())
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 3 && (fields[0] == name || fields[0] == id) {
			return fields[1], fields[2]
		}
	}
	return "", ""
}
