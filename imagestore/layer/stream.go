package layer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Chunks travel between the stages of a stream; so many of them bound its memory.
const (
	chunkSize  = 256 << 10
	chunkDepth = 4
)

// maxWindow is the largest zstd window that is accepted, in bytes: what a stream may make us hold.
const maxWindow = 64 << 20

// Decompress returns the content of r, which may be compressed by gzip, zstd, xz or bzip2
// or not at all. The caller closes the result; r stays open.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(buffered)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		d, err := xz.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(d), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	}
	return io.NopCloser(buffered), nil
}

// Stream is the uncompressed content of a layer's blob. Reading and decompressing it,
// hashing it, and using it happen at the same time, each in a goroutine of its own.
type Stream struct {
	chunks  chan chunk
	free    chan []byte
	stop    chan struct{}
	workers sync.WaitGroup

	current []byte // rest of the chunk that Read works on
	whole   []byte // that chunk's buffer
	failure error

	size   int64  // valid after the end
	digest string // valid after the end
}

type chunk struct {
	data []byte
	err  error
}

// NewStream starts reading blob. The caller closes the stream, and only then the blob.
func NewStream(blob io.Reader) *Stream {
	s := &Stream{chunks: make(chan chunk, chunkDepth), free: make(chan []byte, 2*chunkDepth+2), stop: make(chan struct{})}
	for range cap(s.free) {
		s.free <- nil
	}
	hashing := make(chan chunk, chunkDepth)
	s.workers.Add(2)
	go func() {
		defer s.workers.Done()
		defer close(hashing)
		s.decompress(blob, hashing)
	}()
	go func() {
		defer s.workers.Done()
		s.hash(hashing)
	}()
	return s
}

func (s *Stream) decompress(blob io.Reader, to chan<- chunk) {
	r, err := Decompress(blob)
	if err != nil {
		s.hand(to, chunk{err: fmt.Errorf("decompress: %w", err)})
		return
	}
	defer r.Close() // read to the end, or given up
	for {
		var buffer []byte
		select {
		case buffer = <-s.free:
		case <-s.stop:
			return
		}
		if buffer == nil {
			buffer = make([]byte, chunkSize)
		}
		n, err := io.ReadFull(r, buffer[:chunkSize])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && atEnd(r) {
			err = io.EOF
		} else if err != nil {
			err = fmt.Errorf("decompress: %w", err)
		}
		if err == io.EOF { //nolint:errorlint // set just above
			// What follows the compressed data still counts for the blob's digest.
			if _, rest := io.Copy(io.Discard, blob); rest != nil {
				err = rest
			}
		}
		if !s.hand(to, chunk{data: buffer[:n], err: err}) || err != nil {
			return
		}
	}
}

// atEnd tells the plain end of r from one inside its compressed data: io.ReadFull gives
// io.ErrUnexpectedEOF for both.
func atEnd(r io.Reader) bool {
	var one [1]byte
	n, err := r.Read(one[:])
	return n == 0 && errors.Is(err, io.EOF)
}

func (s *Stream) hash(from <-chan chunk) {
	h := sha256.New()
	var size int64
	for c := range from {
		_, _ = h.Write(c.data) // never fails
		size += int64(len(c.data))
		if c.err != nil {
			s.size, s.digest = size, "sha256:"+hex.EncodeToString(h.Sum(nil))
		}
		if !s.hand(s.chunks, c) {
			return
		}
	}
}

func (s *Stream) hand(to chan<- chunk, c chunk) bool {
	select {
	case to <- c:
		return true
	case <-s.stop:
		return false
	}
}

// Read reads uncompressed content.
func (s *Stream) Read(p []byte) (int, error) {
	for len(s.current) == 0 {
		if s.failure != nil {
			return 0, s.failure
		}
		if s.whole != nil {
			s.free <- s.whole // never blocks: there are as many places as buffers
			s.whole = nil
		}
		c := <-s.chunks
		s.current, s.whole, s.failure = c.data, c.data[:cap(c.data)], c.err
		if c.data == nil {
			s.whole = nil
		}
	}
	n := copy(p, s.current)
	s.current = s.current[n:]
	return n, nil
}

// Close ends the stream and waits for its goroutines. A reader of the blob that blocks
// must be ended by its own means first.
func (s *Stream) Close() error {
	close(s.stop)
	s.workers.Wait()
	return nil
}

// Digest is sha256:... of the uncompressed content, the layer's diff id. It and Size are
// valid once Read has returned io.EOF.
func (s *Stream) Digest() string { return s.digest }

// Size is the number of bytes of the uncompressed content.
func (s *Stream) Size() int64 { return s.size }
