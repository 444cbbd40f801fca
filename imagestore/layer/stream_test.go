package layer

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func compressed(t *testing.T, content []byte, to func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := to(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStream(t *testing.T) {
	t.Parallel()
	content := make([]byte, 3*chunkSize+17)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	gz := compressed(t, content, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	zst := compressed(t, content, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	lzma := compressed(t, content, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	tests := []struct {
		name string
		blob []byte
		want []byte
		err  error // nil: any, if want is nil
	}{
		{"plain", content, content, nil},
		{"plain, a whole number of chunks", content[:2*chunkSize], content[:2*chunkSize], nil},
		{"empty", nil, []byte{}, nil},
		{"gzip", gz, content, nil},
		{"gzip in two parts", append(bytes.Clone(gz), gz...), append(bytes.Clone(content), content...), nil},
		{"zstd", zst, content, nil},
		{"xz", lzma, content, nil},
		{"gzip cut short", gz[:len(gz)-100], nil, io.ErrUnexpectedEOF},
		{"gzip of nothing but a head", gz[:5], nil, io.ErrUnexpectedEOF},
		{"zstd cut short", zst[:len(zst)-100], nil, io.ErrUnexpectedEOF},
		{"gzip with a wrong sum", append(bytes.Clone(gz[:len(gz)-8]), 1, 2, 3, 4, 5, 6, 7, 8), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewStream(bytes.NewReader(tt.blob))
			defer s.Close()
			got, err := io.ReadAll(s)
			if tt.want == nil {
				if err == nil || tt.err != nil && !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(tt.want)
			if !bytes.Equal(got, tt.want) || s.Size() != int64(len(tt.want)) || s.Digest() != "sha256:"+hex.EncodeToString(sum[:]) {
				t.Errorf("%d bytes, size %d, %s", len(got), s.Size(), s.Digest())
			}
		})
	}
}

func TestStreamClosedEarly(t *testing.T) {
	t.Parallel()
	s := NewStream(strings.NewReader(strings.Repeat("x", 50*chunkSize)))
	if _, err := s.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
