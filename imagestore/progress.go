package imagestore

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/image"
)

// The ways to show progress.
const (
	progressTTY   = "tty"
	progressPlain = "plain"
	progressJSON  = "json"
	progressNone  = "none"
)

// redraw is how often bars move.
const redraw = 100 * time.Millisecond

// progress shows how far the layers of one image are. A terminal gets a bar a layer,
// anything else a line once a layer is there.
type progress struct {
	mode    string
	to      io.Writer
	width   int
	title   string
	one     sync.Mutex
	lines   []*line
	drawn   int // lines on the terminal that the next drawing replaces
	quit    chan struct{}
	stopped sync.WaitGroup
}

// line is the progress of one layer.
type line struct {
	owner *progress
	label string
	total atomic.Int64 // bytes; negative or 0: unknown
	now   atomic.Int64
	state atomic.Int32
}

// The states of a line.
const (
	stateWaiting = iota
	stateMoving
	stateDone
	stateFailed
	statePresent
)

// progress begins to show the progress of what title names. The caller stops it.
func (s *Store) progress(title string) *progress {
	p := &progress{mode: s.progressMode(), to: s.options.Progress, title: title, width: 80, quit: make(chan struct{})}
	switch p.mode {
	case progressPlain:
		fmt.Fprintln(p.to, s.action(), title)
	case progressTTY:
		if size, err := unix.IoctlGetWinsize(int(s.options.Progress.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			p.width = int(size.Col)
		}
		fmt.Fprintln(p.to, s.action(), title)
		p.stopped.Go(p.animate)
	}
	return p
}

// action is what the person asked for.
func (s *Store) action() string {
	if s.request.Verb == image.VerbLoad {
		return "loading"
	}
	return "pulling"
}

func (s *Store) progressMode() string {
	switch {
	case s.options.Progress == nil || s.request.Quiet:
		return progressNone
	case s.request.Progress == progressTTY || s.request.Progress == progressPlain || s.request.Progress == progressJSON || s.request.Progress == progressNone:
		return s.request.Progress
	case isTerminal(s.options.Progress):
		return progressTTY
	}
	return progressPlain
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// add begins a line for a layer of size bytes.
func (p *progress) add(label string, size int64) *line {
	l := &line{owner: p, label: label}
	l.total.Store(size)
	p.one.Lock()
	defer p.one.Unlock()
	p.lines = append(p.lines, l)
	return l
}

// present tells of a layer that need not be fetched.
func (p *progress) present(label string) {
	l := p.add(label, 0)
	l.finish(statePresent)
}

// stop ends the showing; what is drawn stays.
func (p *progress) stop() {
	close(p.quit)
	p.stopped.Wait()
}

func (l *line) expect(size int64) {
	if size > 0 {
		l.total.Store(size)
	}
	l.state.Store(stateMoving)
}

func (l *line) advance(n int64) { l.now.Add(n) }
func (l *line) done()           { l.finish(stateDone) }
func (l *line) fail()           { l.finish(stateFailed) }

func (l *line) finish(state int32) {
	l.state.Store(state)
	p := l.owner
	p.one.Lock()
	defer p.one.Unlock()
	switch p.mode {
	case progressPlain:
		fmt.Fprintf(p.to, "%s: %s\n", l.label, l.text())
	case progressJSON:
		event := struct {
			Image string `json:"image"`
			Layer string `json:"layer"`
			State string `json:"state"`
			Bytes int64  `json:"bytes"`
		}{p.title, l.label, l.word(), l.now.Load()}
		_ = json.NewEncoder(p.to).Encode(event) // nobody may be listening
	}
}

func (l *line) word() string {
	switch l.state.Load() {
	case stateDone:
		return "done"
	case stateFailed:
		return "failed"
	case statePresent:
		return "present"
	case stateMoving:
		return "pulling"
	}
	return "waiting"
}

func (l *line) text() string {
	if l.state.Load() == stateDone {
		return "done, " + bytesText(l.now.Load())
	}
	return l.word()
}

func (p *progress) animate() {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.draw()
		case <-p.quit:
			p.draw()
			return
		}
	}
}

// draw replaces the bars on the terminal by their present state.
func (p *progress) draw() {
	p.one.Lock()
	defer p.one.Unlock()
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, l := range p.lines {
		text := l.bar(p.width)
		b.WriteString("\r\x1b[2K" + text + "\n")
	}
	p.drawn = len(p.lines)
	_, _ = io.WriteString(p.to, b.String()) // nobody may be looking
}

// bar is one line of at most width columns.
func (l *line) bar(width int) string {
	now, total := l.now.Load(), l.total.Load()
	if l.state.Load() != stateMoving || total <= 0 {
		text := l.label + " " + l.text()
		return text[:min(len(text), max(width-1, 1))]
	}
	figures := fmt.Sprintf(" %s / %s", bytesText(now), bytesText(total))
	room := width - 1 - len(l.label) - len(figures) - 3
	if room < 4 {
		return l.label[:min(len(l.label), max(width-1, 1))]
	}
	full := int(min(now, total) * int64(room) / total)
	return l.label + " [" + strings.Repeat("=", full) + strings.Repeat(" ", room-full) + "]" + figures
}

func bytesText(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, suffix := float64(n), 0
	for value >= unit && suffix < 4 {
		value /= unit
		suffix++
	}
	return fmt.Sprintf("%.1f %cB", value, " kMGT"[suffix])
}
