package imagestore_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rlc-containers/rlc/image"
)

// plainly asks a registry without TLS.
func plainly(r image.Request) image.Request {
	no := false
	r.TLSVerify = &no
	return r
}

func resolve(name string) image.Request {
	return plainly(image.Request{Verb: image.VerbResolve, Name: name})
}

func pull(names ...string) image.Request {
	return plainly(image.Request{Verb: image.VerbPull, Names: names})
}

func TestPull(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["a:1"] = s.image(t, shape{labels: map[string]string{"k": "v"}})
	var i image.Image
	b.must(resolve(s.name("a:1")), &i)
	if i.Names[0] != s.name("a:1") || i.Digest != s.tags["a:1"]["digest"] || i.OS != "linux" || i.Arch != "amd64" ||
		len(i.Layers) != 2 || i.Config.Labels["k"] != "v" || i.Config.Cmd[0] != "/bin/c" || i.ReadOnly || i.Size == 0 {
		t.Errorf("%+v", i)
	}
	if _, err := os.Stat(filepath.Join(i.Layers[0], "bin/c")); err != nil {
		t.Error("the uppermost layer comes first:", err)
	}
	if hole, err := os.Lstat(filepath.Join(i.Layers[0], "etc/a")); err != nil || hole.Mode()&os.ModeCharDevice == 0 {
		t.Error("a whiteout is a device 0/0:", hole, err)
	}
	cached, ok := image.NewCache(filepath.Join(b.dir, "cache"), b.environ()).Lookup(s.name("a:1"), "", []string{filepath.Join(b.dir, "storage")})
	if !ok || cached.ID != i.ID {
		t.Error("the answer is not in the cache")
	}
	asked := s.count("")
	b.must(resolve(s.name("a:1")), &i)
	if s.count("") != asked {
		t.Error("the registry was asked for an image that is here")
	}
	for _, typed := range []string{i.ID, i.ID[:8], "sha256:" + i.ID, s.name("a@" + i.Digest), "docker://" + s.name("a:1")} {
		var again image.Image
		if b.must(resolve(typed), &again); again.ID != i.ID {
			t.Errorf("%s is another image", typed)
		}
	}
	if left := b.staging(); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

func TestPullSharesLayers(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	base := map[string]string{"base": strings.Repeat("x", 1000)}
	s.tags["a:1"] = s.image(t, shape{layers: []map[string]string{base, {"one": "1"}}})
	s.tags["a:2"] = s.image(t, shape{layers: []map[string]string{base, {"two": "2"}}})
	s.tags["a:3"] = s.image(t, shape{layers: []map[string]string{{"three": "3"}, base}})
	b.must(pull(s.name("a:1")), nil)
	asked := s.count("/blobs/")
	b.must(pull(s.name("a:2")), nil)
	if got := s.count("/blobs/") - asked; got != 2 {
		t.Errorf("%d blobs were fetched, want the configuration and one layer", got)
	}
	asked = s.count("/blobs/")
	var i []image.Image
	b.must(pull(s.name("a:3")), &i)
	if got := s.count("/blobs/") - asked; got != 2 {
		t.Errorf("%d blobs were fetched, want the configuration and one layer: the other is here on top of nothing", got)
	}
	if content, err := os.ReadFile(filepath.Join(i[0].Layers[0], "base")); err != nil || string(content) != base["base"] {
		t.Error("the layer taken from the store:", err)
	}
}

func TestPullManyLayers(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	var layers []map[string]string
	for n := range 60 {
		layers = append(layers, map[string]string{"n": strings.Repeat("x", n)})
	}
	s.tags["deep:1"] = s.image(t, shape{layers: layers})
	var i image.Image
	b.must(resolve(s.name("deep:1")), &i)
	for n, dir := range i.Layers {
		if info, err := os.Stat(filepath.Join(dir, "n")); err != nil || info.Size() != int64(59-n) {
			t.Fatalf("layer %d from the top: %v %v", n, info, err)
		}
	}
}

func TestPullPolicies(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	name := s.name("p:1")
	with := func(policy string) image.Request { r := resolve(name); r.Pull = policy; return r }
	b.refused(with("never"), 0, "no such image")
	b.refused(with("sometimes"), 0, "unknown")
	b.refused(with("missing"), 0, "manifest unknown")
	s.tags["p:1"] = s.image(t, shape{labels: map[string]string{"v": "1"}})
	var old, now image.Image
	b.must(with("newer"), &old)
	asked := s.count("/blobs/")
	b.must(with("newer"), &now)
	if now.ID != old.ID || s.count("/blobs/") != asked {
		t.Error("newer: nothing is newer, and yet it was pulled")
	}
	s.tags["p:1"] = s.image(t, shape{labels: map[string]string{"v": "2"}})
	for policy, version := range map[string]string{"missing": "1", "never": "1"} {
		if b.must(with(policy), &now); now.Config.Labels["v"] != version {
			t.Errorf("%s: version %s", policy, now.Config.Labels["v"])
		}
	}
	if b.must(with("newer"), &now); now.Config.Labels["v"] != "2" {
		t.Error("newer: still the old one")
	}
	s.tags["p:1"] = s.image(t, shape{labels: map[string]string{"v": "3"}})
	if b.must(with("always"), &now); now.Config.Labels["v"] != "3" {
		t.Error("always: still the old one")
	}
	s.Close()
	if all := b.must(with("newer"), &now); now.Config.Labels["v"] != "3" || !has(all.notes, "no newer image") {
		t.Error("newer without a registry:", all.notes)
	}
	b.refused(with("always"), 0, "refused")
}

func TestPullPlatforms(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	arm := s.image(t, shape{arch: "arm", variant: "v7", labels: map[string]string{"is": "arm"}})
	s390 := s.image(t, shape{arch: "s390x", labels: map[string]string{"is": "s390x"}})
	s.tags["many:1"] = s.index(t, arm, s390, s.image(t, shape{arch: "amd64"}), s.image(t, shape{arch: "arm64"}))
	s.tags["few:1"] = s.index(t, arm, s390)
	s.tags["one:1"] = s390
	b.refused(resolve(s.name("few:1")), 0, "there are linux/arm/v7, linux/s390x")
	on := func(name, platform string) image.Request { r := resolve(s.name(name)); r.Platform = platform; return r }
	var i image.Image
	b.must(on("many:1", ""), &i)
	b.must(on("many:1", "linux/s390x"), &i)
	if i.Arch != "s390x" {
		t.Error("got", i.Arch)
	}
	if b.must(on("many:1", "armhf"), &i); i.Config.Labels["is"] != "arm" {
		t.Error("got", i.Arch, i.Variant)
	}
	b.refused(on("many:1", "linux/riscv64"), 0, "no image for linux/riscv64")
	b.refused(on("many:1", "windows/amd64"), 0, "only linux")
	b.refused(on("many:1", "linux//v7"), 0, "not of the form")
	b.refused(on("one:1", "linux/amd64"), 0, "there is only linux/s390x")
	if all := b.must(on("one:1", ""), &i); !has(all.notes, "s390x") {
		t.Error("nothing was said of the strange machine:", all.notes)
	}
}

func TestPullShortNames(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["short:latest"] = s.image(t, shape{})
	host := strings.TrimSuffix(s.name(""), "/")
	b.registries(fmt.Sprintf("unqualified-search-registries = [%q, %q]\n[aliases]\nnick = %q\n[[registry]]\nlocation = %q\ninsecure = true\n",
		"127.0.0.1:1", host, host+"/short", host))
	for _, typed := range []string{"short", "nick"} {
		var i image.Image
		b.must(image.Request{Verb: image.VerbResolve, Name: typed}, &i)
		if i.Names[0] != host+"/short:latest" {
			t.Errorf("%s is %v", typed, i.Names)
		}
	}
	b.refused(image.Request{Verb: image.VerbResolve, Name: "absent"}, 0, "/absent:latest")
	b.refused(image.Request{Verb: image.VerbResolve, Name: "Upper"}, 0, "no name of an image")
	b.refused(image.Request{Verb: image.VerbResolve, Name: "../../x"}, 0, "no name of an image")
}

func TestPullBrokenTransfer(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["a:1"] = s.image(t, shape{layers: []map[string]string{{"a": strings.Repeat("a", 100000)}, {"b": "b"}}})
	s.spoil = func(w http.ResponseWriter, _ *http.Request, _ string, data []byte) bool {
		damaged := bytes.Clone(data)
		damaged[len(damaged)/2] ^= 1
		_, _ = w.Write(damaged)
		return true
	}
	all := b.do(resolve(s.name("a:1")), nil)
	if all.err == nil {
		t.Fatal("damaged blobs were accepted")
	}
	s.spoil = nil
	b.must(resolve(s.name("a:1")), nil)
	if left := b.staging(); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

// TestPullInterrupted ends a pull in the middle of a layer, politely and not.
func TestPullInterrupted(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["a:1"] = s.image(t, shape{layers: []map[string]string{{"small": "s"}, {"large": strings.Repeat("0123456789", 100000)}}})
	b.configured()
	for name, end := range map[string]func(*running){
		"kill": (*running).kill,
		"term": func(w *running) { _ = w.process.Signal(15) },
		"gone": func(w *running) { _ = w.conn.Close() },
	} {
		half := make(chan struct{})
		stuck := make(chan struct{})
		var once sync.Once
		s.spoil = func(w http.ResponseWriter, r *http.Request, _ string, data []byte) bool {
			if len(data) < 1000 {
				return false
			}
			_, _ = w.Write(data[:len(data)/2])
			w.(http.Flusher).Flush()
			once.Do(func() { close(half) })
			select {
			case <-r.Context().Done():
			case <-stuck:
			}
			return true
		}
		w := b.start(resolve(s.name("a:1")))
		select {
		case <-half:
		case <-time.After(time.Minute):
			t.Fatal("the pull never began:", w.text())
		}
		end(w)
		if _, err := w.process.Wait(); err != nil {
			t.Error(name, err)
		}
		close(stuck)
		s.spoil = nil
		if left := b.staging(); name != "kill" && len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
		var i image.Image
		b.must(resolve(s.name("a:1")), &i)
		if left := b.staging(); len(left) > 0 {
			t.Errorf("%s: left behind after the next pull: %v", name, left)
		}
		b.must(image.Request{Verb: image.VerbRemove, Names: []string{i.ID}}, nil)
		if layers, _ := filepath.Glob(filepath.Join(b.dir, "storage/overlay", strings.Repeat("?", 64))); len(layers) != 0 {
			t.Errorf("%s: layers without an image: %v", name, layers)
		}
	}
}

func TestPullConcurrently(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["a:1"] = s.image(t, shape{layers: []map[string]string{{"a": "a"}, {"b": "b"}, {"c": "c"}}})
	b.configured()
	var all sync.WaitGroup
	for range 8 {
		w := b.start(resolve(s.name("a:1")))
		all.Go(func() {
			if got := w.wait(t); got.err != nil {
				t.Error(got.err)
			}
		})
	}
	all.Wait()
	if left := b.staging(); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

func TestPullWithOneID(t *testing.T) {
	t.Parallel()
	b, s := newBench(t).alone(), serve(t)
	s.tags["a:1"] = s.image(t, shape{})
	b.must(resolve(s.name("a:1")), nil)
}

func TestPolicyRejects(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), serve(t)
	s.tags["a:1"] = s.image(t, shape{})
	policy := filepath.Join(b.dir, "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"reject"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	r := resolve(s.name("a:1"))
	r.Policy = policy
	b.refused(r, 0, "refused by the signature policy")
	if s.count("/blobs/") != 0 {
		t.Error("blobs were fetched in spite of the policy")
	}
}
