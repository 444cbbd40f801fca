package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/fuseoverlay"
	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/monitor"
	"github.com/rlc-containers/rlc/sandbox/ocispec"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// launched is a container whose monitor has its order and waits for the id maps.
type launched struct {
	container *container.Container
	client    *monitor.Client
	mapped    func() error // waits until the id maps are written
	pipes     clientPipes
	terminal  bool
	cidFile   string
}

// discard removes what a failed start may have left; the monitor does the same where it can.
func (l *launched) discard() {
	if leftover, err := l.container.Vanish(); err == nil {
		_ = l.container.Erase(leftover) // the reason of the failure is the message to give
	}
	if l.cidFile != "" {
		_ = os.Remove(l.cidFile) // the id of nothing
	}
}

// draft is what is known about a container before it has a directory.
type draft struct {
	options RunOptions
	image   *image.Image
	plan    idmap.Plan
	host    *container.Container // whose user namespace it enters; nil: one of its own
	join    map[string]string    // namespaces that exist already, by kind

	preserved []*os.File // descriptors of the caller that the workload inherits
}

// launch makes a container and starts its monitor. The monitor process and the id maps
// come up while the bundle is built.
func (e *Engine) launch(ctx context.Context, o RunOptions) (*launched, error) {
	d, err := e.draft(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Replace && o.Request.Name != "" {
		if err := e.removeExisting(ctx, o.Request.Name); err != nil {
			return nil, err
		}
	}
	c, lock, err := e.create(d)
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the monitor has it, or the container is gone
	l := &launched{container: c, terminal: o.Request.Terminal, cidFile: o.Request.CIDFile}
	if err := e.startMonitor(ctx, d, l, lock); err != nil {
		l.discard()
		return nil, err
	}
	if err := e.instruct(ctx, d, l); err != nil {
		_ = l.client.Close() // tells the monitor to give up
		l.discard()
		return nil, err
	}
	return l, nil
}

// draft resolves the image, the namespaces to join and the mapping.
func (e *Engine) draft(ctx context.Context, o RunOptions) (*draft, error) {
	d := &draft{options: o}
	r := o.Request
	var err error
	if d.preserved, err = inherited(r.PreserveFDs); err != nil {
		return nil, err
	}
	if r.Rootfs == "" {
		if d.image, err = e.resolve(ctx, r.Image, o); err != nil {
			return nil, err
		}
		e.checkPlatform(d.image)
	} else if info, err := os.Stat(r.Rootfs); err != nil {
		return nil, fmt.Errorf("use a directory as root: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("use a directory as root: %s is none", r.Rootfs)
	}
	if d.join, d.host, err = e.existing(r); err != nil {
		return nil, err
	}
	if d.host != nil {
		return d, json.Unmarshal(d.host.Record.Plan, &d.plan)
	}
	d.plan, err = e.planFor(ctx, r, d.image)
	e.tellOnce(d.plan.Notes)
	return d, err
}

// checkPlatform tells when an image is for other machines than this one: it may still run,
// where the kernel knows an emulator for it (binfmt_misc).
func (e *Engine) checkPlatform(i *image.Image) {
	if i.Arch == "" || i.Arch == runtime.GOARCH && (i.OS == "" || i.OS == runtime.GOOS) {
		return
	}
	e.Warn(fmt.Sprintf("the image is for %s/%s, this machine is %s/%s", i.OS, i.Arch, runtime.GOOS, runtime.GOARCH))
}

// create makes the container's directories and takes its name.
func (e *Engine) create(d *draft) (*container.Container, *os.File, error) {
	r := d.options.Request
	record := container.Record{ID: container.NewID(), Name: r.Name, Created: time.Now()}
	if err := writeCIDFile(r.CIDFile, record.ID); err != nil {
		return nil, nil, err
	}
	c, lock, err := e.homeFor(d.plan).Create(record)
	if err != nil && r.CIDFile != "" {
		_ = os.Remove(r.CIDFile) // made a moment ago
	}
	return c, lock, err
}

// save completes the container's record and writes it.
func (e *Engine) save(d *draft, c *container.Container, built bundle.Bundle) error {
	r := d.options.Request
	request, err := json.Marshal(r)
	if err != nil {
		return err
	}
	plan, err := json.Marshal(d.plan)
	if err != nil {
		return err
	}
	record := &c.Record
	record.Labels, record.Remove, record.Terminal = r.Labels, r.Remove, r.Terminal
	record.Command, record.StopSignal, record.StopTimeout = built.Spec.Process.Args, int(built.StopSignal), r.StopTimeout
	record.Request, record.Plan, record.Driver = request, plan, e.StorageDriver
	if d.image != nil {
		record.Image = container.Image{ID: d.image.ID, Name: r.Image, Digest: d.image.Digest, Layers: d.image.Layers}
	}
	for _, v := range built.Volumes {
		if err := c.MakeVolume(filepath.Join(e.Data, "volumes"), v.Name); err != nil {
			return fmt.Errorf("make volume %s: %w", v.Name, err)
		}
		if v.Anonymous {
			record.Volumes = append(record.Volumes, v.Name)
		}
	}
	return c.Save()
}

// monitorEnv keeps the runtime of a short start from collecting garbage; the monitor turns
// that on again once the workload runs.
var monitorEnv = [...]string{"GOGC=off", "GOMAXPROCS=1"}

// startMonitor starts the monitor: in a new user namespace, or beside the monitor of the
// container whose namespaces are joined.
func (e *Engine) startMonitor(ctx context.Context, d *draft, l *launched, lock *os.File) error {
	conn, theirs, err := wire.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close() // the monitor's by then
	l.client = monitor.NewClient(conn)
	args := []string{"rlc-monitor", l.container.Record.ID}
	program, err := e.program("rlc-monitor")
	if err != nil {
		return err
	}
	if d.host != nil {
		return e.spawnBeside(d.host, monitor.Spawn{Path: program, Args: args, Env: monitorEnv[:]}, l, theirs, lock)
	}
	start := func() error {
		process, err := userns.Start(ctx, userns.Options{
			Path: program, Args: args, Env: monitorEnv[:], Plan: d.plan,
			Stdio: [3]*os.File{nil, nil, e.Stderr}, Files: []*os.File{theirs, lock}, Session: true,
		})
		if err == nil {
			l.mapped = process.Mapped
		}
		return err
	}
	return e.withHostNamespaces(d, start)
}

// spawnBeside has another container's monitor start this one's.
func (e *Engine) spawnBeside(host *container.Container, s monitor.Spawn, l *launched, files ...*os.File) error {
	other, err := monitor.Dial(host)
	if err != nil {
		return fmt.Errorf("join container %s: %w", shortName(host.Record.Name, host.Record.ID), err)
	}
	defer other.Close() // it has done its part
	l.mapped = func() error { return nil }
	_, err = other.Spawn(s, files...)
	return err
}

// instruct builds the bundle, writes the container's files and gives the monitor its order.
func (e *Engine) instruct(ctx context.Context, d *draft, l *launched) error {
	c := l.container
	built, err := e.build(ctx, d, c)
	if err != nil {
		return err
	}
	for _, note := range built.Notes {
		e.Warn(note)
	}
	if err := errors.Join(c.Write("config.json", ocispec.Format(built.Spec)), e.save(d, c, built)); err != nil {
		return err
	}
	order, err := e.order(ctx, d, c, built)
	if err != nil {
		return err
	}
	files, err := l.openPipes(d.options)
	if err != nil {
		return err
	}
	order.Attach = l.pipes.streams
	err = l.client.Order(order, slices.Concat(files, d.preserved)...)
	closeAll(slices.Concat(files, d.preserved)) // the monitor's by now
	return err
}

// inherited collects the descriptors from 3 on that the workload is to inherit from the
// caller. What rlc opened itself is close-on-exec; what it inherited cannot be.
func inherited(count int) ([]*os.File, error) {
	var files []*os.File
	for fd := 3; fd < 3+count; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
			return nil, fmt.Errorf("preserve %d descriptors: %d is not open", count, fd)
		}
		files = append(files, os.NewFile(uintptr(fd), "preserved"))
	}
	return files, nil
}

