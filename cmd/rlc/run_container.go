package main

import (
	"github.com/rlc-containers/rlc/bundle"
)

// ContainerFlags name a container and say how it ends.
type ContainerFlags struct {
	Name        string   `name:"name" help:"Name the container; otherwise it gets a name made up"`
	Replace     bool     `name:"replace" help:"Remove a container of the same name first"`
	Rm          bool     `name:"rm" help:"Remove the container when it ends"`
	Label       []string `name:"label" short:"l" sep:"none" placeholder:"KEY=VALUE" help:"Label the container"`
	LabelFile   []string `name:"label-file" sep:"none" placeholder:"FILE" complete:"file" help:"Read labels from a file, one a line"`
	Annotation  []string `name:"annotation" sep:"none" placeholder:"KEY=VALUE" help:"Add an annotation to the OCI specification"`
	CIDFile     string   `name:"cidfile" placeholder:"FILE" complete:"file" help:"Write the container's id to a new file"`
	PIDFile     string   `name:"pidfile" placeholder:"FILE" complete:"file" help:"Write the process id of the command on the host to a file"`
	StopSignal  string   `name:"stop-signal" placeholder:"SIGNAL" help:"Signal that asks the command to end (default SIGTERM)"`
	StopTimeout *int     `name:"stop-timeout" placeholder:"SECONDS" help:"Time it gets before it is killed; -1 waits forever (default 10)"`
	Timeout     uint     `name:"timeout" placeholder:"SECONDS" help:"Kill the container after this time"`
}

func (f *ContainerFlags) apply(a *app, r *bundle.Request) error {
	if f.StopTimeout != nil && *f.StopTimeout < -1 {
		return &usageError{message: "--stop-timeout: a time cannot be negative", hint: "-1 waits forever"}
	}
	r.Name, r.Remove = f.Name, f.Rm
	r.StopSignal, r.StopTimeout, r.Timeout = f.StopSignal, f.StopTimeout, f.Timeout
	labels, err := readPairs(a, f.LabelFile, nil)
	if err != nil {
		return err
	}
	if r.Labels, err = pairs("--label", append(labels, f.Label...)); err != nil {
		return err
	}
	if r.Annotations, err = pairs("--annotation", f.Annotation); err != nil {
		return err
	}
	if r.CIDFile, err = a.absolute(f.CIDFile); err != nil {
		return err
	}
	r.PIDFile, err = a.absolute(f.PIDFile)
	return err
}

// ProcessFlags describe the command that runs in the container.
type ProcessFlags struct {
	Entrypoint  *string  `name:"entrypoint" placeholder:"PROGRAM" help:"Run this instead of the image's entrypoint: a program, or a JSON array of words; empty for none"`
	Workdir     string   `name:"workdir" short:"w" placeholder:"DIR" help:"Working directory in the container; made if it is missing"`
	User        string   `name:"user" short:"u" placeholder:"USER[:GROUP]" help:"User of the command, and its group, by name or id"`
	GroupAdd    []string `name:"group-add" sep:"," placeholder:"GROUP" help:"Further groups of the command; keep-groups: all of yours"`
	Umask       string   `name:"umask" placeholder:"MODE" help:"File mode creation mask (default 0022)"`
	Init        bool     `name:"init" help:"Start the command below a small init that reaps processes"`
	Ulimit      []string `name:"ulimit" sep:"none" placeholder:"NAME=SOFT[:HARD]" help:"Limit a resource; host: your own limits"`
	OOMScoreAdj *int     `name:"oom-score-adj" placeholder:"SCORE" help:"How soon the kernel kills it for memory, -1000 to 1000"`
	TZ          string   `name:"tz" placeholder:"ZONE" help:"Time zone, as Area/City, or local"`
	PreserveFDs uint     `name:"preserve-fds" placeholder:"N" help:"Hand N further open files on, from descriptor 3"`
	Hostname    string   `name:"hostname" short:"h" placeholder:"NAME" help:"Host name in the container"`
	Domainname  string   `name:"domainname" placeholder:"NAME" help:"NIS domain name in the container"`
}

// mostFDs is how many descriptors can be handed on; the kernel passes no more at once.
const mostFDs = 240

func (f *ProcessFlags) apply(_ *app, r *bundle.Request) error {
	if f.PreserveFDs > mostFDs {
		return &usageError{message: "--preserve-fds: at most 240 files can be handed on"}
	}
	var err error
	if f.Entrypoint != nil {
		r.SetEntrypoint = true
		if r.Entrypoint, err = words("--entrypoint", *f.Entrypoint); err != nil {
			return err
		}
	}
	r.Workdir, r.User, r.Groups, r.Umask, r.Init = f.Workdir, f.User, f.GroupAdd, f.Umask, f.Init
	r.Ulimits, r.OOMScoreAdj, r.Timezone, r.PreserveFDs = f.Ulimit, f.OOMScoreAdj, f.TZ, int(f.PreserveFDs)
	r.Hostname, r.Domainname = f.Hostname, f.Domainname
	return nil
}
