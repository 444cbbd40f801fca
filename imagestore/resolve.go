package imagestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	imagelib "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"github.com/rlc-containers/rlc/image"
)

// The pull policies.
const (
	pullAlways  = "always"
	pullMissing = "missing"
	pullNever   = "never"
	pullNewer   = "newer"
)

// resolve finds the image that a container is to be made of, fetches it as the policy says,
// and remembers the answer.
func (s *Store) resolve(ctx context.Context) (image.Image, error) {
	typed := s.request.Name
	id, err := s.ensure(ctx, typed, first(s.request.Pull, pullMissing))
	if err != nil {
		return image.Image{}, err
	}
	seen := image.Observe(s.decisive())
	sys, err := s.system()
	if err != nil {
		return image.Image{}, err
	}
	found, _, err := s.find(sys, typed)
	if id == "" && err != nil {
		return image.Image{}, err
	}
	if id == "" {
		id = found.ID
	}
	result, err := s.byID(id)
	if err != nil {
		return image.Image{}, err
	}
	if s.request.Platform == "" && foreign(&result) {
		s.options.Note(fmt.Sprintf("the image is for %s, this machine is linux/%s", platformName(result.OS, result.Arch, result.Variant), runtime.GOARCH))
	}
	// What was pulled is not always what the name alone leads to next time.
	if found != nil && found.ID == id {
		s.remember(typed, seen, result)
	}
	return result, nil
}

func (s *Store) byID(id string) (image.Image, error) {
	i, err := s.store.Image(id)
	if err != nil {
		return image.Image{}, err
	}
	return s.describe(i)
}

// ensure fetches an image if the policy and the store's contents ask for it, and returns
// its id then. The empty id means that the store has it already.
func (s *Store) ensure(ctx context.Context, typed, policy string) (string, error) {
	kind, _ := transport(typed)
	if kind != "" && kind != "docker" {
		if policy == pullNever {
			return "", fmt.Errorf("%s: an image of another place cannot be used without pulling it", typed)
		}
		return s.pull(ctx, typed)
	}
	switch policy {
	case pullAlways:
		return s.pull(ctx, typed)
	case pullMissing, pullNever, pullNewer:
	default:
		return "", &image.Error{Message: fmt.Sprintf("pull policy %q is unknown", policy), Remedy: "use always, missing, never or newer"}
	}
	sys, err := s.system()
	if err != nil {
		return "", err
	}
	i, name, err := s.findFor(sys, typed)
	switch {
	case isMissing(err) && policy == pullNever:
		return "", &image.Error{Message: typed + ": no such image here", Remedy: "rlc pull " + typed}
	case isMissing(err):
		return s.pull(ctx, typed)
	case err != nil || policy != pullNewer || name == "":
		return "", err
	}
	newer, err := s.newer(ctx, sys, typed, i)
	if err != nil {
		s.options.Note(fmt.Sprintf("no newer image was looked for: %v", err))
		return "", nil
	}
	if !newer {
		return "", nil
	}
	return s.pull(ctx, typed)
}

// findFor finds a stored image that also is for the platform asked for.
func (s *Store) findFor(sys *types.SystemContext, typed string) (*storage.Image, string, error) {
	i, name, err := s.find(sys, typed)
	if err != nil {
		return nil, "", err
	}
	if _, _, err := s.layers(i); err != nil {
		// Another tool took a layer away that both had use of, or the disk lost it.
		s.options.Note(fmt.Sprintf("%s is damaged: %v", typed, err))
		return nil, "", missing(typed)
	}
	if s.request.Platform == "" {
		return i, name, nil
	}
	want, err := parsePlatform(s.request.Platform)
	if err != nil {
		return nil, "", err
	}
	c, err := s.configurationOf(i)
	if err != nil {
		return nil, "", err
	}
	if !want.accepts(&image.Image{OS: c.OS, Arch: c.Architecture, Variant: c.Variant}) {
		return nil, "", missing(typed + " for " + s.request.Platform)
	}
	return i, name, nil
}

// newer asks the registry whether a name stands for another manifest than the stored image's.
func (s *Store) newer(ctx context.Context, sys *types.SystemContext, typed string, i *storage.Image) (bool, error) {
	sources, err := s.sources(sys, typed)
	if err != nil {
		return false, err
	}
	var failures []error
	for _, from := range sources {
		src, err := from.ref.NewImageSource(ctx, sys)
		if err != nil {
			failures = append(failures, explain(from, err))
			continue
		}
		blob, _, err := imagelib.UnparsedInstance(src, nil).Manifest(ctx)
		_ = src.Close() // only read from
		if err != nil {
			failures = append(failures, explain(from, err))
			continue
		}
		there, err := manifest.Digest(blob)
		if err != nil {
			return false, err
		}
		for _, here := range i.Digests {
			if here == there {
				return false, nil
			}
		}
		return true, nil
	}
	return false, errors.Join(failures...)
}

// remember puts an answer into the cache. Without it the next start is only slower.
func (s *Store) remember(typed string, seen image.Witness, i image.Image) {
	if kind, _ := transport(typed); s.request.Store.Cache == "" || kind != "" && kind != "docker" {
		return
	}
	stores := append([]string{s.request.Store.Root}, s.request.Store.Additional...)
	_ = s.options.Cache.Put(typed, s.request.Platform, stores, seen, i)
}

// decisive are the files whose change could lead a name to another image.
func (s *Store) decisive() []string {
	var files []string
	roots := append(s.roots(), s.request.Store.Additional...) // also those that are of no use now
	seen := map[string]bool{}
	for _, root := range roots {
		if !seen[root] {
			seen[root] = true
			files = append(files, image.StoreFiles(root)...)
		}
	}
	config := first(s.variable("XDG_CONFIG_HOME"), filepath.Join(s.variable("HOME"), ".config"))
	cache := first(s.variable("XDG_CACHE_HOME"), filepath.Join(s.variable("HOME"), ".cache"))
	for _, dir := range []string{filepath.Join(config, "containers"), "/etc/containers", "/usr/share/containers"} {
		for _, name := range []string{"registries", "storage"} {
			files = append(files, filepath.Join(dir, name+".conf"))
			for _, kind := range []string{"", ".rootless", ".rootful"} {
				dropIns := filepath.Join(dir, name+kind+".conf.d")
				more, _ := filepath.Glob(filepath.Join(dropIns, "*")) // only a bad pattern fails
				own, _ := filepath.Glob(filepath.Join(dropIns, s.variable("_CONTAINERS_ROOTLESS_UID"), "*"))
				files = slices.Concat(files, []string{dropIns}, more, own)
			}
		}
	}
	for _, name := range []string{"CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH", "CONTAINERS_STORAGE_CONF"} {
		if path := s.variable(name); path != "" {
			files = append(files, path)
		}
	}
	files = append(files, filepath.Join(cache, "containers", "short-name-aliases.conf"))
	return files
}

// pullAll fetches every image that is named.
func (s *Store) pullAll(ctx context.Context) ([]image.Image, error) {
	var result []image.Image
	for _, typed := range s.request.Names {
		id, err := s.ensure(ctx, typed, first(s.request.Pull, pullAlways))
		if err != nil {
			return nil, err
		}
		if id == "" {
			sys, err := s.system()
			if err != nil {
				return nil, err
			}
			i, _, err := s.findFor(sys, typed)
			if err != nil {
				return nil, err
			}
			id = i.ID
		}
		i, err := s.byID(id)
		if err != nil {
			return nil, err
		}
		result = append(result, i)
	}
	return result, nil
}
