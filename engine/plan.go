package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
)

// plan makes the mapping that a request asks for out of what this machine grants.
func (e *Engine) plan(ctx context.Context, r idmap.Request) (idmap.Plan, error) {
	facts, err := idmap.Load(ctx, e.Identity)
	if err != nil {
		return idmap.Plan{}, err
	}
	return idmap.New(r, e.Identity, facts)
}

// planFor makes the mapping of a container. Without subordinate ids the only id that there
// is must be the one that the workload runs as, so that one is looked up first.
func (e *Engine) planFor(ctx context.Context, r bundle.Request, img *image.Image) (idmap.Plan, error) {
	request, err := idmap.ParseRequest(r.Userns, r.UIDMap, r.GIDMap)
	if err != nil {
		return idmap.Plan{}, err
	}
	facts, err := idmap.Load(ctx, e.Identity)
	if err != nil {
		return idmap.Plan{}, err
	}
	plan, err := idmap.New(request, e.Identity, facts)
	if err != nil || !plan.Single || request.Mode == idmap.KeepID {
		return plan, err
	}
	user, layers := r.User, []string{r.Rootfs}
	if img != nil {
		layers = img.Layers
		if user == "" {
			user = img.Config.User
		}
	}
	if user == "" {
		return plan, nil
	}
	request.SingleUID, request.SingleGID = singleIDs(user, layers)
	return idmap.New(request, e.Identity, facts)
}

// singleIDs returns the ids of a user as an image knows it: name|uid[:group|gid]. What the
// image does not know stays 0; init then says so, with the container's own files at hand.
func singleIDs(user string, layers []string) (uid, gid uint32) {
	name, group, grouped := strings.Cut(user, ":")
	uid, gid, known := lookUp(layers, "etc/passwd", name)
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && !known {
		uid = uint32(n)
	}
	if !grouped {
		return uid, gid
	}
	if n, err := strconv.ParseUint(group, 10, 32); err == nil {
		return uid, uint32(n)
	}
	gid, _, _ = lookUp(layers, "etc/group", group)
	return uid, gid
}

// lookUp finds the third and fourth field of an entry of passwd(5) or group(5), named by
// its name or its id, in the uppermost layer that has the file.
func lookUp(layers []string, file, entry string) (id, next uint32, found bool) {
	for _, dir := range layers {
		data, err := readInRoot(dir, file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if len(f) < 3 || f[0] != entry && f[2] != entry {
				continue
			}
			n, err := strconv.ParseUint(f[2], 10, 32)
			if err != nil {
				continue
			}
			if len(f) > 3 {
				g, _ := strconv.ParseUint(f[3], 10, 32) // a group's members are no number
				next = uint32(g)
			}
			return uint32(n), next, true
		}
		return 0, 0, false
	}
	return 0, 0, false
}

// readInRoot reads a small file below a directory without leaving it through symlinks.
func readInRoot(dir, unsafePath string) ([]byte, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(root) // no data in it
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(root, unsafePath, how)
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: unsafePath, Err: err}
	}
	f := os.NewFile(uintptr(fd), unsafePath)
	defer f.Close() // read-only
	const limit = 1 << 20
	data := make([]byte, limit)
	n, err := f.Read(data)
	if n > 0 {
		return data[:n], nil
	}
	return nil, err
}

// tellOnce warns of something that stays as it is on this machine, the first time only.
func (e *Engine) tellOnce(notes []string) {
	for _, note := range notes {
		sum := sha256.Sum256([]byte(note))
		marker := filepath.Join(e.Data, "told", hex.EncodeToString(sum[:8]))
		if _, err := os.Lstat(marker); err == nil {
			continue
		}
		e.Warn(note)
		if os.MkdirAll(filepath.Dir(marker), 0o700) == nil {
			_ = os.WriteFile(marker, []byte(note+"\n"), 0o600) // it is told again next time
		}
	}
}
