package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/rlc-containers/rlc/tests/testimage"
)

// errLeftOut is wrapped by the reason why something is not measured here.
var errLeftOut = errors.New("not possible here")

// bench is a private world for one user: home, runtime directory, images, and the
// contenders that take part. All it writes is below dir.
type bench struct {
	options
	uid, gid   int
	login      string
	env        []string
	only       *regexp.Regexp
	rlc        string // empty: not built
	runtime    string // as a session's: in memory
	contenders []contender
	samples    map[string]any
	named      int // containers so far
}

func newBench(ctx context.Context, o options, only *regexp.Regexp) (*bench, error) {
	b := &bench{options: o, only: only, uid: os.Getuid(), gid: os.Getgid(), samples: map[string]any{}}
	if o.dir == "" {
		return nil, errors.New("-dir is needed; use tests/bench/run")
	}
	who, err := user.Current()
	if o.user != "" {
		who, err = user.Lookup(o.user)
	}
	if err != nil {
		return nil, err
	}
	b.login = who.Username
	if b.uid, err = strconv.Atoi(who.Uid); err != nil {
		return nil, err
	}
	if b.gid, err = strconv.Atoi(who.Gid); err != nil {
		return nil, err
	}
	if b.programs == "" {
		b.programs = filepath.Join(filepath.Dir(filepath.Clean(o.dir)), "programs")
	}
	if p := filepath.Join(b.programs, "rlc"); executable(p) {
		b.rlc = p
	}
	for _, dir := range []string{"home/.config/containers", "tmp", "rootfs"} {
		if err := b.mkdir(dir); err != nil {
			return nil, err
		}
	}
	if err := b.runtimeDir(); err != nil {
		return nil, err
	}
	b.env = []string{
		"HOME=" + b.at("home"), "USER=" + b.login, "LOGNAME=" + b.login,
		"XDG_RUNTIME_DIR=" + b.runtime, "TMPDIR=" + b.at("tmp"),
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
	}
	fmt.Printf("machine: %s; user %s, root %v\n", machine(), b.login, os.Getuid() == 0)
	if err := b.prepare(); err != nil {
		b.close()
		return nil, err
	}
	if err := b.enter(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) at(name string) string { return filepath.Join(b.dir, name) }

// mkdir makes a directory below dir that belongs to the user.
func (b *bench) mkdir(name string) error {
	path := b.dir
	for part := range strings.SplitSeq(name, "/") {
		path = filepath.Join(path, part)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if err := os.Chown(path, b.uid, b.gid); err != nil {
			return err
		}
	}
	return nil
}

// runtimeDir makes a directory in memory, where that of a login session is too.
func (b *bench) runtimeDir() error {
	dir, err := os.MkdirTemp("/dev/shm", "rlc-bench.")
	if err != nil {
		b.runtime = b.at("run")
		fmt.Printf("no /dev/shm: the runtime directory is on disk (%v)\n", err)
		return b.mkdir("run")
	}
	b.runtime = dir
	return os.Chown(dir, b.uid, b.gid)
}

// close removes what is not below dir.
func (b *bench) close() {
	if err := os.RemoveAll(b.runtime); err != nil {
		fmt.Fprintln(os.Stderr, "left behind:", err)
	}
}

// command makes a command of the user's.
func (b *bench) command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = b.env
	cmd.Dir = b.dir
	if os.Getuid() != b.uid {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(b.uid), Gid: uint32(b.gid)}}
	}
	return cmd
}

// do runs a command that is not timed.
func (b *bench) do(argv ...string) error {
	cmd := b.command(argv)
	// A file, not a pipe: what stays in the background would hold a pipe open.
	said, err := os.CreateTemp("", "rlc-bench")
	if err != nil {
		return err
	}
	defer os.Remove(said.Name())
	defer said.Close()
	cmd.Stderr = said
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(said.Name()) // without it the exit code must do
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLine(text))
	}
	return nil
}

// prepare makes the root file system and the images' archives.
func (b *bench) prepare() error {
	layer := testimage.NewLayer()
	if err := layer.Busybox(); err != nil {
		return err
	}
	unpack := b.command([]string{"busybox", "tar", "-x", "-f", "-", "-C", b.at("rootfs")})
	unpack.Stdin = bytes.NewReader(layer.Bytes())
	if said, err := unpack.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack the root file system: %w: %s", err, lastLine(said))
	}
	for _, n := range []int{1, 20, 60} {
		if err := b.archive(b.image(n), fmt.Sprintf("busybox\nlayers %d\n", n-1)); err != nil {
			return err
		}
	}
	return nil
}

// image is the name of the image with n layers.
func (b *bench) image(n int) string { return fmt.Sprintf("localhost/bench:layers%d", n) }

// archive writes an image's archive.
func (b *bench) archive(name, recipe string) error {
	image, err := testimage.Parse("config {\"Cmd\": [\"sh\"], \"Env\": [\"PATH=/bin\"]}\n" + recipe)
	if err != nil {
		return err
	}
	image.Name = name
	f, err := os.Create(b.archiveOf(name))
	if err != nil {
		return err
	}
	return errors.Join(image.WriteDocker(f), f.Chmod(0o644), f.Close())
}

func (b *bench) archiveOf(name string) string {
	return b.at(strings.NewReplacer("/", "-", ":", "-").Replace(name) + ".tar")
}

// name gives every container another name.
func (b *bench) name() string {
	b.named++
	return fmt.Sprintf("bench%d", b.named)
}

func machine() string {
	var u syscall.Utsname
	_ = syscall.Uname(&u) // an empty release says enough
	release := make([]byte, 0, len(u.Release))
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	cpus, _ := os.ReadFile("/proc/cpuinfo") // no model is printed without it
	model := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(cpus)
	if model == nil {
		model = [][]byte{nil, []byte("unknown processor")}
	}
	return fmt.Sprintf("%d x %s, Linux %s, load %s", bytes.Count(cpus, []byte("processor\t")), model[1], release, load())
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // informative only
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
