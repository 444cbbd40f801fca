package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// expect is what a container should come to. Lines of its output are compared one by one.
type expect struct {
	code    int
	out     string // all of standard output, without surrounding white space
	refused string // Stage: Cause, when there is no workload
	hint    string // a part of the hint then
}

func check(t *testing.T, got outcome, want expect) {
	t.Helper()
	refused, hint := "", ""
	if got.Refused != nil {
		refused, hint = got.Refused.Stage+": "+got.Refused.Cause, got.Refused.Hint
	}
	if refused != want.refused || !strings.Contains(hint, want.hint) {
		t.Errorf("refused with %q, hint %q; want %q, %q", refused, hint, want.refused, want.hint)
	}
	if got.Code != want.code {
		t.Errorf("exit code %d, want %d", got.Code, want.code)
	}
	if out := strings.ReplaceAll(strings.TrimSpace(got.Out), "\r", ""); out != strings.TrimSpace(want.out) {
		t.Errorf("output:\n%s\nwant:\n%s\nstandard error: %s", out, strings.TrimSpace(want.out), got.Err)
	}
}

// run performs a test case: a script, a change to the ordinary job, and what should come of it.
func run(t *testing.T, ids mapping, script string, change func(t *testing.T, j *job), want expect) {
	t.Helper()
	j := newJob(t, script)
	if change != nil {
		change(t, &j)
	}
	check(t, perform(t, ids, j), want)
	if ids == severalIDs { // the test itself may not remove what belongs to a subordinate id
		j.Spec = newJob(t, "chown -R 0:0 /").Spec
		j.Spec.Mounts, j.Preserve, j.Stdin = nil, 0, ""
		check(t, perform(t, ids, j), expect{})
	}
}

