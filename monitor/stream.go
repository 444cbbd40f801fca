package monitor

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// chunk is how many bytes are moved at once: half a pipe.
const chunk = 32 << 10

// output moves what the workload writes to every attached client. What nobody is attached
// to is read and thrown away, so that the workload is never stuck on a full pipe.
type output struct {
	source *os.File
	mu     sync.Mutex
	sinks  []*os.File
	done   chan struct{} // closed when the source has ended and the sinks are closed
}

// newOutput takes over source, the reading end of a pipe or the master of a terminal.
func newOutput(source *os.File) *output {
	return &output{source: source, done: make(chan struct{})}
}

// attach adds a client's pipe, which is the output's from then on.
func (o *output) attach(sink *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sinks = append(o.sinks, sink)
}

// run moves data until every writer has closed. A sink that fails is dropped.
func (o *output) run() {
	defer close(o.done)
	buf := make([]byte, chunk)
	for {
		n, err := o.source.Read(buf)
		o.deliver(buf[:n])
		if err != nil { // io.EOF; EIO from a terminal without users; closed by broken
			break
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, sink := range o.sinks {
		_ = sink.Close() // the client sees the end of the stream
	}
	o.sinks = nil
	_ = o.source.Close() // read to its end
}

func (o *output) deliver(data []byte) {
	if len(data) == 0 {
		return
	}
	o.mu.Lock()
	sinks := slices.Clone(o.sinks)
	o.mu.Unlock()
	for _, sink := range sinks {
		if _, err := sink.Write(data); err != nil {
			o.drop(sink)
		}
	}
}

func (o *output) drop(sink *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.sinks, sink); i >= 0 {
		o.sinks = slices.Delete(o.sinks, i, i+1)
		_ = sink.Close() // its reader has gone
	}
}

// broken closes the workload's pipe, so that its next write fails with EPIPE, unless
// another client still reads.
func (o *output) broken() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sinks) <= 1 {
		_ = o.source.Close() // ends run
	}
}

// input moves what attached clients write to the workload.
type input struct {
	terminal bool // stays open when a client goes: closing it would hang the terminal up
	mu       sync.Mutex
	target   *os.File
}

// run moves data from a client until it ends, and then closes the workload's input: the
// program inside sees the end of its input as it would without a container.
func (i *input) run(source *os.File) {
	defer source.Close() // read to its end, or of no more use
	buf := make([]byte, chunk)
	for {
		n, err := source.Read(buf)
		if n > 0 {
			if _, werr := i.write(buf[:n]); werr != nil {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			i.end()
			return
		}
		if err != nil {
			return
		}
	}
}

func (i *input) write(p []byte) (int, error) {
	i.mu.Lock()
	target := i.target
	i.mu.Unlock()
	if target == nil {
		return 0, os.ErrClosed
	}
	return target.Write(p)
}

// end tells the workload that no more input will come.
func (i *input) end() {
	if i.terminal {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.target != nil {
		_ = i.target.Close() // the reader sees the end
		i.target = nil
	}
}

// pipe makes a pipe: our end, non-blocking, and the workload's or client's, blocking.
// Both are close-on-exec.
func pipe(weRead bool) (ours, theirs *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	mine, other := fds[0], fds[1]
	if !weRead {
		mine, other = other, mine
	}
	ours, err = polled(mine)
	if err != nil {
		_ = unix.Close(other) // never used
		return nil, nil, err
	}
	return ours, os.NewFile(uintptr(other), "pipe"), nil
}

// polled takes over a descriptor as a non-blocking file, so that waiting for it holds no
// thread and Close ends the waiting.
func polled(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // unusable
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "stream"), nil
}
