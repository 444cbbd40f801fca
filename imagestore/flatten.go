package imagestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rlc-containers/rlc/fuseoverlay"
)

// flatten copies the merged layers of an image into an empty directory, for a mapping whose
// owners the store's files do not have. Where the file system can share blocks, it does.
func (s *Store) flatten(ctx context.Context) error {
	output := s.request.Output
	if !filepath.IsAbs(output) {
		return fmt.Errorf("copy image %s: output %q must be absolute", s.request.Name, output)
	}
	sys, err := s.system()
	if err != nil {
		return err
	}
	i, _, err := s.find(sys, s.request.Name)
	if err != nil {
		return err
	}
	layers, _, err := s.layers(i)
	if err != nil {
		return err
	}
	work := output + ".work" // beside the output: the copy is renamed when it is complete
	if err := os.Mkdir(work, 0o700); err != nil {
		return fmt.Errorf("copy image %s: %w", s.request.Name, err)
	}
	defer os.RemoveAll(work) // empty, or of no use
	tree, err := fuseoverlay.Open(ctx, fuseoverlay.Layers{Lower: layers, Upper: output, Work: work}, fuseoverlay.Options{Driver: fuseoverlay.Copy})
	if err != nil {
		return fmt.Errorf("copy image %s: %w", s.request.Name, err)
	}
	err = shift(ctx, output, s.request.UIDShift, s.request.GIDShift)
	if err := errors.Join(err, tree.Close()); err != nil {
		return fmt.Errorf("copy image %s: %w", s.request.Name, err)
	}
	return nil
}
