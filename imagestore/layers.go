package imagestore

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sync/errgroup"

	"github.com/rlc-containers/rlc/imagestore/layer"
)

// parallel is how many layers are fetched and unpacked at the same time.
const parallel = 6

// pending is a layer that the store lacks.
type pending struct {
	id, parent string // names in the store
	blob       types.BlobInfo
	diffID     digest.Digest
	staged     *graphdriver.DriverWithDifferOutput // unpacked, not yet in the store
	local      bool                                // taken from the store itself
	line       *line
}

// layerID is the name of a layer in a store: the same that all tools of this family
// give it, so that their stores can be shared.
func layerID(parent string, diffID digest.Digest) string {
	if parent == "" {
		return diffID.Encoded()
	}
	return digest.FromString(parent + "+" + diffID.Encoded()).Encoded()
}

// fetchLayers brings all layers of an image into the store and returns the name of the
// uppermost one. Missing layers are fetched, decompressed, verified and unpacked side by
// side into staging directories, and enter the store one after another from the lowest.
func (s *Store) fetchLayers(ctx context.Context, src types.ImageSource, m *chosen, draw *progress) (top string, err error) {
	var todo []*pending
	for i, blob := range m.layers {
		p := &pending{id: layerID(top, m.diffIDs[i]), parent: top, blob: blob, diffID: m.diffIDs[i]}
		top = p.id
		if _, err := s.store.Layer(p.id); err == nil {
			draw.present(short(blob.Digest.String()))
			continue
		}
		p.line = draw.add(short(blob.Digest.String()), blob.Size)
		todo = append(todo, p)
	}
	if err := s.stageAndCommit(ctx, src, todo); err != nil {
		return "", err
	}
	return top, nil
}

func (s *Store) stageAndCommit(ctx context.Context, src types.ImageSource, todo []*pending) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	commit := &committer{store: s.store, todo: todo}
	defer commit.discard()
	open := opener(src)
	// The largest first: it takes longest, and everything waits for it in the end.
	order := slices.Clone(todo)
	slices.SortStableFunc(order, func(a, b *pending) int { return cmp.Compare(b.blob.Size, a.blob.Size) })
	for _, p := range order {
		group.Go(func() error {
			staged, err := s.stage(ctx, open, p)
			if err != nil {
				p.line.fail()
				return fmt.Errorf("layer %s: %w", short(p.blob.Digest.String()), err)
			}
			p.line.done()
			return commit.arrived(p, staged)
		})
	}
	return group.Wait()
}

// blobOpener opens the blob of a layer.
type blobOpener func(context.Context, types.BlobInfo) (io.ReadCloser, int64, error)

// opener opens blobs one at a time when the source asks for that. All sources but
// registries give out files of their own, which may be read side by side.
func opener(src types.ImageSource) blobOpener {
	var one sync.Mutex
	return func(ctx context.Context, info types.BlobInfo) (io.ReadCloser, int64, error) {
		if !src.HasThreadSafeGetBlob() {
			one.Lock()
			defer one.Unlock()
		}
		return src.GetBlob(ctx, info, none.NoCache)
	}
}

// stage unpacks one layer into a staging directory. It never leaves one behind on failure.
func (s *Store) stage(ctx context.Context, open blobOpener, p *pending) (*graphdriver.DriverWithDifferOutput, error) {
	attempt := func(open blobOpener) (*graphdriver.DriverWithDifferOutput, error) {
		u := &unpacking{ctx: ctx, open: open, pending: p, oneOwner: s.request.Store.Single}
		staged, err := s.store.PrepareStagedLayer(nil, u)
		if err == nil {
			return staged, nil
		}
		if staged != nil && staged.Target != "" {
			err = errors.Join(err, s.store.CleanupStagedLayer(staged))
		}
		return nil, err
	}
	if own := s.local(p); own != nil {
		p.local = true
		staged, err := attempt(own)
		if err == nil || ctx.Err() != nil {
			return staged, err
		}
		p.local = false // a damaged layer of the store is no reason to give up
	}
	return attempt(open)
}

