package idmap

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDiagnose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		output string
		want   error
	}{
		{"not granted", "newuidmap: uid range [1-65537) -> [100000-165536) not allowed",
			&NotGrantedError{Login: currentLogin(), File: subuidFile, Range: Range{100000, 65536}}},
		{"not granted, in other words", "newuidmap: not allowed",
			&NotGrantedError{Login: currentLogin(), File: subuidFile}},
		{"no login name", "newuidmap: Cannot determine your user name.",
			&HelperError{Program: "/bin/true", Cause: NoLogin, Output: "newuidmap: Cannot determine your user name."}},
		{"other group", "newuidmap: Target process 7 is owned by a different user: uid:1 pw_uid:1 st_uid:1, gid:5 pw_gid:1 st_gid:5",
			&HelperError{Program: "/bin/true", Cause: OtherGroup, Output: "newuidmap: Target process 7 is owned by a different user: uid:1 pw_uid:1 st_uid:1, gid:5 pw_gid:1 st_gid:5"}},
		{"no setuid bit", "newuidmap: write to uid_map failed: Operation not permitted",
			&HelperError{Program: "/bin/true", Cause: NotPrivileged, Output: "newuidmap: write to uid_map failed: Operation not permitted"}},
		{"nothing said", "", &HelperError{Program: "/bin/true", Cause: NotPrivileged}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := &writer{name: "newuidmap", file: subuidFile, program: &program{path: "/bin/true"}}
			if got := w.diagnose(test.output); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

func TestCausesExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, cause := range []Cause{Missing, NotExecutable, NotPrivileged, OnNosuid, NoNewPrivs, NotBounded, NoLogin, OtherGroup} {
		if e := (&HelperError{Program: "/usr/bin/newuidmap", Cause: cause}); e.Hint() == "" || !strings.HasPrefix(e.Error(), "/usr/bin/newuidmap ") {
			t.Errorf("%v has the hint %q", e, e.Hint())
		}
	}
}

func TestPowerless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "newuidmap")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := powerless(file); got != NotPrivileged {
		t.Errorf("a plain file: %q", got)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := powerless(file); got != NotExecutable {
		t.Errorf("a file without the x bit: %q", got)
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chmod(file, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if got := powerless(file); got != "" && got != OnNosuid {
		t.Errorf("a setuid file: %q", got)
	}
	if output, err := exec.Command("unshare", "-m", "sh", "-c", "mount -t tmpfs -o nosuid x "+dir+" && echo '#!/bin/true' > "+file+" && chmod 4755 "+file+" && exec "+os.Args[0]+" -test.run=^TestPowerlessOnNosuid$ -test.v -test.timeout=1m "+file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestPowerlessOnNosuid is started by TestPowerless, with a file on a nosuid mount.
func TestPowerlessOnNosuid(t *testing.T) {
	file := os.Args[len(os.Args)-1]
	if !strings.HasSuffix(file, "/newuidmap") {
		t.Skip("TestPowerless starts this one")
	}
	if got := powerless(file); got != OnNosuid {
		t.Errorf("a setuid file on a nosuid mount: %q", got)
	}
}

func TestNoNewPrivileges(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("SKIPPED: setpriv is not installed")
	}
	if os.Getenv("IDMAP_TEST_NNP") == "" {
		cmd := exec.Command(setpriv, "--no-new-privs", os.Args[0], "-test.run=^TestNoNewPrivileges$")
		cmd.Env = append(os.Environ(), "IDMAP_TEST_NNP=1")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	var helper *HelperError
	if err := unprivileged(); !errors.As(err, &helper) || helper.Cause != NoNewPrivs {
		t.Errorf("got %v", err)
	}
}

func TestProgramWait(t *testing.T) {
	t.Parallel()
	sh, ok := find("sh")
	if !ok {
		t.Skip("SKIPPED: there is no sh")
	}
	for _, test := range []struct {
		name    string
		script  string
		output  string
		success bool
	}{
		{"success", "echo out; echo err >&2", "out\nerr", true},
		{"failure", "echo no; exit 1", "no", false},
		{"killed", "kill -9 $$", "", false},
		{"nothing to read", "read x || echo end", "end", true},
		{"environment", "echo $HOME$LC_ALL", "C", true},
		{"a lot to say", "while echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy 2>/dev/null; do :; done; exit 1", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := start(sh, "-c", test.script)
			if err != nil {
				t.Fatal(err)
			}
			output, success, err := p.wait(t.Context())
			if err != nil || success != test.success || len(output) < maxOutput/2 && output != test.output {
				t.Errorf("got %q, %v, %v; want %q, %v", output, success, err, test.output, test.success)
			}
		})
	}
}

func TestProgramIsStopped(t *testing.T) {
	t.Parallel()
	sh, ok := find("sh")
	if !ok {
		t.Skip("SKIPPED: there is no sh")
	}
	for name, script := range map[string]string{
		"hanging":                     "exec sleep 100",
		"a child holds its output":    "sleep 5 & exec sleep 100",
		"hanging with closed outputs": "exec sleep 100 >/dev/null 2>&1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			p, err := start(sh, "-c", script)
			if err != nil {
				t.Fatal(err)
			}
			if _, success, err := p.wait(ctx); success || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, %v", success, err)
			}
		})
	}
}
