package sandbox

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Type: "bind", Options: append([]string{"rbind"}, options...)}
}

func adds(mounts ...specs.Mount) func(*testing.T, *job) {
	return func(_ *testing.T, j *job) { j.Spec.Mounts = append(j.Spec.Mounts, mounts...) }
}

// volume makes a directory of the host with a file in it.
func volume(t *testing.T) string {
	t.Helper()
	dir := mkdir(t, t.TempDir(), "volume")
	write(t, dir, "file", "content\n", 0o644)
	return dir
}

func TestMounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ids    mapping
		script string
		change func(t *testing.T, j *job, dir string)
		want   expect
		after  func(t *testing.T, dir string)
	}{
		{name: "bind a directory", script: "cat /new/deep/file; echo more >> /new/deep/file",
			change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/new/deep"))(t, j) }, want: expect{out: "content"},
			after: func(t *testing.T, dir string) {
				if data, _ := os.ReadFile(filepath.Join(dir, "file")); string(data) != "content\nmore\n" {
					t.Errorf("the file holds %q", data)
				}
			}},
		{name: "bind a file", script: "cat /etc/resolv.conf",
			change: func(t *testing.T, j *job, dir string) { adds(bind(dir+"/file", "/etc/resolv.conf"))(t, j) }, want: expect{out: "content"}},
		{name: "bind a file through a dangling link", script: "cat /run/systemd/resolve/stub.conf; readlink /etc/resolv.conf",
			change: func(t *testing.T, j *job, dir string) {
				symlink(t, "../run/systemd/resolve/stub.conf", j.Root, "etc/resolv.conf")
				adds(bind(dir+"/file", "/etc/resolv.conf"))(t, j)
			}, want: expect{out: "content\n../run/systemd/resolve/stub.conf"}},
		{name: "read-only bind", script: "echo x > /v/file || echo no", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/v", "ro"))(t, j) }, want: expect{out: "no"}},
		{name: "read-only bind with what is below", script: "echo x > /v/shm/x || echo no", change: func(t *testing.T, j *job, _ string) { adds(bind("/dev", "/v", "ro"))(t, j) }, want: expect{out: "no"}},
		{name: "noexec bind", script: "/v/run 2>/dev/null; echo $?", change: func(t *testing.T, j *job, dir string) {
			write(t, dir, "run", "#!/bin/sh\n", 0o755)
			adds(bind(dir, "/v", "noexec"))(t, j)
		}, want: expect{out: "126"}},
		{name: "options of locked mounts", script: "cat /v/version > /dev/null && echo yes", change: func(t *testing.T, j *job, _ string) {
			adds(bind("/proc", "/v", "rw", "exec", "suid", "dev", "noatime"))(t, j)
		}, want: expect{out: "yes"}},
		{name: "missing source", change: func(t *testing.T, j *job, dir string) { adds(bind(dir+"/none", "/v"))(t, j) },
			want: expect{code: 125, refused: "mount /v: source DIR/none: no such file or directory", hint: "create it"}},
		{name: "created source", script: "ls /v | wc -l", change: func(t *testing.T, j *job, dir string) { adds(bind(dir+"/a/b", "/v", OptionCreate))(t, j) }, want: expect{out: "0"}},
		{name: "optional source", script: "ls /v", change: func(t *testing.T, j *job, dir string) { adds(bind(dir+"/none", "/v", OptionOptional))(t, j) }, want: expect{code: 1}},
		{name: "optional file system", script: "ls /v", change: func(t *testing.T, j *job, _ string) {
			adds(specs.Mount{Destination: "/v", Type: "nosuchfs", Options: []string{OptionOptional}})(t, j)
		}, want: expect{code: 1}},
		{name: "unknown file system", change: func(t *testing.T, j *job, _ string) { adds(specs.Mount{Destination: "/v", Type: "nosuchfs"})(t, j) },
			want: expect{code: 125, refused: `mount /v: the kernel has no file system "nosuchfs"`}},
		{name: "directory over file", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/etc/passwd"))(t, j) },
			want: expect{code: 125, refused: "mount /etc/passwd: the image has no directory there: not a directory", hint: "over a directory"}},
		{name: "file over directory", change: func(t *testing.T, j *job, dir string) { adds(bind(dir+"/file", "/etc"))(t, j) },
			want: expect{code: 125, refused: "mount /etc: the image has a directory there: is a directory", hint: "a file over a file"}},
		{name: "over the root", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/etc/.."))(t, j) },
			want: expect{code: 125, refused: "mount /etc/..: the destination is the container's root itself"}},
		{name: "unknown option of a bind", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/v", "size=1"))(t, j) },
			want: expect{code: 125, refused: `receive the order: mount /v: option "size" does not apply to a bind`}},
		{name: "part of a bind", script: "cat /v/x", change: func(t *testing.T, j *job, dir string) {
			write(t, mkdir(t, dir, "sub"), "x", "part\n", 0o644)
			adds(bind(dir, "/v", OptionSubpath+"sub"))(t, j)
		}, want: expect{out: "part"}},
		{name: "part that leads outside", change: func(t *testing.T, j *job, dir string) {
			symlink(t, "../../../../../../../../usr", dir, "sub")
			adds(bind(dir, "/v", OptionSubpath+"sub"))(t, j)
		}, want: expect{code: 125, refused: `mount /v: source DIR: part "sub": no such file or directory`}},
		{name: "tmpfs", script: "grep ' /v ' /proc/mounts | { read a b c o; echo $a $b $c; }; stat -c '%a %u' /v; echo x > /v/x 2>/dev/null || echo no", change: func(t *testing.T, j *job, _ string) {
			adds(specs.Mount{Destination: "/v", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "mode=700", "size=1m"}})(t, j)
		}, want: expect{out: "tmpfs /v tmpfs\n700 0\nno"}},
		{name: "bad option of tmpfs", change: func(t *testing.T, j *job, _ string) {
			adds(specs.Mount{Destination: "/v", Type: "tmpfs", Options: []string{"size=much"}})(t, j)
		}, want: expect{code: 125, refused: `mount /v: option "size=much" of tmpfs: invalid argument (tmpfs: Bad value for 'size')`}},
		{name: "tmpfs of somebody unmapped", change: func(t *testing.T, j *job, _ string) {
			adds(specs.Mount{Destination: "/v", Type: "tmpfs", Options: []string{"uid=70000"}})(t, j)
		}, want: expect{code: 125, refused: `mount /v: uid 70000 does not exist in the container, which has 0`}},
		{name: "copy up", ids: severalIDs, script: "cd /data; ls -A; stat -c '%n %a %u:%g %h %F' . a b link pipe dir dir/deep; cat b; [ a -ef b ] && echo same", change: func(t *testing.T, j *job, dir string) {
			image(t, j.Root)
			adds(bind(dir+"/empty", "/data", OptionCreate, OptionCopyUp))(t, j)
		}, want: expect{out: "a\nb\ndir\nlink\npipe\n. 750 0:0 3 directory\na 640 0:0 2 regular file\nb 640 0:0 2 regular file\nlink 777 0:0 1 symbolic link\npipe 604 0:0 1 fifo\ndir 1777 0:0 2 directory\ndir/deep 4755 0:0 1 regular empty file\ntext\nsame"}},
		{name: "copy up into a read-only tmpfs", script: "cat /data/a; touch /data/x 2>/dev/null || echo no", change: func(t *testing.T, j *job, _ string) {
			image(t, j.Root)
			adds(specs.Mount{Destination: "/data", Type: "tmpfs", Options: []string{"ro", OptionCopyUp}})(t, j)
		}, want: expect{out: "text\nno"}},
		{name: "no copy up into what is full", script: "ls /data", change: func(t *testing.T, j *job, dir string) {
			image(t, j.Root)
			adds(bind(dir, "/data", OptionCopyUp))(t, j)
		}, want: expect{out: "file"}},
		{name: "give to the user", ids: severalIDs, script: "stat -c '%u:%g' /v /v/file /ro /ro/.; touch /ro/x 2>/dev/null || echo no", change: func(t *testing.T, j *job, dir string) {
			j.Spec.Annotations[AnnotationUser] = "app"
			adds(bind(dir, "/v", "ro", OptionChown), specs.Mount{Destination: "/ro", Type: "tmpfs", Options: []string{"ro", OptionChown}})(t, j)
		}, want: expect{out: "33:34\n33:34\n33:34\n33:34\nno"}, after: func(t *testing.T, dir string) {
			// The test itself may not remove what belongs to a subordinate id.
			run(t, severalIDs, "chown -R 0:0 /v", adds(bind(dir, "/v")), expect{})
		}},
		{name: "relabel", script: "cat /v/file", change: func(t *testing.T, j *job, dir string) {
			adds(bind(dir, "/v", OptionRelabel), bind(dir, "/w", OptionRelabelPrivate))(t, j)
		}, want: expect{out: "content"}},
		{name: "tree", script: "cat /t/file /u", change: func(t *testing.T, j *job, dir string) {
			j.Trees = []string{dir, filepath.Dir(dir)}
			adds(specs.Mount{Destination: "/t", Type: TypeTree, Source: "1", Options: []string{"ro"}},
				specs.Mount{Destination: "/u", Type: TypeTree, Source: "2", Options: []string{OptionSubpath + "volume/file"}})(t, j)
		}, want: expect{out: "content\ncontent"}},
		{name: "tree that did not come", change: func(t *testing.T, j *job, _ string) {
			adds(specs.Mount{Destination: "/t", Type: TypeTree, Source: "1"})(t, j)
		}, want: expect{code: 125, refused: `mount /t: tree "1" did not come with the order`}},
		{name: "overlay", script: "cat /o/file; echo new > /o/file; cat /o/file", change: func(t *testing.T, j *job, dir string) {
			upper, work := mkdir(t, filepath.Dir(dir), "upper"), mkdir(t, filepath.Dir(dir), "work")
			adds(specs.Mount{Destination: "/o", Type: "overlay", Source: "overlay", Options: []string{"lowerdir=" + dir, "upperdir=" + upper, "workdir=" + work}})(t, j)
		}, want: expect{out: "content\nnew"}},
		{name: "device", script: "ls /dev/gate", change: func(t *testing.T, j *job, _ string) { adds(bind("/dev/null", "/dev/gate"))(t, j) }, want: expect{out: "/dev/gate"}},
		{name: "device of the spec", script: "ls /dev/fuse /dev/zero", change: func(_ *testing.T, j *job, _ string) {
			j.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/zero", Type: "c"}}
		}, want: expect{code: 1, out: "/dev/zero"}},
		{name: "device that is not there", change: func(_ *testing.T, j *job, _ string) {
			j.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/none", Type: "c"}}
		}, want: expect{code: 125, refused: "device /dev/none: the host has no /dev/none", hint: "root"}},
		{name: "bound device that is not there", change: func(t *testing.T, j *job, _ string) { adds(bind("/dev/none", "/dev/none"))(t, j) },
			want: expect{code: 125, refused: "mount /dev/none: source /dev/none: no such file or directory", hint: "the host must have it"}},
		{name: "device of root", change: func(t *testing.T, j *job, _ string) { adds(bind("/dev/console", "/dev/console"))(t, j) },
			want: expect{code: 125, refused: "mount /dev/console: source /dev/console: you may neither read nor write the device: permission denied", hint: "group"}},
		{name: "shared propagation", script: "grep ' /v ' /proc/self/mountinfo | grep -c shared", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/v", "rshared"))(t, j) }, want: expect{out: "1"}},
		{name: "over /proc", script: "cat /proc/file", change: func(t *testing.T, j *job, dir string) { adds(bind(dir, "/proc"))(t, j) }, want: expect{out: "content"}},
		{name: "host's network", script: "ls /sys/class/net | wc -l > /dev/null && touch /sys/x 2>/dev/null || echo read-only", change: func(_ *testing.T, j *job, _ string) { shareNamespace(j, specs.NetworkNamespace) },
			want: expect{out: "read-only"}},
		{name: "host's processes", script: "[ -d /proc/1 ] && [ $$ != 1 ] && echo seen", change: func(_ *testing.T, j *job, _ string) { shareNamespace(j, specs.PIDNamespace) },
			want: expect{out: "seen"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := volume(t)
			c.want.refused = strings.ReplaceAll(c.want.refused, "DIR", dir)
			run(t, c.ids, c.script, func(t *testing.T, j *job) { c.change(t, j, dir) }, c.want)
			if c.after != nil {
				c.after(t, dir)
			}
		})
	}
}

