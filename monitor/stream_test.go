package monitor

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// end makes a pipe and returns our end and theirs, both closed with the test.
func end(t *testing.T, weRead bool) (ours, theirs *os.File) {
	t.Helper()
	ours, theirs, err := pipe(weRead)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}

func TestOutputReachesEveryClientWhole(t *testing.T) {
	t.Parallel()
	source, workload := end(t, true)
	out := newOutput(source)
	readers := make([]*os.File, 3)
	for i := range readers {
		sink, reader := end(t, false)
		out.attach(sink)
		readers[i] = reader
	}
	go out.run()
	text := strings.Repeat("0123456789abcdef", 20_000) // more than the pipes hold
	go func() {
		_, _ = workload.WriteString(text)
		_ = workload.Close()
	}()
	results := make(chan string, len(readers))
	for _, r := range readers {
		go func() {
			data, _ := io.ReadAll(r)
			results <- string(data)
		}()
	}
	for range readers {
		if got := <-results; got != text {
			t.Errorf("a client got %d bytes of %d", len(got), len(text))
		}
	}
	<-out.done
}

func TestOutputIsReadThoughNobodyIsAttached(t *testing.T) {
	t.Parallel()
	source, workload := end(t, true)
	out := newOutput(source)
	go out.run()
	if _, err := workload.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	_ = workload.Close()
	<-out.done
}

func TestAClientThatGoesDoesNotDisturbTheOthers(t *testing.T) {
	t.Parallel()
	source, workload := end(t, true)
	out := newOutput(source)
	gone, reader := end(t, false)
	_ = reader.Close()
	stays, survivor := end(t, false)
	out.attach(gone)
	out.attach(stays)
	go out.run()
	go func() {
		_, _ = workload.WriteString("first ")
		_, _ = workload.WriteString("second")
		_ = workload.Close()
	}()
	if got, _ := io.ReadAll(survivor); string(got) != "first second" {
		t.Errorf("the other client got %q", got)
	}
}

func TestABrokenOutputIsABrokenPipeInside(t *testing.T) {
	t.Parallel()
	source, workload := end(t, true)
	out := newOutput(source)
	sink, _ := end(t, false)
	out.attach(sink)
	go out.run()
	out.broken()
	<-out.done
	if _, err := workload.WriteString("anybody?"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing gave %v, want EPIPE", err)
	}
}

func TestInputEndsWithTheClientUnlessItIsATerminal(t *testing.T) {
	t.Parallel()
	for name, terminal := range map[string]bool{"pipe": false, "terminal": true} {
		target, workload := end(t, false)
		in := &input{target: target, terminal: terminal}
		source, client := end(t, true)
		_, _ = client.WriteString("typed")
		_ = client.Close()
		in.run(source)
		if terminal {
			if _, err := in.write([]byte("!")); err != nil {
				t.Errorf("%s: closed with the client: %v", name, err)
			}
			in.terminal = false
			in.end()
		}
		got, _ := io.ReadAll(workload)
		if want := map[bool]string{false: "typed", true: "typed!"}[terminal]; string(got) != want {
			t.Errorf("%s: the workload read %q, want %q", name, got, want)
		}
	}
}
