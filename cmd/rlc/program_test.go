package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// scratch is the directory of what the tests share; TestMain removes it.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "rlc-test") })

// program builds rlc once and returns its path. Its other programs are not beside it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rlc") // away from its other programs
	if built := os.Getenv("RLC_BIN"); built != "" {
		return path, copyFile(filepath.Join(built, "rlc"), path)
	}
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := scratch(); err == nil {
		_ = os.RemoveAll(dir) // only tidies up
	}
	os.Exit(code)
}

// runProgram runs rlc in an environment of its own. The first word is what it is started as.
func runProgram(t *testing.T, environment, argv []string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.Command(path)
	cmd.Args = argv
	cmd.Dir = home
	cmd.Env = append([]string{"HOME=" + home, "PATH=/usr/bin:/bin", "RLC_ROOT=" + home + "/data", "RLC_RUNROOT=" + home + "/run"}, environment...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestProgram(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		environment []string
		line        string
		code        int
		out, err    string // regular expressions; empty: nothing is printed
	}{
		{"no words", nil, "rlc", 0, "^Run containers", ""},
		{"help", nil, "rlc --help", 0, "Usage:\n  rlc ", ""},
		{"help by a letter", nil, "rlc -h", 0, "Usage:\n  rlc ", ""},
		{"help by a command", nil, "rlc help run", 0, "^Run a command", ""},
		{"help on two words", nil, "rlc help image ls", 0, "^List images", ""},
		{"help on a group", nil, "rlc help image", 0, "^Manage images", ""},
		{"help of a command", nil, "rlc run --help", 0, "^Run a command", ""},
		{"help of a command by a letter", nil, "rlc ps -h", 0, "^List containers", ""},
		{"help before a command", nil, "rlc --help ps", 0, "^List containers", ""},
		{"help behind other words", nil, "rlc rm -f c --help", 0, "^Remove containers", ""},
		{"help that belongs to the container", nil, "rlc run --pull never image --help", 125, "", "^Error: "},
		{"version", nil, "rlc --version", 0, `^rlc version \S+\n$`, ""},
		{"version by a letter", nil, "rlc -v", 0, `^rlc version \S+\n$`, ""},
		{"version as docker", nil, "/usr/bin/docker --version", 0, `^Docker version \S+, build `, ""},
		{"version as podman", nil, "podman --version", 0, `^podman version `, ""},
		{"help as podman", nil, "podman run --help", 0, `Usage:\n  podman run `, ""},
		{"version command", nil, "rlc version", 0, "^Version: ", ""},
		{"version by a template", nil, "rlc version --format {{.Client.Os}}/{{.Server.Arch}}", 0, `^linux/\w+\n$`, ""},
		{"unknown command", nil, "rlc rnu image", 125, "", `^Error: unknown command "rnu"\nhint: did you mean run\?\n`},
		{"unknown command of a group", nil, "rlc image lss", 125, "", `^Error: unknown command "image lss"\nhint: did you mean ls`},
		{"group alone", nil, "rlc image", 125, "", "^Error: a command is missing: rlc image COMMAND\n"},
		{"unknown flag", nil, "rlc run --netwrk none image", 125, "", "^Error: run: unknown flag --netwrk\nhint: did you mean --network\\?\nhint: usage: rlc run "},
		{"unknown global flag", nil, "rlc --debgu ps", 125, "", "^Error: unknown flag --debgu\nhint: did you mean --debug\\?\n"},
		{"no image", nil, "rlc run", 125, "", "^Error: run: IMAGE is missing\nhint: usage: "},
		{"too many arguments", nil, "rlc info now", 125, "", `^Error: info: unexpected argument "now"\n`},
		{"too few arguments", nil, "rlc tag one", 125, "", "^Error: tag: at least 2 arguments"},
		{"bad template", nil, "rlc version --format {{.No}}", 125, "", "^Error: --format: .*\nhint: "},
		{"all and names", nil, "rlc rm -a c", 125, "", "^Error: rm: name containers, or use --all\n"},
		{"docker's engine", []string{"DOCKER_HOST=tcp://x:1"}, "rlc ps", 125, "", "^Error: DOCKER_HOST=tcp://x:1 names another engine.*\nhint: unset DOCKER_HOST"},
		{"podman's engine", []string{"CONTAINER_HOST=unix:///x"}, "rlc run image", 125, "", "^Error: CONTAINER_HOST="},
		{"help in spite of it", []string{"DOCKER_HOST=tcp://x:1"}, "rlc run --help", 0, "^Run a command", ""},
		{"version in spite of it", []string{"DOCKER_HOST=tcp://x:1"}, "rlc version", 0, "^Version", ""},
		{"nothing runs", nil, "rlc ps", 0, "^CONTAINER ID  IMAGE ", ""},
		{"nothing runs, as JSON", nil, "rlc ps --format json", 0, `^\[\]\n$`, ""},
		{"nothing runs, as docker's JSON", nil, "docker ps --format json", 0, "", ""},
		{"ids of nothing", nil, "rlc ps -aq", 0, "", ""},
		{"a filter that there is not", nil, "rlc ps -f nosuch=1", 125, "", "^Error: .*nosuch.*\nhint: filters are "},
		{"remove what is not there", nil, "rlc rm nosuch", 1, "", `^Error: no container "nosuch"\n`},
		{"remove several", nil, "rlc rm one two", 1, "", "\"one\"\n(.*\n)*.*\"two\"\n"},
		{"remove what is not there by force", nil, "rlc rm -f nosuch", 0, "", ""},
		{"stop what is not there", nil, "rlc stop nosuch -t 0", 125, "", `^Error: no container "nosuch"\n`},
		{"stop with a negative time", nil, "rlc stop -t -1 nosuch", 125, "", `^Error: no container "nosuch"\n`},
		{"kill with a bad signal", nil, "rlc kill -s NOPE c", 125, "", `^Error: signal "NOPE": unknown\nhint: `},
		{"inspect what is not there", nil, "rlc container inspect nosuch", 125, `^\[\]\n$`, `^Error: no container "nosuch"\n`},
		{"no such container", nil, "rlc container exists nosuch", 1, "", ""},
		{"incomplete installation", nil, "rlc images", 125, "", "^Error: start rlc-image: .*\nhint: "},
		{"broken configuration", []string{"RLC_CONFIG=/proc/version"}, "rlc ps", 125, "", "^Error: read /proc/version: "},
		{"broken containers.conf", []string{"CONTAINERS_CONF=/proc/version"}, "rlc ps", 125, "", "^Error: read /proc/version: "},
		{"help in spite of it", []string{"RLC_CONFIG=/proc/version"}, "rlc ps --help", 0, "^List containers", ""},
		{"a script for bash", nil, "rlc completion bash", 0, "complete -F _rlc rlc", ""},
		{"a script for docker", nil, "docker completion bash", 0, "complete -F _docker docker", ""},
		{"a script for nobody", nil, "rlc completion csh", 125, "", "^Error: completion: unknown shell csh\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, errs, code := runProgram(t, tt.environment, strings.Fields(tt.line))
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			expect(t, "standard output", out, tt.out)
			expect(t, "standard error", errs, tt.err)
		})
	}
}

// expect compares a text with a regular expression; an empty one means an empty text.
func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" {
		want = `^\z`
	}
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("%s is %q, want %s", what, got, want)
	}
}
