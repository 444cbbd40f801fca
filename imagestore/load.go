package imagestore

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	dirtransport "go.podman.io/image/v5/directory"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"

	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/imagestore/layer"
)

// load brings all images of an archive or a directory into the store.
func (s *Store) load(ctx context.Context, input *os.File) ([]image.Image, error) {
	sys, err := s.system()
	if err != nil {
		return nil, err
	}
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	unsafePath := s.request.Input
	if input == nil && unsafePath != "" {
		info, err := os.Stat(unsafePath)
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		if info.IsDir() {
			return s.loadDirectory(ctx, sys, unsafePath)
		}
		if input, err = os.Open(unsafePath); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		defer input.Close() // only read from
	}
	if input == nil {
		return nil, errors.New("load: nothing to read from")
	}
	return s.loadArchive(ctx, sys, input, first(unsafePath, "standard input"))
}

// loadArchive loads what Docker's and Podman's save write, compressed or not.
func (s *Store) loadArchive(ctx context.Context, sys *types.SystemContext, input *os.File, label string) ([]image.Image, error) {
	plain, err := s.plainCopy(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	defer plain.Close()           // only read from
	defer os.Remove(plain.Name()) // by whatever name; tidied up later otherwise
	has, err := contents(ctx, plain)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	switch {
	case has["manifest.json"]: // also what Docker writes since version 25: both kinds in one
		return s.loadDocker(ctx, sys, plain.Name(), label)
	case has["index.json"]:
		dir, err := os.MkdirTemp(s.ownScratch(), "layout-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir) // tidied up later otherwise
		if err := extractLayout(ctx, plain, dir); err != nil {
			return nil, fmt.Errorf("load %s: %w", label, err)
		}
		return s.loadLayout(ctx, sys, dir, label)
	}
	return nil, &image.Error{
		Message: fmt.Sprintf("load %s: neither an archive of docker save nor an OCI archive", label),
		Remedy:  "a root file system is made an image by import, not by load",
	}
}

// plainCopy is the archive as a file that can be read at random, uncompressed.
func (s *Store) plainCopy(ctx context.Context, input *os.File) (*os.File, error) {
	content, err := layer.Decompress(&cancelled{ctx, input})
	if err != nil {
		return nil, err
	}
	defer content.Close() // only read from
	f, err := os.CreateTemp(s.ownScratch(), "archive-")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, content); err != nil {
		_ = f.Close()           // the first failure matters
		_ = os.Remove(f.Name()) // likewise
		return nil, fmt.Errorf("copy the archive: %w", err)
	}
	return f, nil
}

// cancelled ends a copy when ctx ends.
type cancelled struct {
	ctx context.Context
	io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(p)
}

// contents are the names of the files at the archive's top.
func contents(ctx context.Context, f *os.File) (map[string]bool, error) {
	names := map[string]bool{}
	err := walk(ctx, f, func(name string, _ *tar.Header, _ io.Reader) error {
		if !strings.Contains(name, "/") {
			names[name] = true
		}
		return nil
	})
	return names, err
}

// walk reads an archive from its beginning.
func walk(ctx context.Context, f *os.File, visit func(name string, h *tar.Header, content io.Reader) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	archive := tar.NewReader(f)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a tar archive: %w", err)
		}
		if err := visit(path.Clean(h.Name), h, archive); err != nil {
			return err
		}
	}
}

// extractLayout writes the files of an OCI archive into dir and nowhere else.
func extractLayout(ctx context.Context, f *os.File, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() // a directory
	return walk(ctx, f, func(name string, h *tar.Header, content io.Reader) error {
		if h.Typeflag != tar.TypeReg || name != "index.json" && name != "oci-layout" && !strings.HasPrefix(name, "blobs/") {
			return nil
		}
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return err
		}
		out, err := root.Create(name)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(out, 256<<10)
		_, err = io.Copy(w, content)
		if flushing := w.Flush(); err == nil {
			err = flushing
		}
		if closing := out.Close(); err == nil {
			err = closing
		}
		return err
	})
}

func (s *Store) loadDocker(ctx context.Context, sys *types.SystemContext, file, label string) ([]image.Image, error) {
	reader, err := dockerarchive.NewReader(sys, file)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	defer reader.Close() // only read from
	images, err := reader.List()
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	var found []source
	for _, refs := range images {
		from := source{ref: refs[0], label: label}
		for _, ref := range refs {
			if named := ref.DockerReference(); named != nil {
				from.names = append(from.names, named.String())
			}
		}
		found = append(found, from)
	}
	return s.loadSources(ctx, sys, found, label)
}

func (s *Store) loadDirectory(ctx context.Context, sys *types.SystemContext, dir string) ([]image.Image, error) {
	for _, kind := range []struct {
		file string
		load func(context.Context, *types.SystemContext, string, string) ([]image.Image, error)
	}{{"index.json", s.loadLayout}, {"manifest.json", s.loadDir}} {
		if _, err := os.Stat(filepath.Join(dir, kind.file)); err == nil {
			return kind.load(ctx, sys, dir, dir)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("load: %w", err)
		}
	}
	return nil, fmt.Errorf("load %s: neither an OCI layout nor a directory of an image", dir)
}

func (s *Store) loadDir(ctx context.Context, sys *types.SystemContext, dir, label string) ([]image.Image, error) {
	ref, err := dirtransport.NewReference(dir)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	return s.loadSources(ctx, sys, []source{{ref: ref, label: label}}, label)
}

// annotations that name an image in an OCI layout, the fullest name first.
func annotated(annotations map[string]string) string {
	return first(annotations["io.containerd.image.name"], annotations["org.opencontainers.image.ref.name"])
}

func (s *Store) loadLayout(ctx context.Context, sys *types.SystemContext, dir, label string) ([]image.Image, error) {
	listed, err := ocilayout.List(dir)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", label, err)
	}
	var found []source
	for i, entry := range listed {
		ref, err := ocilayout.NewIndexReference(dir, i)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", label, err)
		}
		from := source{ref: ref, label: label}
		if annotation := annotated(entry.ManifestDescriptor.Annotations); annotation != "" {
			if name := layoutName(label, annotation); name != "" {
				from.names = []string{name}
			}
		}
		found = append(found, from)
	}
	return s.loadSources(ctx, sys, found, label)
}

func (s *Store) loadSources(ctx context.Context, sys *types.SystemContext, found []source, label string) ([]image.Image, error) {
	if len(found) == 0 {
		return nil, fmt.Errorf("load %s: there is no image in it", label)
	}
	var result []image.Image
	for _, from := range found {
		id, err := s.fetch(ctx, sys, from)
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("load %s: %w", label, err)
		}
		i, err := s.byID(id)
		if err != nil {
			return nil, err
		}
		i.Names = from.names // it may have others
		result = append(result, i)
	}
	return result, nil
}
