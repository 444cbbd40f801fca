package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/wire"
)

type message struct {
	Text  string
	Count int
}

func pair(t *testing.T) (*wire.Conn, *wire.Conn) {
	t.Helper()
	a, f, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := wire.New(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func TestMessagesKeepTheirBoundaries(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	sent := []message{{"one", 1}, {"", 0}, {strings.Repeat("long ", 200_000), 3}}
	go func() {
		for _, m := range sent {
			if err := a.Send(m); err != nil {
				t.Error(err)
			}
		}
		_ = a.Close()
	}()
	for i, want := range sent {
		var got message
		if _, err := b.Receive(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("message %d: got %d bytes of text, want %d", i, len(got.Text), len(want.Text))
		}
	}
	if _, err := b.Receive(&message{}); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v, want io.EOF", err)
	}
}

func TestDescriptorsArriveCloseOnExec(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := a.Send(message{Text: "here"}, w, w, w); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	var m message
	files, err := b.Receive(&m)
	if err != nil || len(files) != 3 {
		t.Fatalf("received %d descriptors, %v; want 3", len(files), err)
	}
	for _, f := range files {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %#x, %v: not close-on-exec", flags, err)
		}
	}
	if _, err := files[1].WriteString("through"); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		_ = f.Close()
	}
	if data, _ := io.ReadAll(r); string(data) != "through" {
		t.Errorf("read %q through the received pipe", data)
	}
}

func TestAMessageWithoutContent(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := errors.Join(a.Send(nil, r), a.Send(nil), a.Send(message{Text: "more"})); err != nil {
		t.Fatal(err)
	}
	files, err := b.Receive(nil)
	if err != nil || len(files) != 1 {
		t.Fatalf("received %d descriptors, %v; want 1", len(files), err)
	}
	_ = files[0].Close()
	kept := message{Text: "kept"}
	if _, err := b.Receive(&kept); err != nil || kept.Text != "kept" {
		t.Errorf("the second left %+v, %v", kept, err)
	}
	if _, err := b.Receive(nil); err == nil {
		t.Error("content that nobody expects was passed over")
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	a, _ := pair(t)
	if err := a.Send(message{Text: strings.Repeat("x", wire.MaxMessage)}); err == nil {
		t.Error("a message over the limit was sent")
	}
	if err := a.Send(message{}, make([]*os.File, wire.MaxFiles+1)...); err == nil {
		t.Error("too many descriptors were sent")
	}
}

func TestADeadlineEndsTheWaiting(t *testing.T) {
	t.Parallel()
	a, _ := pair(t)
	if err := a.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Receive(&message{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a deadline error", err)
	}
}

// FuzzReceive feeds a connection arbitrary bytes: it must end with an error or a message,
// never hang or panic.
func FuzzReceive(f *testing.F) {
	good := append(binary.BigEndian.AppendUint32(nil, 2), "{}"...)
	f.Add(good)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 9, '{'})
	f.Fuzz(func(t *testing.T, data []byte) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := wire.New(os.NewFile(uintptr(fds[0]), "conn"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			peer := os.NewFile(uintptr(fds[1]), "peer")
			_, _ = io.Copy(peer, bytes.NewReader(data))
			_ = peer.Close()
		}()
		for {
			var m message
			if _, err := conn.Receive(&m); err != nil {
				return
			}
		}
	})
}
