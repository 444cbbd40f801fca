package main

import (
	"context"
	"strings"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/engine"
	"github.com/rlc-containers/rlc/image"
)

// RunCmd makes a container and starts a program in it.
type RunCmd struct {
	StreamFlags
	ContainerFlags
	ProcessFlags
	EnvFlags
	FilesFlags
	SecurityFlags
	NamespaceFlags
	NetworkFlags
	ImageFlags
	RegistryFlags
	Args []string `arg:"IMAGE" count:"1+" complete:"image"`
}

func runCommand() command {
	return command{
		names:   []string{"run", "container run"},
		usage:   "[options] IMAGE [COMMAND [ARG...]]",
		summary: "Run a command in a new container",
		about: `Makes a container from an image, pulls the image if it is not there, runs a command in
the container and ends with the command's exit code. All that follows IMAGE belongs to the
container.`,
		examples: []string{
			"run --rm docker.io/library/alpine echo hello",
			"run --rm -it -v ~/data:/data docker.io/library/debian bash",
			"run -d --name web --network host docker.io/library/nginx",
			"run --rm --userns keep-id -v .:/work -w /work docker.io/library/gcc make",
		},
		strict: true,
		flags:  new(RunCmd),
	}
}

// Run starts the container and, unless detached, stays with it until its end.
func (c *RunCmd) Run(ctx context.Context, a *app) error {
	conf, err := a.containersConf()
	if err != nil {
		return err
	}
	o, err := c.options(a, conf)
	if err != nil {
		return err
	}
	a.quiet = c.Quiet
	e, err := a.engine()
	if err != nil {
		return err
	}
	code, err := e.Run(ctx, o)
	if err != nil {
		return err
	}
	return status(code)
}

// options translates the flags, with the defaults of containers.conf beneath them.
func (c *RunCmd) options(a *app, conf *containersConf) (engine.RunOptions, error) {
	r := bundle.Request{Image: c.Args[0], Args: c.Args[1:]}
	if len(r.Args) == 0 {
		r.Args = nil
	}
	groups := []func(*app, *bundle.Request) error{
		c.ContainerFlags.apply, c.ProcessFlags.apply, c.FilesFlags.apply, c.SecurityFlags.apply,
		c.NamespaceFlags.apply, c.NetworkFlags.apply, c.ImageFlags.apply,
	}
	for _, apply := range groups {
		if err := apply(a, &r); err != nil {
			return engine.RunOptions{}, err
		}
	}
	if err := c.check(&r); err != nil {
		return engine.RunOptions{}, err
	}
	var err error
	if r.Env, err = c.environ(a, conf); err != nil {
		return engine.RunOptions{}, err
	}
	r.UnsetEnv, r.UnsetEnvAll = c.UnsetEnv, c.UnsetEnvAll
	if err := conf.apply(&r); err != nil {
		return engine.RunOptions{}, err
	}
	o := engine.RunOptions{Request: r, Replace: c.Replace, Quiet: c.Quiet}
	o.Image = image.Request{Quiet: c.Quiet}
	c.RegistryFlags.apply(a, &o.Image)
	if err := c.StreamFlags.apply(a, &o); err != nil {
		return engine.RunOptions{}, err
	}
	if o.DetachKeys == "" {
		o.DetachKeys = conf.Engine.DetachKeys
	}
	return o, nil
}

// check refuses flags that contradict each other.
func (c *RunCmd) check(r *bundle.Request) error {
	switch {
	case c.Replace && r.Name == "":
		return &usageError{message: "--replace needs --name: there is nothing to replace otherwise"}
	case r.Rootfs != "" && (r.Pull != "" || r.Platform != ""):
		return &usageError{message: "--rootfs takes a directory: --pull, --platform and their like need an image"}
	}
	return nil
}

// StreamFlags connect the caller with the command's standard streams.
type StreamFlags struct {
	Detach      bool     `name:"detach" short:"d" help:"Run in the background and print the container's id"`
	Interactive bool     `name:"interactive" short:"i" help:"Keep standard input open"`
	TTY         bool     `name:"tty" short:"t" help:"Give the command a terminal"`
	Attach      []string `name:"attach" short:"a" sep:"," placeholder:"STREAM" help:"Connect only with these: stdin, stdout, stderr"`
	SigProxy    *bool    `name:"sig-proxy" help:"Pass signals on to the command (default true)"`
	DetachKeys  string   `name:"detach-keys" placeholder:"KEYS" help:"Keys that leave the container running (default ctrl-p,ctrl-q)"`
}

func (f *StreamFlags) apply(_ *app, o *engine.RunOptions) error {
	o.Request.Interactive, o.Request.Terminal = f.Interactive, f.TTY
	o.Detach, o.DetachKeys = f.Detach, f.DetachKeys
	o.NoSigProxy = f.SigProxy != nil && !*f.SigProxy
	if f.Detach && len(f.Attach) > 0 {
		return &usageError{message: "--detach and --attach contradict each other"}
	}
	if f.Detach {
		return nil
	}
	if len(f.Attach) == 0 {
		o.AttachStdin, o.AttachStdout, o.AttachStderr = f.Interactive, true, true
		return nil
	}
	for _, stream := range f.Attach {
		switch strings.ToLower(stream) {
		case "stdin":
			o.AttachStdin = true
		case "stdout":
			o.AttachStdout = true
		case "stderr":
			o.AttachStderr = true
		default:
			return &usageError{message: "--attach: unknown stream " + stream, hint: "streams are stdin, stdout and stderr"}
		}
	}
	return nil
}
