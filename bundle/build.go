package bundle

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/sandbox"
)

// Build turns a request into a bundle. Errors are of type *WishError, or those of the
// functions in Inputs. Equal arguments give equal bundles; neither is kept or changed.
func Build(req Request, in Inputs) (Bundle, error) {
	b := newBuilder(&req, &in)
	for _, step := range []func() error{
		b.checkRequest,
		b.chooseNamespaces,
		b.chooseCommand,
		b.chooseUser,
		b.chooseEnvironment,
		b.chooseSecurity,
		b.chooseStop,
		b.limit,
		b.tune,
		b.mount,
		b.generateFiles,
		b.checkText,
	} {
		if err := step(); err != nil {
			return Bundle{}, err
		}
	}
	return b.Bundle, nil
}

// builder is the state of one Build: the bundle as far as it is made, and what the steps
// have found out for each other.
type builder struct {
	Bundle
	req      *Request
	in       *Inputs
	config   image.Config // of the image; zero with --rootfs
	user     user
	space    map[kind]namespace
	security security
}

func newBuilder(req *Request, in *Inputs) *builder {
	b := &builder{req: req, in: in}
	if in.Image != nil {
		b.config = in.Image.Config
	}
	b.Spec = &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs", Readonly: req.ReadOnly},
		Process: &specs.Process{Terminal: req.Terminal, OOMScoreAdj: req.OOMScoreAdj},
		Linux:   &specs.Linux{},
	}
	return b
}

func (b *builder) note(text string) { b.Notes = append(b.Notes, text) }

func (b *builder) annotate(key, value string) {
	if b.Spec.Annotations == nil {
		b.Spec.Annotations = map[string]string{}
	}
	b.Spec.Annotations[key] = value
}

// reservedAnnotations is how the names of sandbox's own annotations begin.
const reservedAnnotations = "io.rlc."

// checkRequest looks after what belongs to no other step.
func (b *builder) checkRequest() error {
	r := b.req
	switch {
	case r.Rootfs == "" && b.in.Image == nil:
		return &WishError{Message: "neither an image nor --rootfs is given", Remedy: "name an image: rlc run docker.io/library/alpine"}
	case r.Rootfs != "" && b.in.Image != nil:
		return conflict("--rootfs "+r.Rootfs, "an image", "a container has one root file system", "leave one of them out")
	case r.PreserveFDs < 0:
		return refuse("--preserve-fds", strconv.Itoa(r.PreserveFDs), "", "less than none")
	}
	for key, value := range r.Annotations {
		if key == "" || strings.HasPrefix(key, reservedAnnotations) {
			return refuse("--annotation", key+"="+value, "names that begin with "+reservedAnnotations+" are rlc's own", "not a name to give")
		}
		b.annotate(key, value)
	}
	if _, nameless := r.Labels[""]; nameless {
		return refuse("--label", "="+r.Labels[""], "write NAME=VALUE", "no name")
	}
	if r.Init {
		b.annotate(sandbox.AnnotationInit, "true")
	}
	if r.PreserveFDs > 0 {
		b.annotate(sandbox.AnnotationPreserveFDs, strconv.Itoa(r.PreserveFDs))
	}
	if _, root := b.in.Plan.UID.ToOutside(0); root && b.in.Plan.Single {
		b.annotate(sandbox.AnnotationEmulate, "true") // nobody else expects to succeed
	}
	return b.chooseOOMScore()
}

// chooseOOMScore raises a wish for less than the caller's own score to that: only root of
// the host may go below; see proc_pid_oom_score_adj(5).
func (b *builder) chooseOOMScore() error {
	wish := b.req.OOMScoreAdj
	if wish == nil {
		return nil
	}
	if *wish < -1000 || *wish > 1000 {
		return refuse("--oom-score-adj", strconv.Itoa(*wish), "", "not between -1000 and 1000")
	}
	if own := b.in.HostOOMScoreAdj; *wish < own {
		b.note("--oom-score-adj " + strconv.Itoa(*wish) + ": raised to " + strconv.Itoa(own) + ", your own, which only root can lower")
		b.Spec.Process.OOMScoreAdj = &own
	}
	return nil
}

// chooseSecurity sets what the workload may do. The capabilities come first, because rules
// of the seccomp profile depend on them.
func (b *builder) chooseSecurity() error {
	granted, err := grantCapabilities(b.req)
	if err != nil {
		return err
	}
	held, kept := granted.bounding, []string(nil)
	if !b.user.isRoot() {
		held, kept = granted.added, granted.added
	}
	process := b.Spec.Process
	process.Capabilities = &specs.LinuxCapabilities{
		Bounding: granted.bounding, Permitted: held, Effective: held, Inheritable: kept, Ambient: kept,
	}
	if b.security, err = parseSecurity(b.req.SecurityOpts); err != nil {
		return err
	}
	b.Notes = append(b.Notes, b.security.notes()...)
	process.NoNewPrivileges = b.security.noNewPrivileges
	umask, err := parseUmask(b.req.Umask)
	if err != nil {
		return err
	}
	process.User.Umask = &umask
	b.restrictPaths()
	return b.confine()
}
