package userns

import (
	"strings"
	"testing"

	"github.com/rlc-containers/rlc/idmap"
)

func TestStartExplainsRefusals(t *testing.T) {
	asPersons(t, func(t *testing.T) {
		for _, test := range []struct {
			way  string
			want Cause
			text string
		}{
			{"limit=0", Disabled, "user.max_user_namespaces is 0"},
			{"seccomp", Seccomp, "operation not permitted"},
			{"unmapped", Unmapped, "not mapped"},
			{"not executable", "", "start /etc/passwd in a user namespace: permission denied"},
			{"not there", "", "start /no/such/program in a user namespace: no such file or directory"},
		} {
			t.Run(test.way, func(t *testing.T) {
				o := role("forbidden")
				o.Env = append(o.Env, "WAY="+test.way)
				if test.want == Unmapped {
					p, err := planFor(idmap.Request{Mode: idmap.NoMap})
					if err != nil {
						t.Skipf("SKIPPED: %v", err)
					}
					o.Plan = p
				}
				var got struct {
					Cause Cause
					Error string
				}
				answer(t, o, &got)
				if got.Cause != test.want || !strings.Contains(got.Error, test.text) {
					t.Errorf("got %q: %s", got.Cause, got.Error)
				}
			})
		}
	})
}

func TestCausesExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, cause := range []Cause{Disabled, Exhausted, DebianSwitch, AppArmor, SELinux, Seccomp, Unmapped, Unsupported, Powerless, Unknown} {
		if e := (&ForbiddenError{Cause: cause}); e.Hint() == "" || !strings.Contains(e.Error(), string(cause)) {
			t.Errorf("%v has the hint %q", e, e.Hint())
		}
	}
}

func TestRestrictedLabel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		label            string
		restricted, root bool
		want             bool
	}{
		{name: "no AppArmor"},
		{name: "no AppArmor, odd sysctl", restricted: true},
		{name: "unrestricted machine", label: "unconfined"},
		{name: "Ubuntu", label: "unconfined", restricted: true, want: true},
		{name: "Ubuntu, root", label: "unconfined", restricted: true, root: true},
		{name: "Ubuntu with our profile", label: "rlc (unconfined)", restricted: true},
		{name: "a profile that complains", label: "rlc (complain)", restricted: true},
		{name: "a profile that confines", label: "snap.foo (enforce)", want: true},
		{name: "an outer container", label: "docker-default (enforce)", root: true, want: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := restrictedLabel(test.label, test.restricted, test.root); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAppArmorProfile(t *testing.T) {
	t.Parallel()
	want := `abi <abi/4.0>,
include <tunables/global>

profile rlc "/home/a b/\*/rlc" flags=(unconfined) {
  userns,
}
`
	if got := apparmorProfile("/home/a b/*/rlc"); got != want {
		t.Errorf("got\n%s", got)
	}
	if hint := (&ForbiddenError{Cause: AppArmor, Profile: want}).Hint(); !strings.HasSuffix(hint, want) || !strings.Contains(hint, "apparmor_parser -r /etc/apparmor.d/rlc") {
		t.Errorf("the hint is %s", hint)
	}
}