// order is what the monitor has to do.
func (e *Engine) order(ctx context.Context, d *draft, c *container.Container, built bundle.Bundle) (monitor.Order, error) {
	r := d.options.Request
	o := monitor.Order{
		ID: c.Record.ID, Name: c.Record.Name, Home: e.home, Remove: r.Remove, Volumes: c.Record.Volumes,
		Driver: e.StorageDriver, FUSE: e.FUSEOverlayfs, Volatile: r.Remove,
		Terminal: r.Terminal, OpenStdin: r.Interactive, Preserve: r.PreserveFDs, Timeout: r.Timeout,
		BecomeRoot: e.Identity.UID == 0 && d.host == nil,
	}
	var err error
	if o.Root, err = e.rootTree(ctx, d, c); err != nil {
		return o, err
	}
	for i, t := range built.Trees {
		if t.Upper != "" {
			if err := c.MakeTree(t.Upper, t.Work); err != nil {
				return o, fmt.Errorf("make the layers of mount %d: %w", i+1, err)
			}
		}
		tree := monitor.Tree{Layers: fuseoverlay.Layers{Lower: t.Lower, Upper: t.Upper, Work: t.Work}}
		if t.Namespace != "" {
			tree = monitor.Tree{Bind: t.Lower[0], Namespace: t.Namespace}
		}
		o.Trees = append(o.Trees, tree)
	}
	for _, ns := range built.Spec.Linux.Namespaces {
		if ns.Type == "mount" || ns.Type == "user" || d.inherited(string(ns.Type)) {
			continue
		}
		o.Namespaces = append(o.Namespaces, monitor.Namespace{Kind: string(ns.Type), Path: ns.Path})
	}
	return o, nil
}

