package layer

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"

	"github.com/vbatts/tar-split/archive/tar"
	"github.com/vbatts/tar-split/tar/storage"
)

// journal records all bytes of a stream but the files' contents, in tar-split's format,
// so that a push can send the very stream that was pulled.
type journal struct {
	tar    *tar.Reader
	packer storage.Packer // nil: nothing is recorded (any more)
	sum    hash.Hash64
	size   int64 // of the current entry's payload so far
}

func newJournal(w io.Writer, t *tar.Reader) *journal {
	j := &journal{tar: t}
	if w != nil {
		t.RawAccounting = true
		j.packer = storage.NewJSONPacker(w)
		j.sum = crc64.New(storage.CRCTable)
	}
	return j
}

// header records what precedes the current entry's payload.
func (j *journal) header(h *tar.Header) error {
	if isSparse(h) { // its payload on disk is not what the stream holds
		j.drop()
	}
	if j.packer == nil {
		return nil
	}
	j.sum.Reset()
	j.size = 0
	return j.segment(j.tar.RawBytes())
}

// drop gives the journal up: the stream cannot be rebuilt from the files any more.
func (j *journal) drop() { j.packer = nil }

func (j *journal) payload(p []byte) {
	if j.packer != nil {
		_, _ = j.sum.Write(p) // never fails
		j.size += int64(len(p))
	}
}

// end records that the current entry is complete.
func (j *journal) end(h *tar.Header) error {
	if j.packer == nil {
		return nil
	}
	if j.size != h.Size { // a payload that went into no file
		j.drop()
		return nil
	}
	entry := storage.Entry{Type: storage.FileType, Size: h.Size}
	if h.Size > 0 {
		entry.Payload = j.sum.Sum(nil)
	}
	entry.SetName(h.Name)
	_, err := j.packer.AddEntry(entry)
	if errors.Is(err, storage.ErrDuplicatePath) { // the earlier file of that name is gone
		j.drop()
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the layer's journal: %w", err)
	}
	return j.segment(j.tar.RawBytes())
}

// finish reads the stream up to its end, past the end of the archive in it, and says
// whether everything has been recorded.
func (j *journal) finish(rest io.Reader) (bool, error) {
	if j.packer != nil {
		if err := j.segment(j.tar.RawBytes()); err != nil {
			return false, err
		}
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := rest.Read(buffer)
		if n > 0 && j.packer != nil {
			if err := j.segment(buffer[:n]); err != nil {
				return false, err
			}
		}
		if errors.Is(err, io.EOF) {
			return j.packer != nil, nil
		}
		if err != nil {
			return false, fmt.Errorf("read the layer's archive: %w", err)
		}
	}
}

func (j *journal) segment(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := j.packer.AddEntry(storage.Entry{Type: storage.SegmentType, Payload: p}); err != nil {
		return fmt.Errorf("write the layer's journal: %w", err)
	}
	return nil
}
