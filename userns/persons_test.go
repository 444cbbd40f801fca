package userns

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rlc-containers/rlc/idmap"
)

// roleVariable makes the test binary play another part than running tests.
const roleVariable = "USERNS_TEST_ROLE"

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		play(name)
		os.Exit(0)
	}
	code := m.Run()
	if dir, err := binaryDir(); err == nil {
		_ = os.RemoveAll(dir) // at worst a file in /tmp is left
	}
	os.Exit(code)
}

// asPersons runs a kernel test as whoever runs it. Started by root it runs as root, as
// somebody with subordinate ids, and as somebody without.
func asPersons(t *testing.T, fn func(*testing.T)) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn(t)
		return
	}
	t.Run("as root", fn)
	for name, credential := range map[string]*syscall.Credential{
		"as a person with subordinate ids": personWithRanges(),
		"as nobody":                        {Uid: 65534, Gid: 65534},
	} {
		t.Run(name, func(t *testing.T) {
			if credential == nil {
				t.Skip("SKIPPED: no ordinary user of /etc/passwd has subordinate ids in /etc/subuid and /etc/subgid")
			}
			again(t, credential)
		})
	}
}

// personWithRanges is the first ordinary user of /etc/passwd who has subordinate ids.
func personWithRanges() *syscall.Credential {
	passwd, _ := os.ReadFile("/etc/passwd") // without it nobody is found
	for line := range strings.Lines(string(passwd)) {
		fields := strings.Split(line, ":")
		if len(fields) < 4 {
			continue
		}
		uid, uidErr := strconv.ParseUint(fields[2], 10, 32)
		gid, gidErr := strconv.ParseUint(fields[3], 10, 32)
		if uidErr != nil || gidErr != nil || uid == 0 {
			continue
		}
		facts, err := idmap.Load(context.Background(), idmap.Identity{UID: uint32(uid), GID: uint32(gid), User: fields[0]})
		if err == nil && len(facts.UID.Ranges) > 0 && len(facts.GID.Ranges) > 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

// again runs the calling test as another person.
func again(t *testing.T, person *syscall.Credential) {
	t.Helper()
	dir, err := binaryDir()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^"+name+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: person}
	output, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &failed):
		t.Skipf("SKIPPED: cannot become uid %d here: %v", person.Uid, err)
	case err != nil:
		t.Errorf("as uid %d: %v\n%s", person.Uid, err, output)
	case strings.Contains(string(output), "--- SKIP"):
		t.Skipf("SKIPPED as uid %d:\n%s", person.Uid, output)
	}
}

// binaryDir holds a copy of the test binary that everybody may execute.
var binaryDir = sync.OnceValues(func() (string, error) {
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "userns-test-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "test"), binary, 0o755)
})
