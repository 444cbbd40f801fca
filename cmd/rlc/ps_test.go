package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/engine"
)

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

func sampleContainer() engine.Container {
	timeout := 3
	return engine.Container{
		ID: strings.Repeat("c", 64), Name: "web", Image: "localhost/web", ImageID: strings.Repeat("a", 64),
		Command: []string{"httpd", "-f", "-p", "8080\x1b[2J", "more"}, Created: noon.Add(-time.Hour), State: container.Running, Pid: 42,
		Started: noon.Add(-time.Minute), Network: "private", Labels: map[string]string{"b": "2", "a": "1"},
		Mounts: []string{"/src:/dst:ro", "type=tmpfs,dst=/tmp", "/anonymous"},
		Request: bundle.Request{
			Image: "localhost/web", Args: []string{"-f"}, Volumes: []string{"/src:/dst:ro"}, StopTimeout: &timeout,
			Tmpfs: []string{"/run:size=1m"}, CapAdd: []string{"NET_ADMIN"},
		},
		Runtime: "/run/rlc/c", Directory: "/nowhere",
	}
}

func TestContainerRow(t *testing.T) {
	t.Parallel()
	c := sampleContainer()
	row := &containerRow{c: &c, now: noon}
	a, out := captured(t)
	l := listing{format: "{{.ID}}|{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}|{{.State}}|{{.RunningFor}}|{{.Labels}}|{{.Label \"a\"}}|{{.Mounts}}|{{.Networks}}|{{.Pid}}", rows: []any{row}}
	if err := a.printList(l); err != nil {
		t.Fatal(err)
	}
	want := "cccccccccccc|web|localhost/web|httpd -f -p 8080 ...|Up About a minute|running|About an hour ago|a=1,b=2|1|/dst,/tmp,/anonymous|private|42\n"
	if got := out(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	text, err := marshal(row, "")
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back["State"] != "running" || back["StartedAt"] != float64(noon.Add(-time.Minute).Unix()) || back["Exited"] != false {
		t.Errorf("as JSON: %s", text)
	}
}

func TestStateText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		c    engine.Container
		want string
	}{
		{engine.Container{State: container.Running, Started: noon.Add(-5 * time.Second)}, "Up 5 seconds"},
		{engine.Container{State: container.Exited, ExitCode: 137, Finished: noon.Add(-3 * time.Hour)}, "Exited (137) 3 hours ago"},
		{engine.Container{State: container.Created}, "Created"},
		{engine.Container{State: container.Dead}, "Dead"},
	}
	for _, tt := range tests {
		if got := stateText(&tt.c, noon); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.c.State, got, tt.want)
		}
	}
}

func TestContainerReport(t *testing.T) {
	t.Parallel()
	c := sampleContainer()
	c.Directory = t.TempDir()
	spec, err := json.Marshal(specs.Spec{
		Hostname: "cccccccccccc",
		Process:  &specs.Process{Env: []string{"PATH=/bin"}, Cwd: "/srv"},
		Linux:    &specs.Linux{Sysctl: map[string]string{"net.ipv4.ip_forward": "1"}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm"},
			{Destination: "/etc/hosts", Type: "bind", Source: "/run/rlc/c/hosts", Options: []string{"bind"}},
			{Destination: "/dst", Type: "bind", Source: "/src", Options: []string{"rbind", "ro", "rslave"}},
			{Destination: "/data", Type: "bind", Source: "/home/x/rlc/volumes/data/_data", Options: []string{"rbind", "nosuid", "x-copyup"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Directory, "config.json"), spec, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := containerReport(&c)
	if err != nil {
		t.Fatal(err)
	}
	report.OCIConfigPath = "config.json"
	a, out := captured(t)
	if err := a.printJSON(report); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/inspect.json", out())
}

func TestPrintEach(t *testing.T) {
	t.Parallel()
	object := json.RawMessage(`{"Id": "abc", "Size": 12345678901, "Config": {"Env": ["A=1", "B=2"]}, "Ratio": 0.5}`)
	tests := []struct{ format, want string }{
		{"{{.Id}} {{.ID}} {{.Size}} {{.Ratio}}", "abc abc 12345678901 0.5\n"},
		{"{{if gt .Size 5}}large{{end}}", "large\n"},
		{"{{json .Config.Env}} {{len .Config.Env}} {{index .Config.Env 1}}", "[\"A=1\",\"B=2\"] 2 B=2\n"},
		{`{{range .Config.Env}}{{println .}}{{end}}`, "A=1\nB=2\n\n"},
	}
	for _, tt := range tests {
		a, out := captured(t)
		if err := a.printEach(tt.format, []json.RawMessage{object}); err != nil {
			t.Fatal(err)
		}
		if got := out(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.format, got, tt.want)
		}
	}
	a, _ := captured(t)
	if err := a.printEach("{{.NoSuch}}", []json.RawMessage{object}); err == nil {
		t.Error("a missing key was printed")
	}
}
