package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rlc-containers/rlc/bundle"
	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/idmap"
)

// Container is what people see of one.
type Container struct {
	ID        string
	Name      string
	Image     string // as typed
	ImageID   string
	Command   []string
	Created   time.Time
	Labels    map[string]string
	Mounts    []string // destinations of -v and --mount, as typed
	Network   string
	State     container.State
	Pid       int
	ExitCode  int
	Started   time.Time
	Finished  time.Time
	Error     string
	Driver    string
	Remove    bool
	Terminal  bool
	Request   bundle.Request
	Plan      idmap.Plan
	Runtime   string // its runtime directory
	Directory string // its data directory
}

// Filter chooses containers: Key is name, id, label, status, ancestor, exited, network, volume, before or since.
type Filter struct{ Key, Value string }

// ListOptions choose what List returns; the zero value means those that run.
type ListOptions struct {
	All     bool
	Filters []Filter
}

// FilterError reports a filter that there is not.
type FilterError struct{ Filter }

func (e *FilterError) Error() string {
	return "filter containers: unknown filter " + strconv.Quote(e.Key+"="+e.Value)
}

// Hint lists the filters.
func (e *FilterError) Hint() string {
	return "filters are name, id, label, status, ancestor, exited, network, volume, before and since, as KEY=VALUE"
}

// List returns containers, newest first. It takes no lock, but removes what it meets of
// containers whose makers or monitors were killed half-way.
func (e *Engine) List(ctx context.Context, o ListOptions) ([]Container, error) {
	e.sweep(ctx)
	all, err := e.all()
	if err != nil {
		return nil, err
	}
	matchers, err := e.matchers(o.Filters)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c Container) bool {
		if !o.All && !filtersState(o.Filters) && c.State != container.Running {
			return true
		}
		for _, m := range matchers {
			if !m(c) {
				return true
			}
		}
		return false
	})
	slices.SortFunc(all, func(a, b Container) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// filtersState says that a filter asks for containers that may not run.
func filtersState(filters []Filter) bool {
	return slices.ContainsFunc(filters, func(f Filter) bool { return f.Key == "status" || f.Key == "exited" })
}

func (e *Engine) all() ([]Container, error) {
	found, err := e.home.List()
	if err != nil {
		return nil, err
	}
	all := make([]Container, 0, len(found))
	for _, c := range found {
		if seen := view(c); seen.State != container.Creating {
			all = append(all, seen)
		}
	}
	return all, nil
}

// view reads a container's status beside its record. A damaged container is Dead.
func view(c *container.Container) Container {
	r := c.Record
	v := Container{
		ID: r.ID, Name: r.Name, Image: r.Image.Name, ImageID: r.Image.ID, Command: r.Command, Created: r.Created, Labels: r.Labels,
		Remove: r.Remove, Terminal: r.Terminal, Runtime: c.Runtime, Directory: c.Dir,
	}
	status, err := c.Status()
	if err != nil {
		status.Error = err.Error()
	}
	v.State, v.Pid, v.ExitCode, v.Error, v.Driver = status.State, status.Pid, status.ExitCode, status.Error, status.Driver
	v.Started, v.Finished = status.Started, status.Finished
	if r.Version == 0 { // no record could be read
		v.State = container.Dead
		return v
	}
	if err := errors.Join(json.Unmarshal(r.Request, &v.Request), json.Unmarshal(r.Plan, &v.Plan)); err != nil {
		v.State, v.Error = container.Dead, err.Error()
	}
	v.Network = v.Request.Network
	if v.Network == "" {
		v.Network = "private"
	}
	v.Mounts = slices.Concat(v.Request.Volumes, v.Request.Mounts)
	return v
}

// Find returns one container by name, id or prefix of its id.
func (e *Engine) Find(_ context.Context, name string) (Container, error) {
	c, err := e.home.Lookup(name)
	var damaged *container.DamagedError
	if err != nil && !errors.As(err, &damaged) {
		return Container{}, err
	}
	return view(c), nil
}

// matchers turns filters into functions; several values of one key are alternatives, but
// for labels, all of which must match.
func (e *Engine) matchers(filters []Filter) ([]func(Container) bool, error) {
	var keys []string
	byKey := map[string][]func(Container) bool{}
	for _, f := range filters {
		m, err := e.matcher(f)
		if err != nil {
			return nil, err
		}
		key := f.Key
		if key == "label" {
			key += "=" + f.Value
		}
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], m)
	}
	var all []func(Container) bool
	for _, key := range keys {
		all = append(all, func(c Container) bool {
			return slices.ContainsFunc(byKey[key], func(m func(Container) bool) bool { return m(c) })
		})
	}
	return all, nil
}

func (e *Engine) matcher(f Filter) (func(Container) bool, error) {
	switch f.Key {
	case "name":
		return func(c Container) bool { return strings.Contains(c.Name, f.Value) }, nil
	case "id":
		return func(c Container) bool { return strings.HasPrefix(c.ID, f.Value) }, nil
	case "label":
		key, value, valued := strings.Cut(f.Value, "=")
		return func(c Container) bool {
			have, ok := c.Labels[key]
			return ok && (!valued || have == value)
		}, nil
	case "status":
		return func(c Container) bool { return string(c.State) == f.Value }, nil
	case "exited":
		code, err := strconv.Atoi(f.Value)
		if err != nil {
			return nil, &FilterError{f}
		}
		return func(c Container) bool { return c.State == container.Exited && c.ExitCode == code }, nil
	case "ancestor":
		return func(c Container) bool {
			return c.Image == f.Value || c.Image == f.Value+":latest" || len(f.Value) >= 12 && strings.HasPrefix(c.ImageID, f.Value)
		}, nil
	case "network":
		return func(c Container) bool { return c.Network == f.Value }, nil
	case "volume":
		return func(c Container) bool {
			return slices.ContainsFunc(c.Mounts, func(m string) bool { return slices.Contains(strings.FieldsFunc(m, isMountSeparator), f.Value) })
		}, nil
	case "before", "since":
		other, err := e.home.Lookup(f.Value)
		if err != nil {
			return nil, err
		}
		before := f.Key == "before"
		return func(c Container) bool {
			return c.ID != other.Record.ID && c.Created.Before(other.Record.Created) == before
		}, nil
	}
	return nil, &FilterError{f}
}

func isMountSeparator(r rune) bool { return r == ':' || r == ',' || r == '=' }
