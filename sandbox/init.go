package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/sandbox/ocispec"
	"github.com/rlc-containers/rlc/wire"
)

// Init prepares the container that conn orders and becomes its workload: on success it does
// not return, but for a container with a reaper, where it returns the workload's exit code.
// On failure it reports to conn and returns the exit code for that.
//
// It must be called on the main goroutine, locked to the main thread, with all capabilities
// in the user namespace: it changes the ids and descriptors of this thread alone, and the
// thread must be the one that executes the workload.
func Init(conn *wire.Conn) int {
	unix.Umask(0o022) // whatever the caller's is: mount points are for everybody in the container
	s := &setup{conn: conn, placed: map[string]int{}}
	code, stage, err := s.run()
	if err == nil {
		return code
	}
	if errors.Is(err, errAbandoned) {
		return exitSetup
	}
	return s.report(replyTo(stage, err))
}

// errAbandoned says that nobody waits for the container any more.
var errAbandoned = errors.New("the monitor has gone")

// setup is what init knows of the container that it prepares.
type setup struct {
	conn *wire.Conn
	spec *specs.Spec

	root     directory  // of the container
	trees    []*os.File // detached mounts, the root's first
	stdio    []*os.File // of the workload; one for all with a terminal
	preserve []*os.File // become the workload's descriptors from 3 on
	master   *os.File   // of the terminal

	uids, gids idRanges
	setgroups  bool // whether the namespace allows it
	mounts     []*mount
	devices    []*device
	placed     map[string]int // mounts of kernel file systems by destination: roots that no path can replace
	empty      int            // an empty read-only file system, mounted; 0: none yet
	notes      []string

	user    user     // whom the workload runs as
	env     []string // of the workload
	filters []filter // of its system calls
}

// step is one operation of the set-up. Its name is the action in an error message.
type step struct {
	name string
	do   func() error
}

// run is the life of init in order of time. The string names the step that failed.
func (s *setup) run() (code int, stage string, err error) {
	if err := s.receive(); err != nil {
		return 0, "receive the order", err
	}
	for _, plan := range []func() []step{s.asUser, s.asRoot, s.beforeStart} {
		for _, step := range plan() {
			if err := step.do(); err != nil {
				return 0, step.name, err
			}
		}
	}
	if err := s.awaitGo(); err != nil {
		return 0, "wait for the start", err
	}
	return s.becomeWorkload()
}

// asUser is what init does as the person who runs rlc: everything that opens files of the host.
func (s *setup) asUser() []step {
	steps := []step{
		{"hide from other processes", s.hide},
		{"read the id maps", s.readMaps},
		{"compile the seccomp profile", s.compileFilters},
	}
	for _, m := range s.mounts {
		steps = append(steps, step{"mount " + m.spec.Destination, func() error { return s.openSource(m) }})
	}
	for i := range s.spec.Linux.Devices {
		d := &s.spec.Linux.Devices[i]
		steps = append(steps, step{"device " + d.Path, func() error { return s.openDevice(d) }})
	}
	return steps
}

// asRoot is what init does as root of the user namespace: it makes the container.
func (s *setup) asRoot() []step {
	steps := []step{
		{"become root of the user namespace", s.becomeRoot},
		{"set the host name", s.setHostname},
		{"start the loopback interface", s.startLoopback},
		{"attach the root file system", s.attachRoot},
	}
	for _, m := range s.mounts {
		steps = append(steps, step{"mount " + m.spec.Destination, func() error { return s.mount(m) }})
		if m.destination == "/dev" {
			steps = append(steps, step{"populate /dev", s.populateDev})
		}
	}
	return append(steps,
		step{"add devices", s.addDevices},
		step{"set sysctls", s.setSysctls},
		step{"set the OOM score adjustment", s.setOOMScore},
		step{"open a terminal", s.openTerminal},
		step{"find the user", s.findUser},
		step{"label volumes", s.relabelVolumes},
		step{"give to the user", s.chownVolumes},
		step{"let apt stay root", s.configureApt},
		step{"mask paths", s.maskPaths},
		step{"protect paths", s.protectPaths},
		step{"enter the root file system", s.pivot},
	)
}

// beforeStart is what is left to do inside the container.
func (s *setup) beforeStart() []step {
	return []step{
		{"enter the working directory", s.enterWorkdir},
		{"protect the root file system", s.finishRoot},
		{"give the standard streams to the user", s.chownStdio},
		{"complete the environment", s.completeEnv},
	}
}

// receive takes in the order and what came beside it.
func (s *setup) receive() error {
	files, err := s.conn.Receive(nil)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return errAbandoned
		}
		return err
	}
	if len(files) == 0 {
		return errors.New("no config.json came beside it")
	}
	if s.spec, err = readSpec(files[0]); err != nil {
		return err
	}
	preserve, err := preservedCount(s.spec)
	if err != nil {
		return err
	}
	streams := 3
	if s.spec.Process.Terminal {
		streams = 0
	}
	trees := len(files) - 1 - streams - preserve
	if trees < 1 {
		return fmt.Errorf("only %d descriptors came beside it", len(files))
	}
	s.trees, files = files[1:1+trees], files[1+trees:]
	s.root = directory{int(s.trees[0].Fd())}
	s.stdio, s.preserve = files[:streams], files[streams:]
	return s.planMounts()
}

// readSpec parses config.json and fills in the parts that may be absent.
func readSpec(f *os.File) (*specs.Spec, error) {
	defer f.Close() // read-only
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read config.json: %w", err)
	}
	spec, err := ocispec.Parse(data)
	if err != nil {
		return nil, err
	}
	if spec.Process == nil || len(spec.Process.Args) == 0 || spec.Process.Args[0] == "" {
		return nil, hinted("name a command after the image", "there is no command to run")
	}
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	if spec.Root == nil {
		spec.Root = &specs.Root{}
	}
	if spec.Process.Capabilities == nil {
		spec.Process.Capabilities = &specs.LinuxCapabilities{}
	}
	return spec, nil
}

// hide keeps other processes of a shared pid namespace from tracing init, which holds
// descriptors of the host, even when init has dropped the capabilities that would forbid it.
func (s *setup) hide() error {
	return os.NewSyscallError("prctl PR_SET_DUMPABLE", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

// newNamespace says whether the container has a namespace of a kind to itself, so that init
// may arrange it.
func (s *setup) newNamespace(kind specs.LinuxNamespaceType) bool {
	for _, ns := range s.spec.Linux.Namespaces {
		if ns.Type == kind {
			return ns.Path == ""
		}
	}
	return false
}

// awaitGo says that all is prepared and waits for the word to start.
func (s *setup) awaitGo() error {
	var beside []*os.File
	if s.master != nil {
		beside = append(beside, s.master)
	}
	var ready any
	if len(s.notes) > 0 {
		ready = Reply{Notes: s.notes}
	}
	if err := s.conn.Send(ready, beside...); err != nil {
		return errAbandoned
	}
	if _, err := s.conn.Receive(nil); err != nil {
		return errAbandoned
	}
	return nil
}

// report sends a failure and returns its exit code. It does so from another goroutine, hence
// from another thread: the main thread's descriptors and rights may already be the workload's.
func (s *setup) report(r Reply) int {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = s.conn.Send(r) // the exit code says the same, less well
	}()
	<-sent
	return r.ExitCode
}