func annotate(key, value string) func(*testing.T, *job) {
	return func(_ *testing.T, j *job) { j.Spec.Annotations[key] = value }
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ids    mapping
		script string
		change func(*testing.T, *job)
		want   expect
	}{
		{name: "exit code", script: "exit 7", want: expect{code: 7}},
		{name: "killed", script: "kill -9 $$; echo survived", want: expect{out: "survived"}}, // process 1 of its namespace
		{name: "pid, host name and environment", script: "echo $$ $(hostname); env | grep -v -e PWD -e SHLVL",
			want: expect{out: "1 box\nHOME=/root\nA=b\nPATH=/bin"}},
		{name: "kernel file systems", script: "cat /proc/mounts | while read a b c d; do echo $a $b $c; done | grep -v ext4",
			want: expect{out: `proc /proc proc
tmpfs /dev tmpfs
devtmpfs /dev/null devtmpfs
devtmpfs /dev/zero devtmpfs
devtmpfs /dev/full devtmpfs
devtmpfs /dev/random devtmpfs
devtmpfs /dev/urandom devtmpfs
devtmpfs /dev/tty devtmpfs
devpts /dev/pts devpts
shm /dev/shm tmpfs
mqueue /dev/mqueue mqueue
sysfs /sys sysfs
cgroup /sys/fs/cgroup cgroup2`}, change: func(_ *testing.T, j *job) { j.Spec.Linux.MaskedPaths, j.Spec.Linux.ReadonlyPaths = nil, nil }},
		{name: "devices", script: "ls /dev; echo x > /dev/null; dd if=/dev/zero bs=4 count=1 2>/dev/null | wc -c",
			want: expect{out: "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n4"}},
		{name: "no descriptor leaks", script: "ls /proc/1/fd; true", want: expect{out: "0\n1\n2"}},
		{name: "no signal is ignored or blocked", change: func(_ *testing.T, j *job) {
			j.Spec.Process.Args = []string{"grep", "-e", "SigIgn", "-e", "SigBlk", "/proc/self/status"} // not through a shell, which ignores some
		}, want: expect{out: "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"}},
		{name: "preserved descriptors", script: "cat <&3; cat <&4; ls /proc/1/fd; true",
			change: func(_ *testing.T, j *job) { j.Preserve = 2; j.Spec.Annotations[AnnotationPreserveFDs] = "2" },
			want:   expect{out: "preserved 0\npreserved 1\n0\n1\n2\n3\n4"}},
		{name: "many preserved descriptors", script: "cat <&9", change: func(_ *testing.T, j *job) {
			j.Preserve = 40
			j.Spec.Annotations[AnnotationPreserveFDs] = "40"
		}, want: expect{out: "preserved 6"}},
		{name: "standard input", script: "cat", change: func(_ *testing.T, j *job) { j.Stdin = "typed" }, want: expect{out: "typed"}},
		{name: "masked and read-only paths", script: "wc -c < /proc/keys; ls /sys/firmware; echo 1 > /proc/sys/kernel/domainname || echo no",
			want: expect{out: "0\nno"}},
		{name: "capabilities of root", script: "grep -e Cap -e NoNew /proc/self/status",
			want: expect{out: "CapInh:\t0000000000000000\nCapPrm:\t00000000000004eb\nCapEff:\t00000000000004eb\nCapBnd:\t00000000000004eb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0"}},
		{name: "capabilities of a user", ids: severalIDs, script: "grep Cap /proc/self/status", change: annotate(AnnotationUser, "app"),
			want: expect{out: "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000000004eb\nCapAmb:\t0000000000000000"}},
		{name: "ambient capabilities of a user", ids: severalIDs, script: "grep Cap /proc/self/status", change: func(_ *testing.T, j *job) {
			j.Spec.Annotations[AnnotationUser] = "app"
			j.Spec.Process.Capabilities.Inheritable = []string{"CAP_NET_BIND_SERVICE"}
			j.Spec.Process.Capabilities.Ambient = []string{"CAP_NET_BIND_SERVICE"}
		}, want: expect{out: "CapInh:\t0000000000000400\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\nCapBnd:\t00000000000004eb\nCapAmb:\t0000000000000400"}},
		{name: "no new privileges", script: "grep NoNew /proc/self/status", change: func(_ *testing.T, j *job) { j.Spec.Process.NoNewPrivileges = true },
			want: expect{out: "NoNewPrivs:\t1"}},
		{name: "umask", script: "umask", change: func(_ *testing.T, j *job) { mask := uint32(0o27); j.Spec.Process.User.Umask = &mask }, want: expect{out: "0027"}},
		{name: "read-only root", script: "touch /x 2>/dev/null || echo no; touch /dev/shm/x && echo yes",
			change: func(_ *testing.T, j *job) { j.Spec.Root.Readonly = true }, want: expect{out: "no\nyes"}},
		{name: "propagation of the root", script: "while read a b c d place f kind rest; do case $place in /|/proc) echo $place ${kind%%:*};; esac; done < /proc/self/mountinfo",
			change: func(_ *testing.T, j *job) {
				j.Spec.Linux.RootfsPropagation = "rshared"
				j.Spec.Linux.ReadonlyPaths = nil
			}, want: expect{out: "/ shared\n/proc -"}},
		{name: "loopback is up", script: "ip -o link show lo | grep -c LOOPBACK,UP", want: expect{out: "1"}},
		{name: "no command", change: func(_ *testing.T, j *job) { j.Spec.Process.Args = nil },
			want: expect{code: 125, refused: "receive the order: there is no command to run", hint: "name a command"}},
		{name: "broken annotation", change: annotate(AnnotationPreserveFDs, "-1"),
			want: expect{code: 125, refused: `receive the order: annotation io.rlc.preserve-fds: "-1" is not a number from 0 to 250`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, c.ids, c.script, c.change, c.want)
		})
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	command := func(args ...string) func(*testing.T, *job) {
		return func(t *testing.T, j *job) {
			j.Spec.Process.Args = args
			write(t, j.Root, "bin/plain", "echo no first line\n", 0o755)
			write(t, j.Root, "bin/locked", "#!/bin/sh\n", 0o644)
			write(t, j.Root, "bin/lost", "#!/usr/bin/python3 -u\n", 0o755)
			write(t, j.Root, "bin/dos", "#!/bin/sh\r\necho\r\n", 0o755)
			write(t, j.Root, "bin/void", "", 0o755)
			write(t, j.Root, "bin/foreign", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00\x01\x00\x00\x00"+strings.Repeat("\x00", 64), 0o755)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *job)
		want   expect
	}{
		{"found in PATH", command("sh", "-c", "echo yes"), expect{out: "yes"}},
		{"not found", command("foo"), expect{code: 127, refused: `exec "foo": not found in $PATH`, hint: "the container's PATH is /bin"}},
		{"no such file", command("/opt/foo"), expect{code: 127, refused: `exec "/opt/foo": /opt/foo does not exist in the container`}},
		{"below a file", command("/bin/sh/foo"), expect{code: 127, refused: `exec "/bin/sh/foo": /bin/sh/foo does not exist in the container`}},
		{"a directory", command("/etc"), expect{code: 126, refused: `exec "/etc": /etc is a directory`}},
		{"not executable", command("locked"), expect{code: 126, refused: `exec "locked": /bin/locked is not executable`, hint: "chmod +x"}},
		{"missing interpreter", command("lost"),
			expect{code: 127, refused: `exec "lost": /bin/lost needs the interpreter /usr/bin/python3, which does not exist in the container`, hint: "install it"}},
		{"DOS line ends", command("/bin/dos"), expect{code: 127, refused: `exec "/bin/dos": /bin/dos needs the interpreter "/bin/sh\r"`, hint: "dos2unix"}},
		{"not a program", command("plain"), expect{code: 126, refused: `exec "plain": /bin/plain is not a program: it begins neither with #! nor as an ELF file`, hint: "#!/bin/sh"}},
		{"empty", command("void"), expect{code: 126, refused: `exec "void": /bin/void is empty`}},
		{"another machine", command("foreign"), expect{code: 126, refused: `exec "foreign": /bin/foreign is a program for riscv64, and this machine is amd64`, hint: "--platform"}},
		{"relative", func(t *testing.T, j *job) {
			command("./busybox", "echo", "here")(t, j)
			j.Spec.Process.Cwd = "/bin"
		}, expect{out: "here"}},
		{"no PATH", func(_ *testing.T, j *job) {
			j.Spec.Process.Env, j.Spec.Process.Args = nil, []string{"echo", "default"}
			if err := os.Symlink("busybox", filepath.Join(j.Root, "bin/echo")); err != nil {
				t.Error(err)
			}
		}, expect{out: "default"}},
		{"through the reaper: not found", func(t *testing.T, j *job) {
			command("foo")(t, j)
			j.Spec.Annotations[AnnotationInit] = "true"
		}, expect{code: 127, refused: `exec "foo": not found in $PATH`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, oneID, "", c.change, c.want)
		})
	}
}