// local opens the content of a layer that the store has already, on top of another one;
// nil: it has not.
func (s *Store) local(p *pending) blobOpener {
	twins, err := s.store.LayersByUncompressedDigest(p.diffID)
	if err != nil || len(twins) == 0 {
		return nil
	}
	twin := twins[0]
	return func(context.Context, types.BlobInfo) (io.ReadCloser, int64, error) {
		plain := archive.Uncompressed
		diff, err := s.store.Diff(twin.Parent, twin.ID, &storage.DiffOptions{Compression: &plain})
		return diff, twin.UncompressedSize, err
	}
}

// unpacking is one layer's way into a staging directory; it is the store's Differ.
type unpacking struct {
	ctx      context.Context
	open     blobOpener
	pending  *pending
	oneOwner bool
}

// Close has nothing to release: ApplyDiff does.
func (u *unpacking) Close() error { return nil }

// ApplyDiff fetches and unpacks the layer into dest, and verifies the blob's digest and
// size and the content's digest on the way.
func (u *unpacking) ApplyDiff(dest string, _ *archive.TarOptions, where *graphdriver.DifferOptions) (graphdriver.DriverWithDifferOutput, error) {
	var none graphdriver.DriverWithDifferOutput
	ctx, cancel := context.WithCancel(u.ctx)
	blob, size, err := u.open(ctx, u.pending.blob)
	if err != nil {
		cancel()
		return none, err
	}
	defer blob.Close() // only read from
	u.pending.line.expect(size)
	verify := &verifier{reader: blob, digest: u.pending.blob.Digest.Algorithm().Digester(), line: u.pending.line}
	stream := layer.NewStream(verify)
	defer stream.Close() // never fails
	defer cancel()       // ends a read that blocks, so that Close can return
	journal, err := newJournal(where.StagingDirectory)
	if err != nil {
		return none, err
	}
	buffered := bufio.NewWriterSize(journal, 64<<10)
	result, err := layer.Unpack(ctx, stream, dest, layer.Options{OneOwner: u.oneOwner, Journal: buffered})
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = u.check(stream, verify)
	}
	if err != nil || !result.Exact {
		_ = journal.Close() // not needed
		journal = nil
	}
	if err != nil {
		return none, err
	}
	return graphdriver.DriverWithDifferOutput{
		Differ: u, Target: dest, Size: stream.Size(), TarSplit: journal, RootDirMode: result.RootMode,
		UncompressedDigest: u.pending.diffID, CompressedDigest: u.pending.blob.Digest,
	}, nil
}

func (u *unpacking) check(stream *layer.Stream, blob *verifier) error {
	p := u.pending
	if got := stream.Digest(); got != p.diffID.String() {
		return fmt.Errorf("its content has digest %s, the configuration says %s", got, p.diffID)
	}
	if p.local {
		return nil // the blob itself was not needed
	}
	if got := blob.digest.Digest(); got != p.blob.Digest {
		return fmt.Errorf("the blob has digest %s, the manifest says %s", got, p.blob.Digest)
	}
	if p.blob.Size >= 0 && blob.size != p.blob.Size {
		return fmt.Errorf("the blob has %d bytes, the manifest says %d", blob.size, p.blob.Size)
	}
	return nil
}

// newJournal makes a nameless file beside the staged layer.
func newJournal(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "journal-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close() // the first failure matters
		return nil, err
	}
	return f, nil
}

// verifier hashes and counts what is read through it.
type verifier struct {
	reader io.Reader
	digest digest.Digester
	size   int64
	line   *line
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.reader.Read(p)
	_, _ = v.digest.Hash().Write(p[:n]) // never fails
	v.size += int64(n)
	v.line.advance(int64(n))
	return n, err
}
