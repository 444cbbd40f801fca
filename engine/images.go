package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// Image runs one verb of rlc-image and decodes what it answers into result, unless that is
// nil; a removal answers with what it did even when it fails in part. The request's Store
// and, to remove, InUse are filled in here. Notes go to Warn, progress to Stderr. A failure
// inside is an *image.Error.
func (e *Engine) Image(ctx context.Context, req image.Request, result any) error {
	program, err := e.program("rlc-image")
	if err != nil {
		return err
	}
	plan, err := e.storePlan(ctx)
	if err != nil {
		return err
	}
	if err := e.prepareStore(plan); err != nil {
		return err
	}
	req.Store = e.store()
	req.Store.Single = plan.Single
	if e.Identity.UID == 0 {
		e.lendCredentials(&req)
	}
	if req.Verb == image.VerbRemove {
		if req.InUse, err = e.uses(); err != nil {
			return err
		}
	}
	conn, theirs, err := wire.Pair()
	if err != nil {
		return err
	}
	defer conn.Close() // the answer has come, or nobody is there
	process, err := userns.Start(ctx, userns.Options{
		Path: program, Args: []string{"rlc-image", string(req.Verb)}, Env: e.imageEnv(),
		Stdio: [3]*os.File{nil, nil, e.Stderr}, Files: []*os.File{theirs}, Plan: plan,
	})
	_ = theirs.Close() // the child's by now
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = process.Signal(syscall.SIGINT) })
	defer stop()
	if err = e.converse(process, conn, req, result); err != nil {
		_ = conn.Close() // it may still wait for the request
	}
	_, werr := process.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, werr)
}

// converse sends the request and reads the answers up to the last one.
func (e *Engine) converse(process *userns.Process, conn *wire.Conn, req image.Request, result any) error {
	if err := process.Mapped(); err != nil {
		return err
	}
	if err := e.sendRequest(conn, req); err != nil {
		return err
	}
	for {
		var r image.Reply
		if _, err := conn.Receive(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("rlc-image ended without an answer: %w", err)
			}
			return fmt.Errorf("speak with rlc-image: %w", err)
		}
		if r.Note != "" {
			e.Warn(r.Note)
			continue
		}
		if result != nil && len(r.Result) > 0 {
			if err := json.Unmarshal(r.Result, result); err != nil {
				return fmt.Errorf("read the answer of rlc-image: %w", err)
			}
		}
		if r.Error != nil {
			return &Error{Err: r.Error, Code: exitCode(r.Error.Code)}
		}
		return nil
	}
}

// sendRequest sends a request, beside it what is to be loaded: opened here, because the ids
// that rlc-image has may not be allowed to.
func (e *Engine) sendRequest(conn *wire.Conn, req image.Request) error {
	var input []*os.File
	if req.Verb == image.VerbLoad {
		f := e.Stdin
		if req.Input != "" {
			var err error
			if f, err = os.Open(req.Input); err != nil {
				return err
			}
			defer f.Close() // read-only
		}
		if info, err := f.Stat(); err != nil || !info.IsDir() {
			input = []*os.File{f}
		}
	}
	if err := conn.Send(req, input...); err != nil {
		return fmt.Errorf("speak with rlc-image: %w", err)
	}
	return nil
}

func exitCode(code int) int {
	if code == 0 {
		return 125
	}
	return code
}

// store says where images lie. Stores of other tools count once they hold an image.
func (e *Engine) store() image.Store {
	s := image.Store{
		Root:  filepath.Join(e.Data, "storage"),
		Run:   filepath.Join(e.Runtime, "storage"),
		Cache: filepath.Join(e.Data, "resolved"),
	}
	for _, root := range e.PodmanStores {
		if _, err := os.Stat(filepath.Join(root, "overlay-images", "images.json")); err == nil {
			s.Additional = append(s.Additional, root)
		}
	}
	return s
}

// makeStore makes the directories that rlc-image writes to and gives them to the owner of
// the store's files, whom rlc-image works as. Nobody else may look into them: a setuid file
// of an image is, on the host, one of the person's own.
func (e *Engine) makeStore(plan idmap.Plan) error {
	home := e.homeFor(plan)
	if err := home.Prepare(); err != nil {
		return err
	}
	s := e.store()
	for _, dir := range []string{s.Root, s.Run, s.Cache} {
		if err := home.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return e.checkReachable()
}

// prepareStore makes ready what rlc-image needs of the machine.
func (e *Engine) prepareStore(plan idmap.Plan) error {
	if err := e.makeStore(plan); err != nil {
		return fmt.Errorf("make the image store: %w", err)
	}
	if e.Identity.UID != 0 {
		return nil
	}
	if err := e.lendConfig(plan); err != nil {
		return fmt.Errorf("lend root's configuration: %w", err)
	}
	return nil
}

// resolve finds the image that a container is to be made of: from the cache if that will
// do, else by rlc-image, which pulls as the policy says.
func (e *Engine) resolve(ctx context.Context, name string, o RunOptions) (*image.Image, error) {
	req := o.Image
	req.Verb, req.Name, req.Pull, req.Platform = image.VerbResolve, name, o.Request.Pull, o.Request.Platform
	req.Quiet = req.Quiet || o.Quiet
	if e.Identity.UID == 0 { // what the cache remembers depends on the configuration that is lent
		plan, err := e.storePlan(ctx)
		if err != nil {
			return nil, err
		}
		if err := e.prepareStore(plan); err != nil {
			return nil, err
		}
	}
	if req.Pull == "" || req.Pull == "missing" || req.Pull == "never" {
		if found, ok := e.cached(name, req.Platform); ok {
			return &found, nil
		}
	}
	var found image.Image
	if err := e.Image(ctx, req, &found); err != nil {
		return nil, err
	}
	return &found, nil
}

// cached looks for an image in the cache that rlc-image fills.
func (e *Engine) cached(name, platform string) (image.Image, bool) {
	s := e.store()
	return image.NewCache(s.Cache, e.imageEnv()).Lookup(name, platform, append([]string{s.Root}, s.Additional...))
}

// uses lists the images that containers were made of.
func (e *Engine) uses() ([]image.Use, error) {
	containers, err := e.home.List()
	if err != nil {
		return nil, err
	}
	var uses []image.Use
	for _, c := range containers {
		status, err := c.Status()
		if c.Record.Image.ID == "" {
			continue
		}
		uses = append(uses, image.Use{ImageID: c.Record.Image.ID, Container: c.Record.Name, Running: err == nil && status.Pid != 0})
	}
	return uses, nil
}