func TestReaper(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ids    mapping
		script string
		change func(*testing.T, *job)
		want   expect
	}{
		{name: "exit code", script: "exit 9", want: expect{code: 9}},
		{name: "signal", script: "kill -9 $$", want: expect{code: 137}},
		{name: "forwards", script: "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.01; done",
			change: func(_ *testing.T, j *job) { j.Signal = int(unix.SIGTERM) }, want: expect{code: 3, out: "ready\ngot"}},
		{name: "buries orphans", script: "(sleep 0.01 & ) ; while ps -o args | grep -q '^\\[*sleep'; do :; done; echo buried", want: expect{out: "buried"}}, // a zombie shows as [sleep]
		{name: "rights of the workload on all threads", ids: severalIDs, change: func(_ *testing.T, j *job) {
			j.Spec.Annotations[AnnotationUser] = "app"
			j.Spec.Process.NoNewPrivileges = true
			j.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}}
		}, script: "[ $$ != 1 ] && echo child; cat /proc/1/task/*/status | grep -h -e Uid -e CapPrm -e CapBnd -e Groups -e NoNew -e Seccomp: | while read l; do echo $l; done > /tmp/all; touch /dev/shm/seen; while read l; do grep -qxF \"$l\" /dev/shm/seen || echo $l | cat - >> /dev/shm/seen; done < /tmp/all; cat /dev/shm/seen; ls /proc/1/fd 2>&1; mkdir /tmp/x 2>/dev/null || echo filtered",
			want: expect{out: "child\nUid: 33 33 33 33\nGroups: 34 40\nCapPrm: 0000000000000000\nCapBnd: 00000000000004eb\nNoNewPrivs: 1\nSeccomp: 2\nls: can't open '/proc/1/fd': Permission denied\nfiltered"}},
		{name: "terminal", script: "tty; [ $$ != 1 ] && stty size", change: func(_ *testing.T, j *job) {
			j.Spec.Process.Terminal = true
			j.Spec.Process.ConsoleSize = &specs.Box{Height: 7, Width: 77}
		}, want: expect{out: "/dev/pts/0\n7 77"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, c.ids, c.script, func(t *testing.T, j *job) {
				j.Spec.Annotations[AnnotationInit] = "true"
				if err := os.Chmod(filepath.Join(j.Root, "tmp"), 0o1777); err != nil {
					t.Fatal(err)
				}
				if c.change != nil {
					c.change(t, j)
				}
			}, c.want)
		})
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	terminal := func(_ *testing.T, j *job) {
		j.Spec.Process.Terminal = true
		j.Spec.Process.ConsoleSize = &specs.Box{Height: 20, Width: 100}
	}
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		run(t, oneID, "tty; stty size; echo $TERM; stat -c %F /dev/console; echo hi > /dev/console; echo ho > /dev/tty", terminal,
			expect{out: "/dev/pts/0\n20 100\nxterm\ncharacter special file\nhi\nho"})
	})
	t.Run("user", func(t *testing.T) {
		t.Parallel()
		run(t, severalIDs, "stat -c '%u %g %a' /dev/pts/0; echo yes > /dev/stdout", func(t *testing.T, j *job) {
			terminal(t, j)
			j.Spec.Annotations[AnnotationUser] = "app"
		}, expect{out: "33 5 620\nyes"})
	})
	t.Run("image without devpts", func(t *testing.T) {
		t.Parallel()
		run(t, oneID, "", func(t *testing.T, j *job) {
			terminal(t, j)
			j.Spec.Mounts = nil
		}, expect{code: 125, refused: "open a terminal: open /dev/ptmx: no such file or directory", hint: "devpts"})
	})
}

