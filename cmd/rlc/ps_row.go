package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/engine"
)

// containerRow is one line of the list of containers. Its methods are what a --format may
// ask for.
type containerRow struct {
	c     *engine.Container
	whole bool // nothing is shortened
	now   time.Time
}

// containerSummary is a container as `ps --format json` shows it.
type containerSummary struct {
	ID         string            `json:"Id"`
	Names      []string          `json:"Names"`
	Image      string            `json:"Image"`
	ImageID    string            `json:"ImageID"`
	Command    []string          `json:"Command"`
	Created    int64             `json:"Created"`
	CreatedAt  string            `json:"CreatedAt"`
	State      string            `json:"State"`
	Status     string            `json:"Status"`
	Pid        int               `json:"Pid"`
	StartedAt  int64             `json:"StartedAt"`
	Exited     bool              `json:"Exited"`
	ExitedAt   int64             `json:"ExitedAt"`
	ExitCode   int               `json:"ExitCode"`
	AutoRemove bool              `json:"AutoRemove"`
	Labels     map[string]string `json:"Labels"`
	Mounts     []string          `json:"Mounts"`
	Networks   []string          `json:"Networks"`
	Ports      []struct{}        `json:"Ports"`
}

// MarshalJSON writes what scripts read.
func (r *containerRow) MarshalJSON() ([]byte, error) {
	s := containerSummary{
		ID: r.c.ID, Names: []string{r.c.Name}, Image: r.c.Image, ImageID: r.c.ImageID, Command: listed(r.c.Command),
		Created: r.c.Created.Unix(), CreatedAt: r.Created(), State: r.State(), Status: r.Status(), Pid: r.c.Pid,
		StartedAt: unixOrZero(r.c.Started), Exited: r.c.State == container.Exited, ExitedAt: unixOrZero(r.c.Finished),
		ExitCode: r.c.ExitCode, AutoRemove: r.c.Remove, Labels: r.c.Labels, Mounts: destinations(r.c.Mounts),
		Networks: []string{r.c.Network}, Ports: []struct{}{},
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	return json.Marshal(s)
}

// unixOrZero counts the seconds since 1970; 0 for the zero time.
func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// ID is the container's id, shortened unless --no-trunc.
func (r *containerRow) ID() string {
	if r.whole {
		return r.c.ID
	}
	return shortID(r.c.ID)
}

// Names is the container's name.
func (r *containerRow) Names() string { return r.c.Name }

// Image is the image's name as typed, or the directory of a --rootfs.
func (r *containerRow) Image() string {
	if r.c.Image == "" {
		return r.c.Request.Rootfs
	}
	return r.c.Image
}

// ImageID is the image's id, shortened unless --no-trunc.
func (r *containerRow) ImageID() string {
	if r.whole {
		return r.c.ImageID
	}
	return shortID(r.c.ImageID)
}

// Command is what runs, shortened unless --no-trunc.
func (r *containerRow) Command() string {
	const most = 20
	text := strings.Join(r.c.Command, " ")
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' ' // a command must not move the cursor
		}
		return c
	}, text)
	if !r.whole && len([]rune(text)) > most {
		text = truncate(text, most-3) + "..."
	}
	return text
}

// Created is when the container was made.
func (r *containerRow) Created() string { return r.c.Created.Local().Format(time.RFC3339) }

// CreatedAt is when the container was made, for people.
func (r *containerRow) CreatedAt() string {
	return r.c.Created.Local().Format("2006-01-02 15:04:05 -0700 MST")
}

// CreatedHuman says how long ago the container was made.
func (r *containerRow) CreatedHuman() string { return ago(r.c.Created, r.now) }

// RunningFor is CreatedHuman.
func (r *containerRow) RunningFor() string { return r.CreatedHuman() }

// State is the container's state in a word.
func (r *containerRow) State() string { return string(r.c.State) }

// Status is the container's state and since when it lasts.
func (r *containerRow) Status() string { return stateText(r.c, r.now) }

// Ports are published ports.
func (r *containerRow) Ports() string { return "" }

// Pid is the first process on the host.
func (r *containerRow) Pid() int { return r.c.Pid }

// ExitCode is what the command ended with.
func (r *containerRow) ExitCode() int { return r.c.ExitCode }

// Labels are the container's labels, as KEY=VALUE with commas between.
func (r *containerRow) Labels() string {
	var all []string
	for key, value := range r.c.Labels {
		all = append(all, key+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// Label is one of the container's labels.
func (r *containerRow) Label(name string) string { return r.c.Labels[name] }

// Mounts are the places in the container where something is mounted.
func (r *containerRow) Mounts() string { return strings.Join(destinations(r.c.Mounts), ",") }

// Networks is the container's network.
func (r *containerRow) Networks() string { return r.c.Network }