// rootTree makes the directories of the container's root and says how they are stacked.
func (e *Engine) rootTree(ctx context.Context, d *draft, c *container.Container) (monitor.Tree, error) {
	r := d.options.Request
	if d.plan.Shifted {
		return e.shiftedRoot(ctx, d, c)
	}
	if r.Rootfs != "" && !r.RootfsOverlay {
		return monitor.Tree{Bind: r.Rootfs}, nil
	}
	lower := []string{r.Rootfs}
	if d.image != nil {
		lower = d.image.Layers
	}
	if len(lower) == 0 {
		return monitor.Tree{}, errors.New("mount the root: the image has no layers")
	}
	if err := errors.Join(c.Mkdir("upper", 0o755), c.Mkdir("work", 0o700)); err != nil {
		return monitor.Tree{}, err
	}
	return monitor.Tree{Layers: fuseoverlay.Layers{Lower: lower, Upper: filepath.Join(c.Dir, "upper"), Work: filepath.Join(c.Dir, "work")}}, nil
}

// shiftedRoot copies the root file system with the owners that the mapping needs.
func (e *Engine) shiftedRoot(ctx context.Context, d *draft, c *container.Container) (monitor.Tree, error) {
	if d.image == nil {
		return monitor.Tree{}, errors.New("use a directory as root: its files keep their owners, which this id mapping does not have")
	}
	e.Warn("copying the image: this id mapping needs files of other owners than the image store has")
	root := filepath.Join(c.Dir, "root")
	if err := c.Mkdir("root", 0o755); err != nil {
		return monitor.Tree{}, err
	}
	store, err := e.storePlan(ctx)
	if err != nil {
		return monitor.Tree{}, err
	}
	req := image.Request{
		Verb: image.VerbFlatten, Name: d.image.ID, Output: root,
		UIDShift: shift(d.plan.UID, store.UID), GIDShift: shift(d.plan.GID, store.GID),
	}
	return monitor.Tree{Bind: root}, e.Image(ctx, req, nil)
}

// shift says, for the ids of a container, which ids of the store's user namespace are the
// same ones of the host.
func shift(to, store idmap.Map) idmap.Map {
	var m idmap.Map
	for _, line := range to {
		for done := uint32(0); done < line.Count; {
			outside := line.Outside + done
			inside, ok := store.ToInside(outside)
			run := uint32(1)
			for ok && done+run < line.Count {
				next, mapped := store.ToInside(outside + run)
				if !mapped || next != inside+run {
					break
				}
				run++
			}
			if ok {
				m = append(m, idmap.Extent{Inside: line.Inside + done, Outside: inside, Count: run})
			}
			done += run
		}
	}
	return m
}
