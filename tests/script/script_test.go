// Package script runs the scenarios in *.txtar against the built programs, as a person
// would: each script has its own home, store and runtime directory, really starts
// containers, and must leave no process, mount or directory behind.
//
// It runs in `go test`, as any user: what a script needs and the machine lacks is a skip
// that names it. Besides testscript's own commands scripts have those in commands; besides
// its conditions those in condition. $BUSYBOX is an image archive, localhost/busybox.
package script

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/tests/testimage"
)

// habitat is what all scripts share; it is complete before the first one starts.
type habitat struct {
	dir      string // scratch of this run
	programs string // directory of the built programs
	busybox  string // archive of localhost/busybox
}

func TestScript(t *testing.T) {
	shared := newHabitat(t)
	testscript.Run(t, testscript.Params{
		Dir:                ".",
		Setup:              shared.setup,
		Condition:          condition,
		Cmds:               commands,
		RequireUniqueNames: true,
	})
}

// commands are what scripts can do besides testscript's own commands.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"as":       asUser,      // as USER COMMAND ARGS...: in a root script, run as USER with the script's directories
	"busybox":  loadBusybox, // busybox: load localhost/busybox into the script's store
	"eventual": eventually,  // eventual COMMAND ARGS...: repeat until it succeeds, ten seconds at most
	"exits":    exits,       // exits CODE COMMAND ARGS...: run, and expect this exit code
	"image":    makeImage,   // image [-oci] [-push REGISTRY/NAME[:TAG]] RECIPE [ARCHIVE]: make an image
	"pty":      converse,    // pty DIALOGUE COMMAND ARGS...: run on a terminal, say and expect what the file DIALOGUE holds
	"registry": registry,    // registry [-tls] [-auth]: start a registry; $REGISTRY is its address, $CERTS its certificate's directory
	"same":     same,        // same FILE TEXT: the file (or stdout, stderr) holds exactly TEXT and a newline
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == removeVerb {
		os.Exit(removeMapped(os.Args[2]))
	}
	// What the scripts leave running becomes a child of this process, which then finds it.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "become a subreaper:", err)
		os.Exit(1)
	}
	code := m.Run()
	if left := descendants(os.Getpid()); len(left) > 0 {
		fmt.Println("FAIL: processes were left behind:")
		for _, p := range left {
			fmt.Println("   ", p)
			_ = unix.Kill(p.pid, unix.SIGKILL) // it may be gone by now
		}
		code = 1
	}
	os.Exit(code)
}

// newHabitat finds or builds the programs and makes the image that most scripts run.
func newHabitat(t *testing.T) *habitat {
	t.Helper()
	// Not t.TempDir: unix sockets want short paths, and other users must get through.
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(t, dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := &habitat{dir: dir, programs: os.Getenv("RLC_BIN"), busybox: filepath.Join(dir, "busybox.tar")}
	if h.programs == "" {
		h.programs = filepath.Join(dir, "bin")
		cmd := exec.Command("make", "-s", "build")
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build the programs: %v\n%s", err, out)
		}
		if err := os.CopyFS(h.programs, os.DirFS("../../bin")); err != nil {
			t.Fatal(err)
		}
	}
	image, err := testimage.Parse(`name localhost/busybox
config {"Cmd": ["sh"], "Env": ["PATH=/bin:/usr/bin"]}
busybox`)
	if err != nil {
		t.Skipf("no image to run: %v", err)
	}
	file, err := os.Create(h.busybox)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := image.WriteDocker(file); err != nil {
		t.Fatal(err)
	}
	return h
}

// setup gives a script a home of its own, with short paths, and has it examined at its end.
func (h *habitat) setup(env *testscript.Env) error {
	root, err := os.MkdirTemp(h.dir, "")
	if err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711 // root's containers have a range of their own, which must get through
	}
	for variable, name := range map[string]string{
		"HOME": "h", "XDG_DATA_HOME": "d", "XDG_RUNTIME_DIR": "r", "XDG_CONFIG_HOME": "c", "XDG_CACHE_HOME": "k", "TMPDIR": "t",
	} {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, mode); err != nil {
			return err
		}
		env.Setenv(variable, dir)
	}
	if os.Getuid() == 0 {
		if err := os.Chmod(root+"/t", 0o777|fs.ModeSticky); err != nil {
			return err
		}
	}
	if os.Getuid() == 0 { // root's own place is one for all; see docs/state.md
		env.Setenv("RLC_ROOT", root+"/d/rlc")
		env.Setenv("RLC_RUNROOT", root+"/r/rlc")
		for _, dir := range []string{env.WorkDir, filepath.Dir(env.WorkDir)} {
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
		}
	}
	env.Setenv("ROOT", root)
	env.Setenv("BUSYBOX", h.busybox)
	env.Setenv("BIN", h.programs)
	env.Setenv("UID", fmt.Sprint(os.Getuid()))
	env.Setenv("GID", fmt.Sprint(os.Getgid()))
	env.Setenv("TESTUSER", os.Getenv("RLC_TEST_USER"))
	env.Setenv("DEBIAN", os.Getenv("RLC_TEST_DEBIAN"))
	env.Setenv("PATH", h.programs+":/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
	env.Values[rootKey{}] = root
	env.Values[registryKey{}] = map[string]testimage.Registry{}
	env.Defer(func() {
		complain(env.T(), examine(root, env.Getenv("XDG_DATA_HOME"), env.Getenv("XDG_RUNTIME_DIR")))
	})
	return nil
}

// rootKey is the key of a script's directory among its values.
type rootKey struct{}
