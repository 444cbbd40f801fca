package monitor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/wire"
)

// Client speaks with a monitor.
type Client struct{ conn *wire.Conn }

// NewClient makes a client of the connection that a monitor was started with.
func NewClient(conn *wire.Conn) *Client { return &Client{conn: conn} }

// ErrNoMonitor reports that a container has no monitor: it does not run.
var ErrNoMonitor = errors.New("the container has no monitor")

// Dial connects to the monitor of a running container; it returns ErrNoMonitor when there
// is none.
func Dial(c *container.Container) (*Client, error) {
	path := filepath.Join(c.Runtime, SocketName)
	dir, err := os.Open(c.Runtime)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoMonitor
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close() // read-only
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "control")
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: shortPath(dir, path)})
	if err != nil {
		_ = f.Close() // unusable
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
			return nil, ErrNoMonitor
		}
		return nil, fmt.Errorf("connect to the monitor of container %.12s: %w", c.Record.ID, err)
	}
	conn, err := wire.New(f)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn}, nil
}

// Close ends the connection; the workload stays.
func (c *Client) Close() error { return c.conn.Close() }

// Send sends a request with descriptors beside it.
func (c *Client) Send(r Request, files ...*os.File) error { return c.conn.Send(r, files...) }

// Order gives a new monitor its order with descriptors beside it.
func (c *Client) Order(o Order, files ...*os.File) error { return c.conn.Send(o, files...) }

// Mapped tells a new monitor that its id maps are written.
func (c *Client) Mapped() error { return c.conn.Send(nil) }

// Next returns the monitor's next message; io.EOF when the monitor has gone.
func (c *Client) Next() (Event, error) {
	var e Event
	files, err := c.conn.Receive(&e)
	closeFiles(files) // a monitor sends none
	return e, err
}

// Spawn asks a running container's monitor to start another monitor in its user namespace.
func (c *Client) Spawn(s Spawn, files ...*os.File) (pid int, err error) {
	if err := c.Send(Request{Spawn: &s}, files...); err != nil {
		return 0, err
	}
	for {
		e, err := c.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, ErrNoMonitor
		case err != nil:
			return 0, err
		case e.Failed != nil:
			return 0, e.Failed
		case e.Spawned != nil:
			return e.Spawned.Pid, nil
		case e.Exited != nil:
			return 0, ErrNoMonitor
		}
	}
}
