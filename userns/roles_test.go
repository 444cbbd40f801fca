package userns

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/idmap"
)

// play is the test binary as a program that Start started: it does what its role says and
// answers on standard output.
func play(role string) {
	roles := map[string]func() (any, error){
		"arrive":    arriveRole,
		"wait":      waitRole,
		"parent":    parentRole,
		"enter":     enterRole,
		"forbidden": forbiddenRole,
		"silent":    func() (any, error) { return nil, nil },
	}
	answer, err := roles[role]()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if answer != nil {
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			os.Exit(2)
		}
	}
}

// plan is the default mapping of the person who runs the test.
func plan() (idmap.Plan, error) { return planFor(idmap.Request{}) }

func planFor(r idmap.Request) (idmap.Plan, error) {
	id := idmap.Identity{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	facts, err := idmap.Load(context.Background(), id)
	if err != nil {
		return idmap.Plan{}, err
	}
	return idmap.New(r, id, facts)
}

// role are the options that start the test binary in a role.
func role(name string) Options {
	return Options{Path: "/proc/self/exe", Args: []string{"role " + name}, Env: []string{roleVariable + "=" + name}}
}

// mappedSignal waits for the word that the ids are mapped.
func mappedSignal() error {
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// arrival is what a program finds out about itself.
type arrival struct {
	Before, After         identity
	Threads               int
	Ambient, Powerless    int // threads with ambient capabilities, threads without all capabilities
	UIDMap                string
	User, Mount           string // namespaces
	Descriptors           []string
	Third                 string // what descriptor 3 says
	Environ               []string
	SessionLeader         bool
	Dir                   string
	MountsPrivately, Root bool
}

type identity struct{ UID, GID int }

func arriveRole() (any, error) {
	a := arrival{Before: identity{os.Getuid(), os.Getgid()}, Environ: os.Environ()}
	if err := Arrive(); err != nil {
		return nil, err
	}
	third := make([]byte, 100)
	if n, err := unix.Read(3, third); err == nil {
		a.Third = string(third[:n])
	}
	if err := mappedSignal(); err != nil {
		return nil, err
	}
	if err := BecomeRoot(false); err != nil {
		return nil, err
	}
	a.After = identity{os.Getuid(), os.Getgid()}
	a.Root = os.Geteuid() == 0 && os.Getegid() == 0
	all := fmt.Sprintf("%016x", uint64(1)<<len(Capabilities())-1)
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			continue // a thread may end
		}
		a.Threads++
		if !strings.Contains(string(status), "CapAmb:\t0000000000000000\n") {
			a.Ambient++
		}
		if !strings.Contains(string(status), "CapEff:\t"+all+"\n") || !strings.Contains(string(status), "CapPrm:\t"+all+"\n") {
			a.Powerless++
		}
	}
	uidmap, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return nil, err
	}
	a.UIDMap = strings.Join(strings.Fields(string(uidmap)), " ")
	a.User, _ = os.Readlink("/proc/self/ns/user")
	a.Mount, _ = os.Readlink("/proc/self/ns/mnt")
	sid, err := unix.Getsid(0)
	a.SessionLeader = err == nil && sid == os.Getpid()
	a.Dir, _ = os.Getwd()
	a.MountsPrivately = unix.Mount("none", "/tmp", "tmpfs", 0, "") == nil
	for fd := range 100 {
		// The runtime's own ones, unlike inherited ones, are close-on-exec.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			a.Descriptors = append(a.Descriptors, fmt.Sprintf("%d: %s", fd, target))
		}
	}
	return a, nil
}

// waitRole arrives, becomes root when told so, and waits for the end of its standard input.
func waitRole() (any, error) {
	if err := Arrive(); err != nil {
		return nil, err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return nil, err
}

// parentRole starts a program that dies with it, says that it runs, and waits.
func parentRole() (any, error) {
	if os.Getenv("CHILD") != "" {
		if err := Arrive(); err != nil {
			return nil, err
		}
		if err := mappedSignal(); err != nil {
			return nil, err
		}
		if err := BecomeRoot(true); err != nil {
			return nil, err
		}
		fmt.Println("runs") // and keeps standard output open as long as it lives
		return nil, unix.Pause()
	}
	p, err := plan()
	if err != nil {
		return nil, err
	}
	stdin, go_, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := role("parent")
	o.Env = append(o.Env, "CHILD=1")
	o.Stdio = [3]*os.File{stdin, os.Stdout, os.Stderr}
	o.Plan, o.DieWithParent = p, true
	child, err := Start(context.Background(), o)
	if err != nil {
		return nil, err
	}
	if err := child.Mapped(); err != nil {
		return nil, err
	}
	if _, err := go_.WriteString("mapped\n"); err != nil {
		return nil, err
	}
	_, err = child.Wait()
	return nil, err
}

// forbiddenRole makes user namespaces impossible below its own, in the way that WAY says,
// and answers with the error of Start.
func forbiddenRole() (any, error) {
	way := os.Getenv("WAY")
	if err := mappedSignal(); err != nil {
		return nil, err
	}
	if way != "unmapped" {
		if err := BecomeRoot(false); err != nil {
			return nil, err
		}
	}
	if limit, ok := strings.CutPrefix(way, "limit="); ok {
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte(limit), 0); err != nil {
			return nil, err
		}
	}
	if way == "seccomp" {
		if err := denyUserNamespaces(); err != nil {
			return nil, err
		}
	}
	o := role("silent")
	switch way {
	case "not executable":
		o.Path = "/etc/passwd"
	case "not there":
		o.Path = "/no/such/program"
	}
	child, err := Start(context.Background(), o)
	if err == nil {
		_, err = child.Wait()
		return nil, fmt.Errorf("a program started: %v", err)
	}
	answer := struct {
		Cause Cause
		Error string
	}{Error: err.Error()}
	if forbidden, ok := err.(*ForbiddenError); ok {
		answer.Cause = forbidden.Cause
		if forbidden.Hint() == "" {
			return nil, fmt.Errorf("%v has no hint", err)
		}
	}
	return answer, nil
}

// denyUserNamespaces installs a filter as containers have it: clone with CLONE_NEWUSER is EPERM.
func denyUserNamespaces() error {
	const nr, arg0 = 0, 16 // offsets in struct seccomp_data; little endian
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: arg0},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_NEWUSER, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return installFilter(program)
}

// enterRole makes a process in namespaces of its own and joins them.
func enterRole() (any, error) {
	if err := Arrive(); err != nil {
		return nil, err
	}
	if err := mappedSignal(); err != nil {
		return nil, err
	}
	if err := BecomeRoot(false); err != nil {
		return nil, err
	}
	return enterAll()
}

// inner starts a process in new namespaces; it lasts until stop is called.
func inner(flags uintptr) (pid int, stop func(), err error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=wait"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, func() {
		_ = stdin.Close() // ends it
		_ = cmd.Wait()    // however it ended
	}, nil
}
