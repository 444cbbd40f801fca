// Package imagestore keeps images: it is the one door to containers/storage and
// containers/image, whose types do not leave it. It pulls, loads, lists, removes, names,
// describes and copies images, and fills the cache that makes starts fast.
//
// It runs in rlc-image, inside the user namespace and a mount namespace of its own, with a
// umask of 0. It must never run outside: the overlay driver would then take native
// overlay for impossible and remember that in the store.
package imagestore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	storagetypes "go.podman.io/storage/types"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
)

// Options are what a store needs beside the request. Note is needed.
type Options struct {
	Environ  []string     // the environment of rlc-image
	Cache    image.Cache  // where resolutions are remembered
	Note     func(string) // tells the person something; may be called from several goroutines
	Progress *os.File     // where progress is drawn; nil: nowhere
}

// Store is an open image store. It serves one request; it is not for concurrent use.
type Store struct {
	options    Options
	request    image.Request
	store      storage.Store
	additional []string // graph roots of read-only stores that are used
	auth       *os.File // credentials that came with the request; nil: none
}

// Open opens the store of a request, and makes it when there is none. Several processes may
// have it open. The caller closes it.
func Open(r image.Request, o Options) (*Store, error) {
	if !filepath.IsAbs(r.Store.Root) || !filepath.IsAbs(r.Store.Run) {
		return nil, fmt.Errorf("open the image store: root %q and run root %q must be absolute", r.Store.Root, r.Store.Run)
	}
	s := &Store{options: o, request: r}
	configured, err := storagetypes.LoadStoreOptions(storagetypes.LoadOptions{})
	if err != nil {
		return nil, fmt.Errorf("read storage.conf: %w", err)
	}
	s.additional = s.usable(append(slices.Clone(r.Store.Additional), additionalStores(configured)...))
	options := []string{"overlay.skip_mount_home=true"}
	if r.Store.Single {
		options = append(options, "overlay.ignore_chown_errors=true")
	}
	for _, root := range s.additional {
		options = append(options, "overlay.imagestore="+root)
	}
	s.store, err = openOverlay(r.Store, options)
	if err != nil {
		return nil, fmt.Errorf("open the image store %s: %w", r.Store.Root, err)
	}
	return s, nil
}

// openOverlay opens the store with the overlay driver. Where the kernel has no overlay for
// this file system (NFS, another overlay), the driver insists on a program that mounts.
// Nothing is ever mounted through the driver, so that any program will do.
func openOverlay(where image.Store, options []string) (storage.Store, error) {
	open := func(more ...string) (storage.Store, error) {
		return storage.GetStore(storagetypes.StoreOptions{
			GraphRoot: where.Root, RunRoot: where.Run, GraphDriverName: "overlay",
			GraphDriverOptions: append(slices.Clone(options), more...),
		})
	}
	store, err := open()
	if errors.Is(err, graphdriver.ErrIncompatibleFS) || errors.Is(err, graphdriver.ErrNotSupported) || errors.Is(err, graphdriver.ErrPrerequisites) {
		program, lookup := exec.LookPath("fuse-overlayfs")
		if lookup != nil {
			program = "/proc/self/exe"
		}
		return open("overlay.mount_program=" + program)
	}
	return store, err
}

// Close releases the store. Images stay.
func (s *Store) Close() error {
	s.store.Free()
	if s.auth != nil {
		return s.auth.Close()
	}
	return nil
}

func additionalStores(configured storagetypes.StoreOptions) []string {
	var roots []string
	for _, option := range configured.GraphDriverOptions {
		if list, ok := strings.CutPrefix(option, "imagestore="); ok {
			roots = append(roots, strings.Split(list, ",")...)
		}
	}
	return roots
}

// usable are those of the additional stores that can be read with the overlay driver.
func (s *Store) usable(roots []string) []string {
	var result []string
	for _, root := range roots {
		root = filepath.Clean(root)
		if root == filepath.Clean(s.request.Store.Root) || slices.Contains(result, root) || !filepath.IsAbs(root) {
			continue
		}
		images := filepath.Join(root, "overlay-images", "images.json")
		if err := unix.Access(images, unix.R_OK); err != nil {
			continue // empty, of another driver, or not ours to read
		}
		flag, err := os.ReadFile(filepath.Join(root, "overlay", ".has-mount-program"))
		if err == nil && strings.TrimSpace(string(flag)) == "true" {
			// Its whiteouts are files that only fuse-overlayfs understands.
			s.options.Note("images in " + root + " are not used: that store was made for fuse-overlayfs")
			continue
		}
		result = append(result, root)
	}
	return result
}

// system is the configuration of all transports for this request. Files and variables that
// it does not name are looked for as Podman does.
func (s *Store) system() (*types.SystemContext, error) {
	r := s.request
	never := types.ShortNameModeDisabled // asks nobody, tries all search registries
	sys := &types.SystemContext{
		AuthFilePath:            r.AuthFile,
		DockerCertPath:          r.CertDir,
		SignaturePolicyPath:     r.Policy,
		BigFilesTemporaryDir:    s.scratch(),
		DockerRegistryUserAgent: "rlc",
		ShortNameMode:           &never,
	}
	if sys.AuthFilePath == "" {
		sys.AuthFilePath = s.variable("REGISTRY_AUTH_FILE")
	}
	if len(r.Auth) > 0 {
		var err error
		if sys.AuthFilePath, err = s.keepAuth(r.Auth); err != nil {
			return nil, err
		}
	}
	if r.TLSVerify != nil {
		sys.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*r.TLSVerify)
		sys.OCIInsecureSkipTLSVerify = !*r.TLSVerify
	}
	if r.Creds != "" {
		user, password, _ := strings.Cut(r.Creds, ":")
		if user == "" {
			return nil, &image.Error{Message: "the credentials have no user name", Remedy: "give them as user:password"}
		}
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: user, Password: password}
	}
	p, err := parsePlatform(r.Platform)
	if err != nil {
		return nil, err
	}
	sys.OSChoice, sys.ArchitectureChoice, sys.VariantChoice = p.os, p.arch, p.variant
	return sys, nil
}

// keepAuth makes credentials readable as a file that exists nowhere but in this process.
func (s *Store) keepAuth(content []byte) (string, error) {
	if s.auth == nil {
		fd, err := unix.MemfdCreate("auth.json", unix.MFD_CLOEXEC)
		if err != nil {
			return "", os.NewSyscallError("memfd_create", err)
		}
		s.auth = os.NewFile(uintptr(fd), "auth.json")
		if _, err := s.auth.Write(content); err != nil {
			return "", fmt.Errorf("keep the credentials: %w", err)
		}
	}
	return fmt.Sprintf("/proc/self/fd/%d", s.auth.Fd()), nil
}

func (s *Store) variable(name string) string {
	for _, variable := range slices.Backward(s.options.Environ) {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}
