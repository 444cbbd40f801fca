package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/wire"
)

// The test binary plays three parts: the tests; a monitor, which they start in a user
// namespace; and init, which that starts in the container's.
const roleVariable = "SANDBOX_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "init":
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() { // as rlc-monitor does
			_ = unix.Exec("/proc/self/exe", os.Args, os.Environ())
		}
		conn, err := wire.New(os.NewFile(3, "order"))
		if err != nil {
			os.Exit(exitSetup)
		}
		os.Exit(Init(conn))
	case "monitor":
		os.Exit(playMonitor())
	}
	if os.Getuid() == 0 && os.Getenv(roleVariable) != "nested" && !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzz=") }) {
		os.Exit(asOrdinaryUser())
	}
	os.Exit(m.Run())
}

// asOrdinaryUser runs the tests again as the user alice, if they were started by root: as root
// they would show little. What they write goes to /tmp, which alice can reach.
func asOrdinaryUser() int {
	u, err := osuser.Lookup("alice")
	if err != nil {
		fmt.Println("SKIP: as root these tests need an ordinary user named alice")
		return 0
	}
	dir, err := os.MkdirTemp("", "sandbox-test")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "sandbox.test")
	if err := copyProgram(binary); err != nil {
		fmt.Println(err)
		return 1
	}
	args := []string{"--reuid", u.Uid, "--regid", u.Gid, "--init-groups", binary}
	for _, arg := range os.Args[1:] {
		if !strings.HasPrefix(arg, "-test.testlogfile=") { // only root could write it
			args = append(args, arg)
		}
	}
	cmd := exec.Command("setpriv", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	cmd.Env = []string{"HOME=" + u.HomeDir, "USER=alice", "PATH=" + os.Getenv("PATH")}
	if err := cmd.Run(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func copyProgram(path string) error {
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		return err
	}
	return os.Chmod(filepath.Dir(path), 0o755)
}

// mapping is which ids the tests' user namespaces have.
type mapping int

const (
	oneID      mapping = iota // container root is the user
	otherID                   // container id 1000 is the user, there is no root
	severalIDs                // with the user's subordinate ids
)

// perform runs a job in a new user namespace.
func perform(t *testing.T, ids mapping, j job) outcome {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=monitor", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		cmd.SysProcAttr.AmbientCaps = append(cmd.SysProcAttr.AmbientCaps, c)
	}
	if ids != severalIDs {
		inside := map[mapping]int{oneID: 0, otherID: 1000}[ids]
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getgid(), Size: 1}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIP: user namespaces are not to be had here: %v", err)
	}
	timer := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if ids == severalIDs {
		mapSeveral(t, cmd.Process.Pid)
	}
	if err := json.NewEncoder(input).Encode(j); err != nil {
		t.Error(err)
	}
	_ = input.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("monitor: %v\n%s", err, stderr.String())
	}
	if stderr.Len() > 0 {
		t.Logf("monitor says: %s", stderr.String())
	}
	var o outcome
	if err := json.Unmarshal(stdout.Bytes(), &o); err != nil {
		t.Fatalf("outcome: %v\n%s", err, stdout.String())
	}
	return o
}

// mapSeveral gives a user namespace the user and the user's subordinate ids.
func mapSeveral(t *testing.T, pid int) {
	t.Helper()
	u, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	for program, own := range map[string]string{"newuidmap": u.Uid, "newgidmap": u.Gid} {
		start := subordinate(u.Username)
		if start == "" {
			t.Skip("SKIP: the user has no subordinate ids in /etc/subuid")
		}
		out, err := exec.Command(program, strconv.Itoa(pid), "0", own, "1", "1", start, "65535").CombinedOutput()
		if err != nil {
			t.Skipf("SKIP: %s: %v: %s", program, err, out)
		}
	}
}

func subordinate(name string) string {
	data, _ := os.ReadFile("/etc/subuid")
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) == 3 && f[0] == name {
			return f[1]
		}
	}
	return ""
}

// busybox makes a root file system of the machine's own static busybox.
func busybox(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for _, dir := range []string{"bin", "etc", "tmp", "root", "home/app"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("SKIP: needs /bin/busybox, statically linked (busybox-static)")
	}
	write(t, root, "bin/busybox", string(data), 0o755)
	for _, applet := range []string{"sh", "cat", "id", "ls", "true", "env", "sleep", "stat", "mount", "ps", "touch", "mkdir", "pwd", "readlink", "tty", "chown", "ip", "wc", "dd", "kill", "grep", "stty", "umount", "hostname", "find"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:33:34::/home/app:/bin/sh\n", 0o644)
	write(t, root, "etc/group", "root:x:0:\napp:x:34:\nextra:x:40:app\nbeyond:x:4000000:app\n", 0o644)
	return root
}

func write(t *testing.T, root, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// dockerCaps are a part of the default capabilities, enough to tell the sets apart.
var dockerCaps = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_NET_BIND_SERVICE"}

// newJob is an ordinary container that runs a shell script.
func newJob(t *testing.T, script string) job {
	t.Helper()
	j := job{Root: busybox(t)}
	j.Spec = specs.Spec{
		Version:  "1.0.0",
		Hostname: "box",
		Process: &specs.Process{
			Args:         []string{"/bin/sh", "-c", script},
			Env:          []string{"PATH=/bin", "A=b"},
			Cwd:          "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: dockerCaps, Effective: dockerCaps, Permitted: dockerCaps},
		},
		Root:        &specs.Root{},
		Annotations: map[string]string{},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=1m"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		},
		Linux: &specs.Linux{
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/proc/acpi", "/proc/scsi", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	for _, kind := range []specs.LinuxNamespaceType{"pid", "network", "ipc", "uts", "cgroup", "mount"} {
		j.Spec.Linux.Namespaces = append(j.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
	}
	return j
}
