package bundle

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// chooseCommand sets the arguments and the working directory. An entrypoint on the command
// line, even an empty one, drops the image's command along with its entrypoint.
func (b *builder) chooseCommand() error {
	entrypoint, command := b.config.Entrypoint, b.req.Args
	if b.req.SetEntrypoint {
		entrypoint = b.req.Entrypoint
	} else if len(command) == 0 {
		command = b.config.Cmd
	}
	if slices.Equal(entrypoint, []string{""}) {
		entrypoint = nil
	}
	args := slices.Concat(entrypoint, command)
	if len(args) == 0 {
		return &WishError{
			Message: "no command specified",
			Remedy:  "the image names none: write one after the image, such as `rlc run -it IMAGE sh`",
		}
	}
	b.Spec.Process.Args = args
	return b.chooseWorkdir()
}

func (b *builder) chooseWorkdir() error {
	dir := b.req.Workdir
	if dir != "" && !path.IsAbs(dir) {
		return refuse("--workdir", dir, "write a path that begins with /", "not an absolute path")
	}
	if dir == "" {
		dir = b.config.WorkingDir
	}
	b.Spec.Process.Cwd = path.Join("/", dir)
	return nil
}

// chooseStop decides which signal asks the workload to end.
func (b *builder) chooseStop() error {
	b.StopSignal = syscall.SIGTERM
	if t := b.req.StopTimeout; t != nil && *t < -1 {
		return refuse("--stop-timeout", strconv.Itoa(*t), "write seconds; -1 waits for ever", "less than no time")
	}
	if b.req.StopSignal != "" {
		s, err := ParseSignal(b.req.StopSignal)
		if err != nil {
			return err
		}
		b.StopSignal = s
		return nil
	}
	if b.config.StopSignal == "" {
		return nil
	}
	s, err := ParseSignal(b.config.StopSignal)
	if err != nil {
		b.note("the image's stop signal " + strconv.Quote(b.config.StopSignal) + " is unknown: SIGTERM is used")
		return nil
	}
	b.StopSignal = s
	return nil
}

// checkText finds what execve(2) cannot pass on: an image can hold any text.
func (b *builder) checkText() error {
	p := b.Spec.Process
	for _, text := range slices.Concat(p.Args, p.Env, []string{p.Cwd}) {
		if strings.Contains(text, "\x00") {
			return &WishError{Message: "an argument, variable or working directory contains a zero byte: " + strconv.Quote(text)}
		}
	}
	return nil
}
