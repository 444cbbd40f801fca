package monitor

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// count is the number of streams that are attached.
func (s Streams) count() int {
	n := 0
	for _, on := range []bool{s.Stdin, s.Stdout, s.Stderr} {
		if on {
			n++
		}
	}
	return n
}

// makePipes makes the workload's standard streams and returns its ends.
func (m *monitor) makePipes() ([]*os.File, error) {
	var theirs []*os.File
	if m.order.OpenStdin {
		ours, end, err := pipe(false)
		if err != nil {
			return theirs, err
		}
		m.stdin = &input{target: ours}
		theirs = append(theirs, end)
	} else {
		null, err := os.Open("/dev/null")
		if err != nil {
			return theirs, err
		}
		theirs = append(theirs, null)
	}
	for _, out := range []**output{&m.stdout, &m.stderr} {
		ours, end, err := pipe(true)
		if err != nil {
			return theirs, err
		}
		*out = newOutput(ours)
		theirs = append(theirs, end)
	}
	return theirs, nil
}

// startStreams attaches the first client and starts moving data. With a terminal, console
// holds its master.
func (m *monitor) startStreams(console []*os.File) error {
	if m.order.Terminal && len(console) == 1 {
		if err := m.useConsole(console[0]); err != nil {
			return err
		}
	}
	attached := m.first.files[:m.order.Attach.count()]
	if err := m.attach(m.order.Attach, attached); err != nil {
		return err
	}
	for _, out := range []*output{m.stdout, m.stderr} {
		if out != nil {
			go out.run()
		}
	}
	return nil
}

// useConsole makes the terminal's master both the input and the output.
func (m *monitor) useConsole(master *os.File) error {
	in, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	target, err := polled(in)
	if err != nil {
		return err
	}
	out, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	source, err := polled(out)
	if err != nil {
		return err
	}
	m.console = master
	m.stdin, m.stdout = &input{target: target, terminal: true}, newOutput(source)
	return nil
}

// attach connects a client's pipes, in the order of s, with the workload's streams.
func (m *monitor) attach(s Streams, files []*os.File) error {
	next := func() (*os.File, error) {
		fd, err := unix.FcntlInt(files[0].Fd(), unix.F_DUPFD_CLOEXEC, 3)
		_ = files[0].Close() // replaced by its duplicate, which the poller knows
		files = files[1:]
		if err != nil {
			return nil, os.NewSyscallError("fcntl", err)
		}
		return polled(fd)
	}
	if s.Stdin {
		source, err := next()
		if err != nil {
			return err
		}
		if m.stdin != nil {
			go m.stdin.run(source)
		} else {
			_ = source.Close() // the workload reads from /dev/null
		}
	}
	for _, want := range []struct {
		on  bool
		out *output
	}{{s.Stdout, m.stdout}, {s.Stderr, m.stderr}} {
		if !want.on {
			continue
		}
		sink, err := next()
		if err != nil {
			return err
		}
		if want.out == nil { // a terminal has one output only
			_ = sink.Close() // its reader sees the end
			continue
		}
		want.out.attach(sink)
	}
	return nil
}

// resize tells the workload's terminal the size of the client's.
func (m *monitor) resize(s Size) error {
	if m.console == nil {
		return nil
	}
	ws := &unix.Winsize{Row: s.Rows, Col: s.Columns}
	return os.NewSyscallError("ioctl TIOCSWINSZ", unix.IoctlSetWinsize(int(m.console.Fd()), unix.TIOCSWINSZ, ws))
}

// drain waits until all output has gone to the clients. Processes outside the container's
// own pid namespace may hold the pipes open; they are not waited for.
func (m *monitor) drain() {
	var limit <-chan time.Time
	if !m.has("pid") {
		limit = time.After(time.Second)
	}
	for _, out := range []*output{m.stdout, m.stderr} {
		if out == nil {
			continue
		}
		select {
		case <-out.done:
		case <-limit:
			_ = out.source.Close() // ends its run
			<-out.done
		}
	}
}
