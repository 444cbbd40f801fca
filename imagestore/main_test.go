package imagestore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
	"github.com/rlc-containers/rlc/userns"
	"github.com/rlc-containers/rlc/wire"
)

// program is rlc-image, found in RLC_BIN or built once: the tests are requests to the real program.
var program = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("RLC_BIN"); dir != "" {
		return filepath.Join(dir, "rlc-image"), nil
	}
	dir, err := os.MkdirTemp("", "rlc-image-test")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rlc-image")
	tags, err := exec.Command("make", "-s", "-C", "..", "tags").Output()
	if err != nil {
		return "", fmt.Errorf("make tags: %w", err)
	}
	build := exec.Command("go", "build", "-tags", strings.TrimSpace(string(tags)), "-o", path, "../cmd/rlc-image")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rlc-image: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil && os.Getenv("RLC_BIN") == "" {
		_ = os.RemoveAll(filepath.Dir(path)) // a temporary directory
	}
	os.Exit(code)
}

// bench is a person with an image store of the own.
type bench struct {
	t    *testing.T
	dir  string
	plan idmap.Plan
}

// newBench makes an empty store. In it all owners are kept if the person has subordinate ids.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	var id idmap.Identity
	id.UID, id.GID = uint32(os.Getuid()), uint32(os.Getgid())
	if u, err := user.Current(); err == nil {
		id.User = u.Username
	}
	facts, err := idmap.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if b.plan, err = idmap.New(idmap.Request{}, id, facts); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // rlc-image works as somebody else then
		for dir := b.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			_ = os.Chmod(dir, 0o755) // as far as it is ours
		}
		if err := os.Chown(b.dir, int(b.plan.Owner), int(b.plan.OwnerGID)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { b.clean() })
	return b
}

// alone is a bench whose person has no subordinate ids.
func (b *bench) alone() *bench {
	if os.Getuid() == 0 {
		b.t.Skip("skipped: root always has a range; run as an ordinary user")
	}
	b.plan = idmap.Plan{
		UID: idmap.Map{{Inside: 0, Outside: uint32(os.Getuid()), Count: 1}},
		GID: idmap.Map{{Inside: 0, Outside: uint32(os.Getgid()), Count: 1}}, Single: true,
	}
	return b
}

// clean removes files that only the mapped ids may remove.
func (b *bench) clean() {
	if b.plan.Single || os.Getuid() == 0 {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	// The shell waits for the end of its input: before the ids are mapped nobody may remove them.
	p, err := userns.Start(context.Background(), userns.Options{
		Path: "/bin/sh", Args: []string{"sh", "-c", `read go; exec rm -rf "$0"/*`, b.dir}, Env: os.Environ(),
		Stdio: [3]*os.File{r, nil, os.Stderr}, Plan: b.plan,
	})
	if err == nil {
		_ = p.Mapped() // the test's own cleaning tells
	}
	_ = w.Close() // nothing was written
	if err == nil {
		_, _ = p.Wait() // likewise
	}
}

// reply is all that rlc-image answered.
type reply struct {
	result json.RawMessage
	notes  []string
	err    *image.Error
	stderr string
}

// running is an rlc-image at work.
type running struct {
	process *userns.Process
	conn    *wire.Conn
	stderr  *os.File
}

func (b *bench) start(r image.Request, files ...*os.File) *running {
	b.t.Helper()
	path, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	r.Store.Root = filepath.Join(b.dir, "storage")
	r.Store.Run = filepath.Join(b.dir, "run")
	r.Store.Cache = filepath.Join(b.dir, "cache")
	r.Store.Single = b.plan.Single
	ours, theirs, err := wire.Pair()
	if err != nil {
		b.t.Fatal(err)
	}
	defer theirs.Close()
	stderr, err := os.CreateTemp(b.t.TempDir(), "stderr")
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := userns.Start(b.t.Context(), userns.Options{
		Path: path, Args: []string{"rlc-image"}, Env: b.environ(),
		Stdio: [3]*os.File{nil, stderr, stderr}, Files: []*os.File{theirs}, Plan: b.plan,
	})
	if err != nil {
		b.t.Skip("skipped: no user namespace: ", err)
	}
	if err := p.Mapped(); err != nil {
		b.t.Fatal(err)
	}
	if err := ours.Send(r, files...); err != nil {
		b.t.Fatal(err)
	}
	return &running{process: p, conn: ours, stderr: stderr}
}

func (b *bench) environ() []string {
	return []string{
		"HOME=" + b.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + b.dir,
		"CONTAINERS_REGISTRIES_CONF=" + filepath.Join(b.dir, "registries.conf"),
	}
}

func (w *running) wait(t *testing.T) reply {
	t.Helper()
	var all reply
	for {
		var r image.Reply
		if _, err := w.conn.Receive(&r); err != nil {
			status, _ := w.process.Wait()
			t.Logf("rlc-image ended (%v) without an answer: %v\n%s", status, err, w.text())
			all.err = &image.Error{Message: "no answer"}
			return all
		}
		if r.Note != "" {
			all.notes = append(all.notes, r.Note)
			continue
		}
		all.result, all.err = r.Result, r.Error
		break
	}
	_, _ = w.process.Wait() // it has answered
	_ = w.conn.Close()      // likewise
	all.stderr = w.text()
	return all
}

func (w *running) text() string {
	data, err := os.ReadFile(w.stderr.Name())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// do asks for one thing and decodes the result; failures are returned.
func (b *bench) do(r image.Request, result any, files ...*os.File) reply {
	b.t.Helper()
	b.configured()
	all := b.start(r, files...).wait(b.t)
	if result != nil && all.err == nil {
		if err := json.Unmarshal(all.result, result); err != nil {
			b.t.Fatalf("decode %s: %v", all.result, err)
		}
	}
	return all
}

// must asks for one thing that has to succeed.
func (b *bench) must(r image.Request, result any, files ...*os.File) reply {
	b.t.Helper()
	all := b.do(r, result, files...)
	if all.err != nil {
		b.t.Fatalf("%s %s%v: %v\n%s", r.Verb, r.Name, r.Names, all.err, all.stderr)
	}
	return all
}

// refused asks for one thing that has to fail with a certain text and exit code.
func (b *bench) refused(r image.Request, code int, text string) {
	b.t.Helper()
	all := b.do(r, nil)
	if all.err == nil || !strings.Contains(all.err.Message, text) || all.err.Code != code {
		b.t.Errorf("%s %s%v: %+v, want code %d and %q", r.Verb, r.Name, r.Names, all.err, code, text)
	}
}

// configured makes sure that no registry of the outer world is asked.
func (b *bench) configured() {
	path := filepath.Join(b.dir, "registries.conf")
	if _, err := os.Stat(path); err != nil {
		b.registries("unqualified-search-registries = []\n")
	}
}

func (b *bench) registries(text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "registries.conf"), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// staging is what unfinished work left in the store.
func (b *bench) staging() []string {
	found, _ := filepath.Glob(filepath.Join(b.dir, "storage/overlay/staging/*")) // only a bad pattern fails
	more, _ := filepath.Glob(filepath.Join(b.dir, "storage/scratch/*"))
	return append(found, more...)
}

func (w *running) kill() { _ = w.process.Signal(syscall.SIGKILL) }

func has(list []string, text string) bool {
	for _, s := range list {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}
