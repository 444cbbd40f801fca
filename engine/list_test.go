package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
)

// stored makes an engine with three containers that have ended, oldest first.
func stored(t *testing.T) *Engine {
	t.Helper()
	dir := t.TempDir()
	e, err := New(Options{Data: dir + "/data", Runtime: dir + "/run", Programs: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range []struct {
		name, image string
		code        int
		labels      map[string]string
		request     bundle.Request
	}{
		{"web", "docker.io/library/nginx", 0, map[string]string{"tier": "front", "live": ""}, bundle.Request{Network: "host"}},
		{"db", "postgres:17", 1, map[string]string{"tier": "back"}, bundle.Request{Volumes: []string{"pgdata:/var/lib/postgresql"}}},
		{"web-2", "docker.io/library/nginx", 137, nil, bundle.Request{}},
	} {
		c, lock, err := e.home.Create(container.Record{ID: container.NewID(), Name: r.name, Created: time.Unix(int64(i), 0)})
		if err != nil {
			t.Fatal(err)
		}
		c.Record.Image.Name, c.Record.Labels = r.image, r.labels
		c.Record.Request, _ = json.Marshal(r.request)
		c.Record.Plan = json.RawMessage("{}")
		if err := errors.Join(c.Save(), c.SetStatus(container.Status{State: container.Exited, ExitCode: r.code}), lock.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	e := stored(t)
	for name, tc := range map[string]struct {
		filters []Filter
		want    []string
	}{
		"none, newest first":    {nil, []string{"web-2", "db", "web"}},
		"a part of the name":    {[]Filter{{"name", "web"}}, []string{"web-2", "web"}},
		"two values of one key": {[]Filter{{"name", "db"}, {"name", "-2"}}, []string{"web-2", "db"}},
		"two keys":              {[]Filter{{"name", "web"}, {"exited", "137"}}, []string{"web-2"}},
		"label":                 {[]Filter{{"label", "tier"}}, []string{"db", "web"}},
		"label and value":       {[]Filter{{"label", "tier=back"}}, []string{"db"}},
		"all labels must match": {[]Filter{{"label", "tier"}, {"label", "live"}}, []string{"web"}},
		"status":                {[]Filter{{"status", "exited"}}, []string{"web-2", "db", "web"}},
		"ancestor":              {[]Filter{{"ancestor", "docker.io/library/nginx"}}, []string{"web-2", "web"}},
		"network":               {[]Filter{{"network", "host"}}, []string{"web"}},
		"volume by name":        {[]Filter{{"volume", "pgdata"}}, []string{"db"}},
		"volume by place":       {[]Filter{{"volume", "/var/lib/postgresql"}}, []string{"db"}},
		"before":                {[]Filter{{"before", "db"}}, []string{"web"}},
		"since":                 {[]Filter{{"since", "db"}}, []string{"web-2"}},
		"nothing fits":          {[]Filter{{"name", "nope"}}, nil},
	} {
		found, err := e.List(context.Background(), ListOptions{All: true, Filters: tc.filters})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, c := range found {
			names = append(names, c.Name)
		}
		if !slices.Equal(names, tc.want) {
			t.Errorf("%s: got %v, want %v", name, names, tc.want)
		}
	}
	running, err := e.List(context.Background(), ListOptions{})
	if err != nil || len(running) != 0 {
		t.Errorf("without --all: %v, %v; want none", running, err)
	}
	var unknown *FilterError
	for _, bad := range []Filter{{"colour", "red"}, {"exited", "often"}} {
		if _, err := e.List(context.Background(), ListOptions{Filters: []Filter{bad}}); !errors.As(err, &unknown) {
			t.Errorf("filter %v: %v, want a *FilterError", bad, err)
		}
	}
}
