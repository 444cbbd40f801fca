package imagestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	imagespec "github.com/opencontainers/image-spec/specs-go/v1"
	imagelib "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"

	"github.com/rlc-containers/rlc/image"
)

// pull fetches what a person typed and returns the id of the image. A short name is tried
// in every registry that it may be in.
func (s *Store) pull(ctx context.Context, typed string) (id string, err error) {
	sys, err := s.system()
	if err != nil {
		return "", err
	}
	sources, err := s.sources(sys, typed)
	if err != nil {
		return "", err
	}
	release, err := s.hold()
	if err != nil {
		return "", err
	}
	defer release()
	var failures []error
	for _, from := range sources {
		id, err := s.fetch(ctx, sys, from)
		if err == nil {
			return id, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		failures = append(failures, explain(from, err))
	}
	return "", errors.Join(failures...)
}

// fetch fetches one image: manifest, signatures, configuration, the layers that are missing;
// and records it. The order is that of trust: nothing is parsed before the signature policy
// has accepted the manifest's digest. The caller holds the store.
func (s *Store) fetch(ctx context.Context, sys *types.SystemContext, from source) (string, error) {
	src, err := from.ref.NewImageSource(ctx, sys)
	if err != nil {
		return "", err
	}
	defer src.Close() // only read from
	m, err := s.choose(ctx, sys, src)
	if err != nil {
		return "", err
	}
	draw := s.progress(from.label)
	defer draw.stop()
	top, err := s.fetchLayers(ctx, src, m, draw)
	if err != nil {
		return "", err
	}
	return m.configDigest.Encoded(), s.record(m, top, from.names)
}

// chosen is the one image of a source that is fetched, all of it verified but the layers.
type chosen struct {
	list         []byte // manifest of the list that it was chosen from; nil: there was none
	manifest     []byte
	instance     *digest.Digest // digest in the list; nil: there was none
	config       []byte
	configDigest digest.Digest
	parsed       *configuration
	signatures   [][]byte
	layers       []types.BlobInfo // lowest first
	diffIDs      []digest.Digest  // of the layers' uncompressed content
}

func (s *Store) choose(ctx context.Context, sys *types.SystemContext, src types.ImageSource) (*chosen, error) {
	m := &chosen{}
	unparsed := imagelib.UnparsedInstance(src, nil)
	blob, kind, err := unparsed.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	if manifest.MIMETypeIsMultiImage(manifest.NormalizedMIMEType(kind)) {
		instance, err := chooseInstance(sys, blob, kind)
		if err != nil {
			return nil, err
		}
		m.list, m.instance = blob, &instance
		unparsed = imagelib.UnparsedInstance(src, &instance)
		if m.manifest, kind, err = unparsed.Manifest(ctx); err != nil {
			return nil, err
		}
		if manifest.MIMETypeIsMultiImage(manifest.NormalizedMIMEType(kind)) {
			return nil, errors.New("a list of images inside a list of images")
		}
	} else {
		m.manifest = blob
	}
	if err := s.allowed(ctx, sys, unparsed); err != nil {
		return nil, err
	}
	if err := checkKind(manifest.NormalizedMIMEType(kind)); err != nil {
		return nil, err
	}
	parsed, err := imagelib.FromUnparsedImage(ctx, sys, unparsed)
	if err != nil {
		return nil, err
	}
	if m.signatures, err = unparsed.Signatures(ctx); err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	if err := m.configure(ctx, src, parsed); err != nil {
		return nil, err
	}
	return m, s.checkPlatform(m.parsed)
}

// checkKind refuses manifests that describe no image that can be run.
func checkKind(kind string) error {
	switch kind {
	case manifest.DockerV2Schema1MediaType, manifest.DockerV2Schema1SignedMediaType:
		return &image.Error{
			Message: "the manifest is of Docker's first kind (schema 1), which has not been made since 2017",
			Remedy:  "push the image again with a current tool",
		}
	case manifest.DockerV2Schema2MediaType, imagespec.MediaTypeImageManifest:
		return nil
	}
	return fmt.Errorf("manifest of unknown kind %q", kind)
}

// configure reads the configuration and checks that it and the manifest speak of the same layers.
func (m *chosen) configure(ctx context.Context, src types.ImageSource, parsed types.Image) error {
	info := parsed.ConfigInfo()
	if info.MediaType != manifest.DockerV2Schema2ConfigMediaType && info.MediaType != imagespec.MediaTypeImageConfig {
		return fmt.Errorf("not an image but an artifact of kind %q", info.MediaType)
	}
	if err := checkDigest(info.Digest); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var err error
	if m.config, err = parsed.ConfigBlob(ctx); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	m.configDigest = info.Digest
	if digest.FromBytes(m.config) != m.configDigest {
		return fmt.Errorf("configuration: content does not match digest %s", m.configDigest)
	}
	if m.parsed, err = parseConfiguration(m.config); err != nil {
		return err
	}
	if m.layers, err = src.LayerInfosForCopy(ctx, m.instance); err != nil {
		return fmt.Errorf("read the list of layers: %w", err)
	}
	if m.layers == nil {
		m.layers = parsed.LayerInfos()
	}
	return m.checkLayers()
}

func (m *chosen) checkLayers() error {
	ids := m.parsed.RootFS.DiffIDs
	switch {
	case len(m.layers) == 0:
		return errors.New("the image has no layers")
	case len(ids) != len(m.layers):
		return fmt.Errorf("the manifest lists %d layers, the configuration %d", len(m.layers), len(ids))
	case m.parsed.RootFS.Type != "layers" && m.parsed.RootFS.Type != "":
		return fmt.Errorf("root file system of unknown kind %q", m.parsed.RootFS.Type)
	}
	for i, id := range ids {
		if err := checkDigest(digest.Digest(id)); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
		if err := m.layers[i].Digest.Validate(); err != nil {
			return fmt.Errorf("layer %d: digest %q: %w", i+1, m.layers[i].Digest, err)
		}
		if strings.Contains(m.layers[i].MediaType, "+encrypted") {
			return fmt.Errorf("layer %d is encrypted", i+1)
		}
		m.diffIDs = append(m.diffIDs, digest.Digest(id))
	}
	return nil
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", d, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest %s: only sha256 is supported here", d)
	}
	return nil
}

