package testimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
)

// Layer is a tar archive in the making. Paths go into it as they are given.
type Layer struct {
	buffer bytes.Buffer
	tar    *tar.Writer
}

// NewLayer returns an empty layer.
func NewLayer() *Layer {
	l := &Layer{}
	l.tar = tar.NewWriter(&l.buffer)
	return l
}

// Add writes one entry; the size is that of content.
func (l *Layer) Add(h tar.Header, content []byte) error {
	h.Size = int64(len(content))
	h.ModTime = Created()
	h.Format = tar.FormatPAX
	if err := l.tar.WriteHeader(&h); err != nil {
		return fmt.Errorf("add %s: %w", h.Name, err)
	}
	_, err := l.tar.Write(content)
	return err
}

// File adds a regular file of root's.
func (l *Layer) File(name string, mode int64, content []byte) error {
	return l.Add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

// Dir adds a directory of root's.
func (l *Layer) Dir(name string, mode int64) error {
	return l.Add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

// Symlink adds a symbolic link.
func (l *Layer) Symlink(name, target string) error {
	return l.Add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

// Remove adds the mark that hides a name of the layers below.
func (l *Layer) Remove(name string) error {
	return l.File(path.Join(path.Dir(name), ".wh."+path.Base(name)), 0, nil)
}

// Bytes ends the layer and returns the archive; nothing can be added any more.
func (l *Layer) Bytes() []byte {
	_ = l.tar.Close() // a buffer takes everything; closing twice does nothing
	return l.buffer.Bytes()
}