// image puts something worth copying at /data.
func image(t *testing.T, root string) {
	t.Helper()
	data := mkdir(t, root, "data")
	write(t, data, "a", "text\n", 0o640)
	write(t, mkdir(t, data, "dir"), "deep", "", 0o600)
	for _, err := range []error{
		os.Link(filepath.Join(data, "a"), filepath.Join(data, "b")),
		os.Symlink("/etc/passwd", filepath.Join(data, "link")),
		unix.Mkfifo(filepath.Join(data, "pipe"), 0o600),
		unix.Chmod(filepath.Join(data, "pipe"), 0o604),
		unix.Chmod(filepath.Join(data, "dir/deep"), 0o4755),
		unix.Chmod(filepath.Join(data, "dir"), 0o1777),
		unix.Chmod(data, 0o750),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func shareNamespace(j *job, kind specs.LinuxNamespaceType) {
	var kept []specs.LinuxNamespace
	for _, ns := range j.Spec.Linux.Namespaces {
		if ns.Type != kind {
			kept = append(kept, ns)
		}
	}
	j.Spec.Linux.Namespaces = kept
}

func TestMountOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words string
		want  options
	}{
		{"", options{}},
		{"ro,rw,ro", options{set: unix.MOUNT_ATTR_RDONLY, recursive: unix.MOUNT_ATTR_RDONLY}},
		{"ro,rw", options{clear: unix.MOUNT_ATTR_RDONLY}},
		{"nosuid,noexec,nodev", options{set: 14, recursive: 14}},
		{"rro", options{set: unix.MOUNT_ATTR_RDONLY, recursive: unix.MOUNT_ATTR_RDONLY}},
		{"noatime", options{set: unix.MOUNT_ATTR_NOATIME, clear: unix.MOUNT_ATTR__ATIME}},
		{"noatime,relatime", options{clear: unix.MOUNT_ATTR__ATIME}},
		{"bind,slave", options{bind: true, propagation: unix.MS_SLAVE}},
		{"rbind,rprivate", options{bind: true, below: true, propagation: unix.MS_PRIVATE, deep: true}},
		{"defaults,async", options{}},
		{"size=1m,noswap", options{data: []param{{key: "size", value: "1m"}, {key: "noswap", isFlag: true}}}},
		{"x-copyup,x-chown,x-create,x-optional", options{copyUp: true, chown: true, create: true, optional: true}},
		{"x-relabel,x-relabel-private,x-subpath=a/b", options{relabel: true, relabelPrivate: true, subpath: "a/b"}},
	} {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			got, err := parseOptions(strings.Split(c.words, ","))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
	for _, word := range []string{"idmap", "ridmap=uids=0-1-2", "x-unknown"} {
		if _, err := parseOptions([]string{word}); err == nil {
			t.Errorf("%q is accepted", word)
		}
	}
}
