// Package wire carries messages and file descriptors between rlc's own processes
// over unix stream sockets: a length, then JSON, then descriptors beside the first byte.
//
// It runs in every process of rlc. It knows nothing of what the messages mean.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// MaxMessage is the largest encoded message in bytes; a longer one is refused on both sides.
const MaxMessage = 16 << 20

// MaxFiles is the largest number of descriptors beside one message; the kernel's own
// limit is SCM_MAX_FD, 253; see unix(7).
const MaxFiles = 250

// Conn is one end of a connection. Send and Receive may be called from different
// goroutines; calls of the same kind are serialised.
type Conn struct {
	file    *os.File
	sending sync.Mutex
	reading sync.Mutex
}

// Pair makes two connected ends: one for this process, one to hand to a child as an
// inherited file. Both are close-on-exec; the caller closes them.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours, err := New(os.NewFile(uintptr(fds[0]), "wire"))
	if err != nil {
		_ = unix.Close(fds[1]) // nothing was sent
		return nil, nil, err
	}
	return ours, os.NewFile(uintptr(fds[1]), "wire"), nil
}

// New makes a connection of a unix stream socket and takes it over: close the
// connection, not the file. The socket becomes non-blocking and close-on-exec.
func New(f *os.File) (*Conn, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	_ = f.Close() // replaced by its duplicate, which the poller knows
	if err != nil {
		return nil, fmt.Errorf("duplicate the socket: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make the socket non-blocking: %w", err)
	}
	return &Conn{file: os.NewFile(uintptr(fd), "wire")}, nil
}

// Close ends the connection; the other end's Receive then returns io.EOF.
func (c *Conn) Close() error { return c.file.Close() }

// SetDeadline bounds every later Send and Receive; the zero time removes the bound.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// Send encodes m as JSON and sends it with files beside it. The files stay open here. A nil
// message has no content: it says what it says by coming, and costs no encoding.
func (c *Conn) Send(m any, files ...*os.File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("send %d descriptors: at most %d go beside one message", len(files), MaxFiles)
	}
	var body []byte
	if m != nil {
		var err error
		if body, err = json.Marshal(m); err != nil {
			return fmt.Errorf("encode a message: %w", err)
		}
	}
	if len(body) > MaxMessage {
		return fmt.Errorf("send a message of %d bytes: more than %d", len(body), MaxMessage)
	}
	data := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.write(data, rights)
}

func (c *Conn) write(data, rights []byte) error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Write(func(fd uintptr) bool {
		for len(data) > 0 {
			n, err := unix.SendmsgN(int(fd), data, rights, nil, unix.MSG_NOSIGNAL)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return false
			case err != nil:
				failure = os.NewSyscallError("sendmsg", err)
				return true
			}
			data, rights = data[n:], nil
		}
		return true
	})
	return errors.Join(failure, err)
}

// Receive decodes the next message into m and returns the descriptors sent beside it,
// close-on-exec; the caller closes them. It returns io.EOF when the other end has closed
// between messages, and io.ErrUnexpectedEOF inside one. A message without content leaves m
// as it is; if only such a one is expected, m is nil.
func (c *Conn) Receive(m any) ([]*os.File, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	var head [4]byte
	files, err := c.readFull(head[:])
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxMessage {
		closeAll(files)
		return nil, fmt.Errorf("receive a message of %d bytes: more than %d", size, MaxMessage)
	}
	if size == 0 {
		return files, nil
	}
	body := make([]byte, size)
	more, err := c.readFull(body)
	files = append(files, more...)
	if err == nil && m == nil {
		err = errors.New("receive a message: it has content that nobody expects")
	} else if err == nil {
		if err = json.Unmarshal(body, m); err != nil {
			err = fmt.Errorf("decode a message: %w", err)
		}
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// readFull fills p and collects descriptors on the way. An end before the first byte is io.EOF.
func (c *Conn) readFull(p []byte) ([]*os.File, error) {
	if len(p) == 0 {
		return nil, nil
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var files []*os.File
	var failure error
	got := 0
	control := make([]byte, unix.CmsgSpace(4*MaxFiles))
	err = raw.Read(func(fd uintptr) bool {
		for got < len(p) {
			n, cn, _, _, err := unix.Recvmsg(int(fd), p[got:], control, unix.MSG_CMSG_CLOEXEC)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return false
			case err != nil:
				failure = os.NewSyscallError("recvmsg", err)
				return true
			}
			files = append(files, parseRights(control[:cn])...)
			if n == 0 {
				failure = io.EOF
				if got > 0 {
					failure = io.ErrUnexpectedEOF
				}
				return true
			}
			got += n
		}
		return true
	})
	if failure == nil {
		failure = err
	}
	if failure != nil {
		closeAll(files)
		return nil, failure
	}
	return files, nil
}

func parseRights(control []byte) []*os.File {
	if len(control) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // never used
	}
}
