package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contender is one way to run `true` in a container. A word "@ID@" of its commands becomes a name never used before.
type contender struct {
	name   string
	run    []string // one container, to its end
	detach []string // memory: a container that sleeps, in the background; empty: run it with sleep and leave it
	remove []string // memory: ends it
	engine bool     // has images
}

// sleeper is the payload of idle containers: the odd number tells them from other sleeps.
const sleeper = "86399"

// enter finds out who takes part, and gives the engines their images.
func (b *bench) enter(ctx context.Context) error {
	for _, c := range b.candidates() {
		if !b.only.MatchString(c.name) {
			continue
		}
		program := c.run[0]
		if _, err := exec.LookPath(program); err != nil {
			fmt.Printf("LEFT OUT: %s: no program %s\n", c.name, program)
			continue
		}
		if err := b.tryOut(ctx, c); err != nil {
			fmt.Printf("LEFT OUT: %s: %v\n", c.name, err)
			continue
		}
		b.contenders = append(b.contenders, c)
	}
	if len(b.contenders) == 0 {
		return errors.New("nobody takes part")
	}
	return nil
}

func (b *bench) tryOut(ctx context.Context, c contender) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.engine {
		for _, n := range []int{1, 20, 60} {
			if err := b.do(c.run[0], "load", "-q", "-i", b.archiveOf(b.image(n))); err != nil {
				return err
			}
		}
	}
	return b.do(b.instance(c.run)...)
}

// instance gives a command its container name.
func (b *bench) instance(argv []string) []string {
	out := make([]string, len(argv))
	id := b.name()
	for i, word := range argv {
		out[i] = strings.ReplaceAll(word, "@ID@", id)
	}
	return out
}

func (b *bench) candidates() []contender {
	root := b.at("rootfs")
	bwrap := []string{"bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"}
	all := []contender{
		{name: "fork+exec", run: []string{"/bin/true"}},
		{name: "floor", run: []string{b.programs + "/floor", "run", root, "/bin/busybox", "true"}},
		{name: "bwrap", run: append(bwrap, "true")},
	}
	for _, runtime := range []string{"crun", "runc"} {
		bundle, err := b.bundle(runtime, "/bin/true")
		sleeping, err2 := b.bundle(runtime+"-sleep", "/bin/sleep", sleeper)
		if err := errors.Join(err, err2); err != nil {
			fmt.Printf("LEFT OUT: %s: %v\n", runtime, err)
			continue
		}
		command := []string{runtime, "--root", filepath.Join(b.runtime, runtime)}
		if runtime == "crun" {
			command = append(command, "--cgroup-manager=disabled")
		}
		with := func(words ...string) []string { return append(append([]string(nil), command...), words...) }
		all = append(all, contender{
			name:   runtime,
			run:    with("run", "-b", bundle, "@ID@"),
			detach: with("run", "-d", "-b", sleeping, "@ID@"),
			remove: with("delete", "-f", "@ID@"),
		})
	}
	if b.rlc != "" {
		all = append(all, b.engine("rlc", b.rlc))
	} else {
		fmt.Println("LEFT OUT: rlc: it is not built")
	}
	return append(all, b.engine("podman", "podman"))
}

// engine is a contender with Docker's command line.
func (b *bench) engine(name, program string) contender {
	return contender{
		name:   name,
		run:    []string{program, "run", "--rm", "--network", "none", b.image(1), "true"},
		detach: []string{program, "run", "-d", "--rm", "--name", "@ID@", "--network", "none", b.image(1), "sleep", sleeper},
		remove: []string{program, "rm", "-f", "@ID@"},
		engine: true,
	}
}

// bundle makes an OCI bundle of the root file system: all namespaces, all ids, no seccomp filter.
func (b *bench) bundle(name string, args ...string) (string, error) {
	uids, err := b.mappings("/etc/subuid", b.uid)
	if err != nil {
		return "", err
	}
	gids, err := b.mappings("/etc/subgid", b.gid)
	if err != nil {
		return "", err
	}
	type object = map[string]any
	mount := func(to, kind string, options ...string) object {
		return object{"destination": to, "type": kind, "source": kind, "options": options}
	}
	capabilities := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"}
	var namespaces []object
	for _, kind := range []string{"user", "mount", "pid", "network", "ipc", "uts", "cgroup"} {
		namespaces = append(namespaces, object{"type": kind})
	}
	config, err := json.Marshal(object{
		"ociVersion": "1.0.2",
		"hostname":   "bench",
		"root":       object{"path": b.at("rootfs"), "readonly": true},
		"process": object{
			"user": object{"uid": 0, "gid": 0}, "args": args, "cwd": "/", "env": []string{"PATH=/bin"}, "noNewPrivileges": true,
			"capabilities": object{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"mounts": []object{
			mount("/proc", "proc", "nosuid", "noexec", "nodev"),
			mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
			mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
			mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
			mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		},
		"linux": object{
			"uidMappings": uids, "gidMappings": gids, "namespaces": namespaces,
			"maskedPaths":   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	})
	if err != nil {
		return "", err
	}
	dir := "bundle-" + name
	if err := b.mkdir(dir); err != nil {
		return "", err
	}
	return b.at(dir), os.WriteFile(b.at(dir+"/config.json"), config, 0o644)
}

// mappings is the user's own id as 0, and the first range of subordinate ids from 1 on.
func (b *bench) mappings(file string, own int) ([]map[string]int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var start, count int
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), b.login+":")
		if !ok {
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d:%d", &start, &count); err == nil {
			return []map[string]int{
				{"containerID": 0, "hostID": own, "size": 1},
				{"containerID": 1, "hostID": start, "size": count},
			}, nil
		}
	}
	return nil, fmt.Errorf("no ids for %s in %s", b.login, file)
}
