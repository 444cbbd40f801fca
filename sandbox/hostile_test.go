package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// witness is a directory of the host that hostile images point at: nothing in it may change.
func witness(t *testing.T) string {
	t.Helper()
	dir := mkdir(t, t.TempDir(), "witness")
	write(t, dir, "file", "untouched", 0o644)
	for _, sub := range []string{"null", "self", "sys"} {
		mkdir(t, dir, sub)
	}
	return dir
}

func checkWitness(t *testing.T, dir string) {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		found = append(found, strings.TrimPrefix(path, dir))
		return err
	})
	if want := "[ /file /null /self /sys]"; err != nil || fmt.Sprint(found) != want {
		t.Errorf("the host's directory now holds %v (%v), want %s", found, err, want)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "file")); string(data) != "untouched" {
		t.Errorf("the host's file now holds %q", data)
	}
	if mounts, _ := os.ReadFile("/proc/self/mounts"); strings.Contains(string(mounts), dir) {
		t.Error("something is mounted on the host's directory")
	}
}

// TestHostileImages builds containers from images whose directories lead to the host by all means.
// The links go to the same name inside the image, which init may well create there.
func TestHostileImages(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "proc", "sys", "etc", "tmp"} {
		for kind, target := range map[string]string{"absolute": "", "relative": "../../../../../../../../../.."} {
			t.Run(name+" is an "+kind+" link", func(t *testing.T) {
				t.Parallel()
				dir := witness(t)
				run(t, oneID, "cat /etc/passwd > /dev/null 2>&1; echo x > /dev/null; cat /v; wc -c < /proc/keys; touch /sys/x 2>/dev/null || echo no", func(t *testing.T, j *job) {
					replace(t, j.Root, name)
					symlink(t, target+dir, j.Root, name)
					file := filepath.Join(t.TempDir(), "file")
					write(t, filepath.Dir(file), "file", "volume\n", 0o644)
					adds(bind(file, "/v"), bind(file, "/"+name+"/made/here"))(t, j)
					if name != "dev" && name != "etc" { // nothing can be made in /proc and /sys, and the link from /tmp is a loop
						j.Spec.Mounts = j.Spec.Mounts[:len(j.Spec.Mounts)-1]
					}
				}, expect{out: "volume\n0\nno"})
				checkWitness(t, dir)
			})
		}
		t.Run(name+" is a file", func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "echo x > /dev/null; echo alive")
			replace(t, j.Root, name)
			write(t, j.Root, name, "", 0o644)
			if name == "etc" || name == "tmp" {
				check(t, perform(t, oneID, j), expect{out: "alive"})
				return
			}
			check(t, perform(t, oneID, j), expect{code: 125, refused: "mount /" + name + ": the image has no directory there: not a directory", hint: "directory"})
		})
		t.Run(name+" leads to itself", func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "echo alive")
			replace(t, j.Root, name)
			symlink(t, name, j.Root, name)
			switch name {
			case "tmp":
				check(t, perform(t, oneID, j), expect{out: "alive"})
			case "etc":
				check(t, perform(t, oneID, j), expect{code: 125, refused: "find the user: open /etc/passwd: too many levels of symbolic links"})
			default:
				check(t, perform(t, oneID, j), expect{code: 125, refused: "mount /" + name + ": find the mount point: too many levels of symbolic links"})
			}
		})
	}
	t.Run("proc leads to the root", func(t *testing.T) {
		t.Parallel()
		run(t, oneID, "", func(t *testing.T, j *job) { symlink(t, "/", j.Root, "proc") },
			expect{code: 125, refused: "mount /proc: the destination is the container's root itself"})
	})
	t.Run("volume through a magic link", func(t *testing.T) {
		t.Parallel()
		dir := witness(t)
		run(t, oneID, "", adds(bind(dir, "/proc/self/root/x")),
			expect{code: 125, refused: "mount /proc/self/root/x: find the mount point: too many levels of symbolic links"})
		checkWitness(t, dir)
	})
	t.Run("deep links", func(t *testing.T) {
		t.Parallel()
		dir := witness(t)
		run(t, oneID, "cat /a/../v/file", func(t *testing.T, j *job) {
			// The kernel follows 40 at most, and counts again those of a walk that it repeats.
			for i := range 12 {
				symlink(t, fmt.Sprintf("/l%d", i+1), j.Root, fmt.Sprintf("l%d", i))
			}
			symlink(t, "/l0", j.Root, "a")
			adds(bind(dir, "/a/../../../v"), bind(dir, "/a/made"))(t, j)
		}, expect{out: "untouched"})
	})
	t.Run("dangling links that climb", func(t *testing.T) {
		t.Parallel()
		dir := witness(t)
		run(t, oneID, "ls /"+filepath.Base(dir)+"-not", func(t *testing.T, j *job) {
			symlink(t, "../../../../../../"+dir+"/../new/..", j.Root, "climb")
			adds(bind(dir, "/climb/x"))(t, j)
		}, expect{code: 1})
		checkWitness(t, dir)
	})
}

