package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/rlc-containers/rlc/container"
	"github.com/rlc-containers/rlc/fuseoverlay"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// Task is something to be done once inside a user namespace, without a container. Either
// Erase or Probe is set.
type Task struct {
	Erase      []string `json:",omitempty"` // directories with files of subordinate ids, to be removed
	Probe      *Probe   `json:",omitempty"`
	BecomeRoot bool     `json:",omitempty"` // the invoking user is not mapped
}

// Probe asks which way of mounting a root works.
type Probe struct {
	Dir     string // a directory on the file system of the image store
	Driver  string // the one wished for; empty: the best
	Program string // fuse-overlayfs, absolute; empty: looked for
}

// Probed is the answer: the driver that works, and why those before it do not.
type Probed struct {
	Driver  string
	Reasons []string
}

// Answer says how a task went.
type Answer struct {
	Failed *Failed `json:",omitempty"`
	Probed *Probed `json:",omitempty"`
}

// Do gives a task to a process that runs TaskMain and waits for the answer.
func (c *Client) Do(t Task) (Answer, error) {
	if err := c.conn.Send(t); err != nil {
		return Answer{}, fmt.Errorf("speak with rlc-monitor: %w", err)
	}
	var a Answer
	if _, err := c.conn.Receive(&a); err != nil {
		return Answer{}, fmt.Errorf("speak with rlc-monitor: %w", err)
	}
	if a.Failed != nil {
		return a, a.Failed
	}
	return a, nil
}

// TaskMain carries out one task; it returns the exit code of the process.
func TaskMain() int {
	conn, err := wire.New(os.NewFile(orderFD, "order"))
	if err != nil {
		return 125
	}
	defer conn.Close() // the process ends
	var t Task
	if _, err := conn.Receive(&t); err != nil {
		return 125
	}
	a, err := t.carryOut()
	if err != nil {
		a.Failed = failure(err)
	}
	_ = conn.Send(a) // the other end may have gone
	return 0
}

func (t Task) carryOut() (Answer, error) {
	if err := userns.Arrive(); err != nil {
		return Answer{}, err
	}
	if t.BecomeRoot {
		if err := becomeRoot(); err != nil {
			return Answer{}, err
		}
	}
	if t.Probe != nil {
		return t.Probe.run()
	}
	var errs []error
	for _, dir := range t.Erase {
		errs = append(errs, container.RemoveTree(dir))
	}
	return Answer{}, errors.Join(errs...)
}

func (p *Probe) run() (Answer, error) {
	options := fuseoverlay.Options{Driver: fuseoverlay.Driver(p.Driver), Program: p.Program}
	driver, reasons, err := fuseoverlay.Probe(context.Background(), p.Dir, options)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Probed: &Probed{Driver: string(driver), Reasons: reasons}}, nil
}
