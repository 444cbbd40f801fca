package testimage

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Parse makes an image of a recipe: one instruction a line, # begins a comment line.
//
//	name NAME                       the image's name
//	config JSON                     the "config" object of the configuration
//	whole TEXT                      the whole configuration, as it is
//	platform OS/ARCH
//	gzip                            compress the layers
//	layer                           begin the next layer
//	layers N                        N layers of one small file each, /layers/1 ... N
//	split FILE DIR...               layers of a tar archive: what is in none of the
//	                                directories, then what is in each and in none before it
//	busybox                         a small root file system around busybox
//	dir PATH MODE UID:GID
//	file PATH MODE UID:GID TEXT     TEXT may be quoted as in Go; none: an empty file
//	symlink PATH TARGET
//	hardlink PATH TARGET
//	device PATH MAJOR:MINOR         a character device
//	fifo PATH
//	remove PATH                     hide what a lower layer has there
//	opaque PATH                     hide all that lower layers have in a directory
//
// Paths go into the archive as they stand, so they may be absolute or climb out.
func Parse(recipe string) (*Image, error) {
	image := &Image{}
	for n, line := range strings.Split(recipe, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if err := image.follow(verb, strings.TrimSpace(rest)); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n+1, verb, err)
		}
	}
	return image, nil
}

// follow carries out one instruction that is about the image, or hands it to its last layer.
func (i *Image) follow(verb, rest string) error {
	switch verb {
	case "name":
		i.Name = rest
	case "config":
		if !json.Valid([]byte(rest)) {
			return errors.New("not JSON")
		}
		i.Config = json.RawMessage(rest)
	case "whole":
		i.Whole = []byte(rest)
	case "platform":
		i.OS, i.Arch, _ = strings.Cut(rest, "/")
	case "gzip":
		i.Gzip = true
	case "layer":
		i.Layers = append(i.Layers, NewLayer())
	case "layers":
		return i.many(rest)
	case "split":
		file, dirs, _ := strings.Cut(rest, " ")
		return i.split(file, strings.Fields(dirs))
	default:
		if i.Layers == nil {
			i.Layers = append(i.Layers, NewLayer())
		}
		return i.Layers[len(i.Layers)-1].follow(verb, rest)
	}
	return nil
}

// many adds layers of one small file each.
func (i *Image) many(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for k := range n {
		l := NewLayer()
		if err := l.File(fmt.Sprintf("layers/%d", k+1), 0o644, fmt.Appendln(nil, k+1)); err != nil {
			return err
		}
		i.Layers = append(i.Layers, l)
	}
	return nil
}

// split adds the layers of a tar archive that lies in a file.
func (i *Image) split(file string, dirs []string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	layers := make([]*Layer, len(dirs)+1)
	for k := range layers {
		layers[k] = NewLayer()
	}
	for archive := tar.NewReader(f); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			i.Layers = append(i.Layers, layers...)
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(h.Name, "./")
		in := slices.IndexFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
		if err := layers[in+1].Add(*h, content); err != nil {
			return err
		}
	}
}

// follow carries out one instruction about the files of a layer.
func (l *Layer) follow(verb, rest string) error {
	words := strings.Fields(rest)
	if verb == "busybox" {
		return l.Busybox()
	}
	want := map[string]int{"dir": 3, "file": 3, "symlink": 2, "hardlink": 2, "device": 2, "fifo": 1, "remove": 1, "opaque": 1}[verb]
	if want == 0 {
		return errors.New("unknown instruction")
	}
	if len(words) < want {
		return fmt.Errorf("%d words, not %d", want, len(words))
	}
	h := tar.Header{Name: words[0], Mode: 0o644}
	var content []byte
	switch verb {
	case "dir", "file":
		if err := owned(&h, words[1], words[2]); err != nil {
			return err
		}
		h.Typeflag = tar.TypeDir
		if verb == "file" {
			h.Typeflag = tar.TypeReg
			content = text(rest, words)
		}
	case "symlink":
		h.Typeflag, h.Linkname = tar.TypeSymlink, words[1]
	case "hardlink":
		h.Typeflag, h.Linkname = tar.TypeLink, words[1]
	case "device":
		h.Typeflag = tar.TypeChar
		if _, err := fmt.Sscanf(words[1], "%d:%d", &h.Devmajor, &h.Devminor); err != nil {
			return err
		}
	case "fifo":
		h.Typeflag = tar.TypeFifo
	case "remove":
		return l.Remove(words[0])
	case "opaque":
		return l.File(path.Join(words[0], ".wh..wh..opq"), 0, nil)
	}
	return l.Add(h, content)
}

// owned reads MODE and UID:GID.
func owned(h *tar.Header, mode, owner string) error {
	m, err := strconv.ParseInt(mode, 8, 64)
	if err != nil {
		return err
	}
	h.Mode = m
	if _, err := fmt.Sscanf(owner, "%d:%d", &h.Uid, &h.Gid); err != nil {
		return fmt.Errorf("read the owner %s: %w", owner, err)
	}
	return nil
}

// text is what follows the third word of a file instruction.
func text(rest string, words []string) []byte {
	if len(words) < 4 {
		return nil
	}
	for _, word := range words[:3] {
		rest = strings.TrimSpace(strings.TrimPrefix(rest, word))
	}
	if unquoted, err := strconv.Unquote(rest); err == nil {
		return []byte(unquoted)
	}
	return []byte(rest + "\n")
}
