package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rlc-containers/rlc/tests/testimage"
)

// patience is how long anything may take that should be there in a moment.
const patience = 20 * time.Second

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := code(err); got != want {
		ts.Fatalf("exit code %d (%v), want %d", got, err, want)
	}
}

// code is the exit code behind what Exec returned; 128 and the signal for one that was killed.
func code(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

func loadBusybox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: busybox")
	}
	ts.Check(ts.Exec("rlc", "load", "-q", "-i", ts.Getenv("BUSYBOX")))
	// What rlc says once about this machine is said here.
	ts.Check(ts.Exec("rlc", "run", "--rm", "localhost/busybox", "true"))
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: [!] eventual COMMAND ARGS...")
	}
	deadline := time.Now().Add(patience)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if (err == nil) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %v: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond) // another process's doing: there is nothing to wait on
	}
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same FILE TEXT")
	}
	if got := ts.ReadFile(args[0]); (got == args[1]+"\n") == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}

func makeImage(ts *testscript.TestScript, neg bool, args []string) {
	oci, push := false, ""
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "-oci":
			oci = true
		case args[0] == "-push" && len(args) > 1:
			push, args = args[1], args[1:]
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
		args = args[1:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: image [-oci] [-push REGISTRY/NAME[:TAG]] RECIPE [ARCHIVE]")
	}
	image, err := testimage.Parse(ts.ReadFile(args[0]))
	ts.Check(err)
	if push != "" {
		pushImage(ts, image, push)
	}
	if len(args) < 2 {
		return
	}
	file, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer file.Close()
	if oci {
		ts.Check(image.WriteOCI(file))
	} else {
		ts.Check(image.WriteDocker(file))
	}
}

// asUser runs a command as an ordinary user, who is given all of the script's directories.
func asUser(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] as USER COMMAND ARGS...")
	}
	u, err := user.Lookup(args[0])
	ts.Check(err)
	uid, err := strconv.Atoi(u.Uid)
	ts.Check(err)
	gid, err := strconv.Atoi(u.Gid)
	ts.Check(err)
	for _, dir := range []string{ts.Value(rootKey{}).(string), ts.Getenv("WORK")} {
		ts.Check(give(dir, uid, gid))
	}
	err = ts.Exec("setpriv", append([]string{"--reuid", u.Uid, "--regid", u.Gid, "--init-groups", "--"}, args[1:]...)...)
	if (err == nil) == neg {
		ts.Fatalf("as %s: %v", args[0], err)
	}
}

// give chowns what root has made below dir; files of other users are the containers'.
func give(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a container that was just going
		}
		if err != nil {
			return fmt.Errorf("give %s away: %w", path, err)
		}
		info, err := d.Info()
		if err != nil || ownerOf(info) != 0 {
			return nil // gone, or a container's
		}
		return os.Lchown(path, uid, gid)
	})
}