func TestWorkdir(t *testing.T) {
	t.Parallel()
	in := func(dir string) func(*testing.T, *job) {
		return func(_ *testing.T, j *job) { j.Spec.Process.Cwd = dir }
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, j *job)
		want   expect
	}{
		{"there", in("/home/app"), expect{out: "/home/app 0:0"}},
		{"missing", in("/new/deep"), expect{out: "/new/deep 33:34"}},
		{"climbs", in("/../../../new"), expect{out: "/new 33:34"}},
		{"through a link", func(t *testing.T, j *job) { symlink(t, "/srv/x", j.Root, "work"); in("/work/a")(t, j) }, expect{out: "/srv/x/a 33:34"}},
		{"closed to the user", func(t *testing.T, j *job) {
			in("/root")(t, j)
			if err := os.Chmod(filepath.Join(j.Root, "root"), 0o700); err != nil {
				t.Error(err)
			}
		}, expect{out: "/root"}},
		{"a file", in("/etc/passwd"), expect{code: 126, refused: "enter the working directory: /etc/passwd: not a directory", hint: "--workdir"}},
		{"a descriptor of ours", in("/proc/self/fd/7"), expect{code: 126, refused: "enter the working directory: /proc/self/fd/7: too many levels of symbolic links"}},
		{"in a read-only file system", in("/sys/x"), expect{code: 126, refused: "enter the working directory: /sys/x: read-only file system", hint: "--workdir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, severalIDs, "echo $(pwd) $(stat -c '%u:%g' .)", func(t *testing.T, j *job) {
				j.Spec.Annotations[AnnotationUser] = "app"
				c.change(t, j)
			}, c.want)
		})
	}
}

// TestSwaps lets another process exchange directories and links in the root while init
// works. Whatever comes of the container, the host stays as it is.
func TestSwaps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "proc", "sys", "etc", "v/deep"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 6 {
				dir := witness(t)
				j := newJob(t, "wc -c < /proc/keys")
				mkdir(t, j.Root, name)
				symlink(t, "../../../../../../../.."+dir, j.Root, "evil")
				adds(bind(volume(t), "/v/deep/er/x"))(t, &j)
				j.Spec.Process.Cwd = "/v/deep/work/dir"
				j.Swap = []string{filepath.Join(j.Root, name), filepath.Join(j.Root, "evil")}
				o := perform(t, oneID, j)
				if o.Refused == nil && o.Code != 0 && name != "proc" {
					t.Errorf("exit code %d: %s", o.Code, o.Err)
				}
				checkWitness(t, dir)
			}
		})
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		isDir      bool
		want       string // below the root; empty: an error
	}{
		{"directory", "/a/b/c", true, "a/b/c"},
		{"file", "a/b/c", false, "a/b/c"},
		{"climbing", "../../x/../y", true, "y"},
		{"dots", "/./a//b/.", true, "a/b"},
		{"absolute link", "/abs/x", true, "there/x"},
		{"relative link", "/sub/rel/x", false, "there/x"},
		{"link that climbs", "/out/x", true, "x"},
		{"dangling chain", "/one", false, "end"},
		{"loop", "/loop/x", true, ""},
		{"below a file", "/plain/x", true, ""},
		{"up from a file", "/plain/../x", true, ""},
		{"file where a directory is wanted", "/plain", true, ""},
		{"directory where a file is wanted", "/sub", false, ""},
		{"root", "/", true, "."},
		{"name too long", "/" + strings.Repeat("x", 256), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			mkdir(t, root, "sub")
			write(t, root, "plain", "", 0o644)
			for name, target := range map[string]string{"abs": "/there", "sub/rel": "../there", "out": "../../../..", "one": "two", "two": "/sub/../three", "three": "end", "loop": "loop"} {
				symlink(t, target, root, name)
			}
			fd, err := unix.Open(root, unix.O_PATH, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			made, err := directory{fd}.ensure(c.path, c.isDir, nil)
			if (err == nil) != (c.want != "") {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			defer unix.Close(made)
			if got, _ := os.Readlink(entryPath(made, "")); got != filepath.Join(root, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
