package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// maxInitAllocs is how many allocations a package may make before main. It stands for time,
// which cannot be tested: a dependency that compiles regular expressions, fills tables or
// asks the terminal at import makes hundreds, and every start of the program pays for them.
const maxInitAllocs = 150

// costly are the packages that may make more, by program, with the reason.
var costly = map[string]map[string]string{}

// initLine is a line of GODEBUG=inittrace=1; see the documentation of package runtime.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, \d+ bytes, (\d+) allocs$`)

func TestProgramsDoLittleBeforeMain(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"rlc", "rlc-monitor"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(build(t, program), "--version")
			cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
			out, err := cmd.CombinedOutput()
			lines := initLine.FindAllSubmatch(out, -1)
			if len(lines) == 0 {
				t.Fatalf("no trace of %s: %v: %s", program, err, out)
			}
			for _, line := range lines {
				name, clock := string(line[1]), string(line[2])
				allocs, err := strconv.Atoi(string(line[3]))
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%-50s %6s ms %6d allocations", name, clock, allocs)
				if allocs > maxInitAllocs && costly[program][name] == "" {
					t.Errorf("%s makes %d allocations before main, more than %d", name, allocs, maxInitAllocs)
				}
			}
		})
	}
}

// build builds a program as the Makefile does and returns its path.
func build(t *testing.T, program string) string {
	t.Helper()
	tags, err := buildTags()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), program)
	cmd := exec.Command("go", "build", "-trimpath", "-tags", tags, "-ldflags", "-s -w", "-o", path, "./cmd/"+program)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
	return path
}
