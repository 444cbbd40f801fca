package imagestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	dirtransport "go.podman.io/image/v5/directory"
	registry "go.podman.io/image/v5/docker"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	ociarchive "go.podman.io/image/v5/oci/archive"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/pkg/shortnames"
	storagetransport "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"

	"github.com/rlc-containers/rlc/image"
)

// source is a place to fetch an image from, with the full names that it gets.
type source struct {
	ref   types.ImageReference
	names []string
	label string // for people
}

// transport splits a typed name into the name of a transport and the rest. A name without
// one, or with docker://, is meant for a registry.
func transport(typed string) (name, rest string) {
	name, rest, found := strings.Cut(typed, ":")
	switch {
	case !found:
	case name == "docker" && strings.HasPrefix(rest, "//"):
		return name, strings.TrimPrefix(rest, "//")
	case name == "oci" || name == "oci-archive" || name == "docker-archive" || name == "dir" ||
		name == "containers-storage" || name == "docker-daemon":
		return name, rest
	}
	return "", typed
}

// sources are where a typed name may be fetched from, to be tried in this order.
func (s *Store) sources(sys *types.SystemContext, typed string) ([]source, error) {
	kind, rest := transport(typed)
	switch kind {
	case "", "docker":
		return registrySources(sys, rest, kind == "docker")
	case "oci":
		return pathSource(typed, rest, ocilayout.ParseReference)
	case "oci-archive":
		return pathSource(typed, rest, ociarchive.ParseReference)
	case "dir":
		ref, err := dirtransport.NewReference(rest)
		return []source{{ref: ref, label: typed}}, err
	case "docker-archive":
		ref, err := dockerarchive.ParseReference(rest)
		if err != nil {
			return nil, badName(typed, err)
		}
		from := source{ref: ref, label: typed}
		if named := ref.DockerReference(); named != nil {
			from.names = []string{named.String()}
		}
		return []source{from}, nil
	case "containers-storage":
		ref, err := storagetransport.Transport.ParseReference(rest)
		if err != nil {
			return nil, badName(typed, err)
		}
		from := source{ref: ref, label: typed}
		if named := ref.DockerReference(); named != nil {
			from.names = []string{named.String()}
		}
		return []source{from}, nil
	}
	return nil, &image.Error{
		Message: kind + ": images of a Docker daemon cannot be read",
		Remedy:  "docker save NAME | rlc load",
	}
}

func registrySources(sys *types.SystemContext, typed string, exact bool) ([]source, error) {
	var names []reference.Named
	if resolved, err := shortnames.Resolve(sys, typed); err == nil && !exact {
		for _, candidate := range resolved.PullCandidates {
			names = append(names, candidate.Value)
		}
	} else {
		// No search registries, or docker://, which never consults them.
		named, err := reference.ParseNormalizedNamed(typed)
		if err != nil {
			return nil, badName(typed, err)
		}
		names = append(names, named)
	}
	var result []source
	for _, named := range names {
		from, err := registrySource(named)
		if err != nil {
			return nil, badName(typed, err)
		}
		result = append(result, from)
	}
	return result, nil
}

func registrySource(named reference.Named) (source, error) {
	named = reference.TagNameOnly(named)
	if digested, ok := named.(reference.Digested); ok { // a tag beside a digest says nothing
		canonical, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
		if err != nil {
			return source{}, err
		}
		named = canonical
	}
	ref, err := registry.NewReference(named)
	if err != nil {
		return source{}, err
	}
	return source{ref: ref, names: []string{named.String()}, label: named.String()}, nil
}

// pathSource is an OCI layout or archive: PATH[:NAME], where NAME is the annotation of one
// image in it, and a full name or a plain tag.
func pathSource(typed, rest string, parse func(string) (types.ImageReference, error)) ([]source, error) {
	ref, err := parse(rest)
	if err != nil {
		return nil, badName(typed, err)
	}
	from := source{ref: ref, label: typed}
	if path, annotation, found := strings.Cut(ref.StringWithinTransport(), ":"); found && annotation != "" {
		if name := layoutName(path, annotation); name != "" {
			from.names = []string{name}
		}
	}
	return []source{from}, nil
}

// layoutName makes a full name of what an OCI layout calls an image. A plain tag is put
// after the layout's own name. It is empty when nothing sensible comes out.
func layoutName(path, annotation string) string {
	if strings.ContainsAny(annotation, "/:") {
		if named, err := reference.ParseNormalizedNamed(annotation); err == nil {
			return local(annotation, reference.TagNameOnly(named))
		}
		return ""
	}
	base := filepath.Base(strings.TrimSuffix(strings.TrimSuffix(path, "/"), ".tar"))
	base = regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(base), "-")
	named, err := reference.ParseNormalizedNamed("localhost/" + strings.Trim(base, "-") + ":" + annotation)
	if err != nil {
		return ""
	}
	return named.String()
}

// local is the full name of an image that people name here: without a registry it belongs
// to localhost.
func local(typed string, named reference.Named) string {
	if shortnames.IsShortName(typed) {
		if own, err := reference.ParseNormalizedNamed("localhost/" + typed); err == nil {
			return reference.TagNameOnly(own).String()
		}
	}
	return named.String()
}

// newName is the full name that a person gives to an image, with a tag.
func newName(typed string) (string, error) {
	named, err := reference.ParseNormalizedNamed(typed)
	if err != nil {
		return "", badName(typed, err)
	}
	if _, digested := named.(reference.Digested); digested {
		return "", &image.Error{Message: fmt.Sprintf("%q: a name that is given cannot hold a digest", typed)}
	}
	return local(typed, reference.TagNameOnly(named)), nil
}

// explain turns what registries answer into what a person can act upon.
func explain(from source, err error) error {
	var unauthorized registry.ErrUnauthorizedForCredentials
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &unauthorized):
		return &image.Error{Message: fmt.Sprintf("pull %s: %v", from.label, err), Remedy: "log in to the registry, or give --creds user:password"}
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return &image.Error{Message: fmt.Sprintf("pull %s: %v", from.label, err), Remedy: "for a registry without TLS, give --tls-verify=false or set insecure = true in registries.conf"}
	case strings.Contains(err.Error(), "x509: "):
		return &image.Error{Message: fmt.Sprintf("pull %s: %v", from.label, err), Remedy: "put the registry's CA certificate into ~/.config/containers/certs.d/HOST:PORT/ca.crt, or give --cert-dir"}
	}
	return fmt.Errorf("pull %s: %w", from.label, err)
}
