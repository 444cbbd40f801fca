package sandbox

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNested runs some of these tests in a container: what the outer one hides of /proc and /sys
// is locked, so that the kernel refuses new mounts of these in the inner one.
func TestNested(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"^TestInit$/^exit_code$", "^TestInit$/^masked_and_read-only_paths$", "^TestReaper$/^signal$", "^TestTerminal$/^root$"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "")
			j.Spec.Process.Args = []string{"/sandbox.test", "-test.v", "-test.run=" + name}
			j.Spec.Process.Env = []string{"PATH=/bin", roleVariable + "=nested"}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			// To map a root takes CAP_SETFCAP; see user_namespaces(7).
			caps := append(slices.Clone(dockerCaps), "CAP_SETFCAP")
			j.Spec.Process.Capabilities.Permitted, j.Spec.Process.Capabilities.Effective = caps, caps
			j.Spec.Process.Capabilities.Bounding = caps
			adds(bind(self, "/sandbox.test", "ro"))(t, &j)
			o := perform(t, oneID, j)
			if o.Refused != nil || o.Code != 0 || !strings.Contains(o.Out, "\nPASS") || strings.Contains(o.Out, "SKIP") {
				t.Errorf("refused %v, exit code %d, output:\n%s\n%s", o.Refused, o.Code, o.Out, o.Err)
			}
		})
	}
}