func TestUserOfWorkload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ids    mapping
		script string
		change func(*testing.T, *job)
		want   expect
	}{
		{name: "name", ids: severalIDs, change: annotate(AnnotationUser, "app"), want: expect{out: "33 34 34 40\n/home/app"}},
		{name: "uid with an account", ids: severalIDs, change: annotate(AnnotationUser, "33"), want: expect{out: "33 34 34 40\n/home/app"}},
		{name: "uid and gid", ids: severalIDs, change: annotate(AnnotationUser, "33:50"), want: expect{out: "33 50 50\n/home/app"}},
		{name: "name and group", ids: severalIDs, change: annotate(AnnotationUser, "app:extra"), want: expect{out: "33 40 40\n/home/app"}},
		{name: "unknown uid", ids: severalIDs, change: annotate(AnnotationUser, "1234"), want: expect{out: "1234 0 0\n/"}},
		{name: "of the spec", ids: severalIDs, change: func(_ *testing.T, j *job) {
			j.Spec.Process.User = specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9}}
		}, want: expect{out: "7 8 8 9\n/"}},
		{name: "further groups", ids: severalIDs, change: annotate(AnnotationGroups, "extra,77"), want: expect{out: "0 0 0 40 77\n/root"}},
		{name: "unknown name", change: annotate(AnnotationUser, "nobody-here"),
			want: expect{code: 125, refused: `find the user: no user "nobody-here" in the container's /etc/passwd`, hint: "number"}},
		{name: "unknown group", change: annotate(AnnotationUser, "0:none"),
			want: expect{code: 125, refused: `find the user: no group "none" in the container's /etc/group`, hint: "number"}},
		{name: "unmapped", change: annotate(AnnotationUser, "app"),
			want: expect{code: 125, refused: "find the user: user 33 does not exist in the container, which has 0", hint: "subordinate ids"}},
		{name: "unmapped in a large mapping", ids: severalIDs, change: annotate(AnnotationUser, "70000"),
			want: expect{code: 125, refused: "find the user: user 70000 does not exist in the container, which has 0, 1-65535"}},
		{name: "beyond 32 bits", ids: severalIDs, change: annotate(AnnotationUser, "4294967295"),
			want: expect{code: 125, refused: "find the user: user id 4294967295: larger than 4294967294"}},
		{name: "single other id", ids: otherID, change: annotate(AnnotationUser, "1000"), want: expect{out: "1000 1000 1000\n/"}},
		{name: "passwd is a directory", change: func(t *testing.T, j *job) { replace(t, j.Root, "etc/passwd"); mkdir(t, j.Root, "etc/passwd") },
			want: expect{code: 125, refused: "find the user: the container's /etc/passwd is not a regular file"}},
		{name: "passwd is a pipe", change: func(t *testing.T, j *job) {
			replace(t, j.Root, "etc/passwd")
			if err := unix.Mkfifo(filepath.Join(j.Root, "etc/passwd"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, want: expect{code: 125, refused: "find the user: the container's /etc/passwd is not a regular file"}},
		{name: "passwd leads outside", change: func(t *testing.T, j *job) {
			replace(t, j.Root, "etc/passwd")
			symlink(t, "../../../../../../../etc/passwd", j.Root, "etc/passwd")
			j.Spec.Annotations[AnnotationUser] = "daemon"
		}, want: expect{code: 125, refused: "find the user: open /etc/passwd: too many levels of symbolic links"}},
		{name: "no passwd", change: func(t *testing.T, j *job) {
			replace(t, j.Root, "etc/passwd")
			j.Spec.Annotations[AnnotationUser] = "root"
		}, script: "echo $HOME", want: expect{out: "/"}},
		{name: "streams can be opened anew", ids: severalIDs, change: annotate(AnnotationUser, "app"), script: "echo again > /dev/stdout", want: expect{out: "again"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.script == "" {
				c.script = "echo $(id -u) $(id -g) $(grep Groups /proc/self/status | { read x l; echo \"$l\"; }); echo $HOME"
			}
			run(t, c.ids, c.script, c.change, c.want)
		})
	}
}

func replace(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, root, name string) string {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func symlink(t *testing.T, target, root, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}