// allowed asks the signature policy. Without a policy file every image is accepted, as
// with the file that Podman's packages bring.
func (s *Store) allowed(ctx context.Context, sys *types.SystemContext, unparsed types.UnparsedImage) error {
	policy, err := signature.DefaultPolicy(sys)
	if errors.Is(err, configfile.ErrConfigFileNotFound) {
		policy, err = &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}}, nil
	}
	if err != nil {
		return fmt.Errorf("read the signature policy: %w", err)
	}
	c, err := signature.NewPolicyContext(policy)
	if err != nil {
		return fmt.Errorf("read the signature policy: %w", err)
	}
	defer func() { _ = c.Destroy() }() // nothing to lose
	ok, err := c.IsRunningImageAllowed(ctx, unparsed)
	if err != nil {
		return fmt.Errorf("refused by the signature policy: %w", err)
	}
	if !ok {
		return errors.New("refused by the signature policy")
	}
	return nil
}

// chooseInstance picks the image of a list that fits the platform asked for.
func chooseInstance(sys *types.SystemContext, blob []byte, kind string) (digest.Digest, error) {
	list, err := manifest.ListFromBlob(blob, manifest.NormalizedMIMEType(kind))
	if err != nil {
		return "", fmt.Errorf("read the list of images: %w", err)
	}
	instance, err := list.ChooseInstance(sys)
	if err == nil {
		return instance, nil
	}
	want := platformName(first(sys.OSChoice, "linux"), first(sys.ArchitectureChoice, runtime.GOARCH), sys.VariantChoice)
	offered := offeredPlatforms(blob)
	if len(offered) == 0 {
		return "", fmt.Errorf("no image for %s: %w", want, err)
	}
	return "", &image.Error{
		Message: fmt.Sprintf("no image for %s: there are %s", want, strings.Join(offered, ", ")),
		Remedy:  "choose one of them with --platform",
	}
}

// offeredPlatforms names the platforms of a list; OCI's and Docker's have the same fields.
func offeredPlatforms(blob []byte) []string {
	var list struct {
		Manifests []struct {
			Platform *struct{ OS, Architecture, Variant string }
		}
	}
	if json.Unmarshal(blob, &list) != nil {
		return nil
	}
	var names []string
	for _, m := range list.Manifests {
		if p := m.Platform; p != nil && p.OS != "unknown" {
			names = append(names, platformName(p.OS, p.Architecture, p.Variant))
		}
	}
	return names
}

// checkPlatform refuses an image that cannot be what was asked for. A single image says only
// in its configuration what it was made for.
func (s *Store) checkPlatform(c *configuration) error {
	is := image.Image{OS: c.OS, Arch: c.Architecture, Variant: c.Variant}
	name := platformName(c.OS, c.Architecture, c.Variant)
	if c.OS != "" && c.OS != "linux" {
		return fmt.Errorf("the image is for %s: only linux images can be used", name)
	}
	want, err := parsePlatform(s.request.Platform)
	if err != nil {
		return err
	}
	if !want.accepts(&is) {
		return &image.Error{Message: fmt.Sprintf("no image for %s: there is only %s", s.request.Platform, name)}
	}
	return nil
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
