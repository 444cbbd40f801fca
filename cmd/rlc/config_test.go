package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// configuredLine reads words as `rlc run WORDS` with config.toml files.
func configuredLine(t *testing.T, environment []string, words ...string) (string, error) {
	t.Helper()
	a := testApp()
	a.environment = append(environment, a.environment...)
	c := commands().find("run")
	s := describe(c.flags, &a.globals)
	l, err := normalise(&s, words, false)
	if err != nil {
		t.Fatal(err)
	}
	l.settings, err = a.configured(c, &s, l.settings)
	return strings.Join(l.words(), " "), err
}

func TestConfigFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config, words, want, err string
	}{
		{"empty file", "", "-i image", "--interactive=true", ""},
		{"global", `log-level = "info"`, "image", "--log-level=info", ""},
		{"flag of the command", "[run]\nnetwork = \"host\"\nrm = true\nstop-timeout = 3", "image", "--network=host --rm=true --stop-timeout=3", ""},
		{"the command line wins", "[run]\nnetwork = \"host\"", "--network none image", "--network=none", ""},
		{"a list comes first", "[run]\nenv = [\"A=1\", \"B=2\"]", "-e A=3 image", "--env=A=1 --env=B=2 --env=A=3", ""},
		{"a table is pairs", "[run.label]\nb = \"2\"\na = 1", "image", "--label=a=1 --label=b=2", ""},
		{"another command's table", "[pull]\nquiet = true", "image", "", ""},
		{"alias", "[run]\nnet = \"host\"", "image", "--network=host", ""},
		{"unknown global", "lg-level = \"info\"", "image", "", `unknown key "lg-level"`},
		{"unknown flag", "[run]\nnetwrk = \"host\"", "image", "", `table [run]: unknown key "netwrk"`},
		{"unknown command", "[rnu]\nrm = true", "image", "", `table [rnu]: there is no such command`},
		{"bad choice", "[run]\npull = \"often\"", "image", "", `table [run]: --pull: unknown value "often"`},
		{"list for a single value", "[run]\nname = [\"a\"]", "image", "", "table [run]: name: [a] is no value of this flag"},
		{"not TOML", "[run", "image", "", "toml: line 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, tt.config)
			got, err := configuredLine(t, []string{"RLC_CONFIG=" + path}, split(tt.words)...)
			if want := tt.err; want != "" {
				if !strings.HasPrefix(text(err), "read "+path+": "+want) {
					t.Errorf("got error %q, want %q", text(err), want)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestConfigSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rlc", "config.toml"), "storage-driver = \"copy\"\n[run]\nnetwork = \"host\"")
	other := filepath.Join(dir, "other.toml")
	write(t, other, "[run]\npid = \"host\"")
	tests := []struct {
		name        string
		environment []string
		words       string
		want        string
	}{
		{"the user's file", []string{"XDG_CONFIG_HOME=" + dir}, "image", "--network=host --storage-driver=copy"},
		{"a variable beats a file", []string{"XDG_CONFIG_HOME=" + dir, "STORAGE_DRIVER=overlay"}, "image", "--network=host --storage-driver=copy --storage-driver=overlay"},
		{"rlc's own variable beats a general one", []string{"STORAGE_DRIVER=overlay", "RLC_STORAGE_DRIVER=copy"}, "image", "--storage-driver=overlay --storage-driver=copy"},
		{"--config replaces the files", []string{"XDG_CONFIG_HOME=" + dir}, "--config " + other + " image", "--pid=host --config=" + other},
		{"directories", []string{"RLC_ROOT=/r", "RLC_RUNROOT=/s"}, "image", "--root=/r --runroot=/s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := configuredLine(t, tt.environment, split(tt.words)...)
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if _, err := configuredLine(t, []string{"STORAGE_DRIVER=btrfs"}, "image"); text(err) != `environment variable STORAGE_DRIVER: --storage-driver: unknown value "btrfs"` {
		t.Errorf("bad STORAGE_DRIVER: %v", err)
	}
	if _, err := configuredLine(t, nil, "--config", "/no/such", "image"); text(err) != "read the configuration: open /no/such: no such file or directory" {
		t.Errorf("missing --config: %v", err)
	}
}
