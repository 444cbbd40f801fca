package imagestore_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"

	"github.com/rlc-containers/rlc/idmap"
	"github.com/rlc-containers/rlc/image"
)

// loaded loads an OCI layout with images of the given names into a new store.
func loaded(t *testing.T, named map[string]shape) (*bench, map[string]image.Image) {
	t.Helper()
	b, parts := newBench(t), blobs{}
	images := map[string]map[string]any{}
	for name, s := range named {
		images[name] = parts.image(t, s)
	}
	var list []image.Image
	b.must(image.Request{Verb: image.VerbLoad, Input: parts.layout(t, images)}, &list)
	byName := map[string]image.Image{}
	for _, i := range list {
		for _, name := range i.Names {
			byName[name] = i
		}
	}
	return b, byName
}

func TestLoad(t *testing.T) {
	t.Parallel()
	parts := blobs{}
	layout := parts.layout(t, map[string]map[string]any{
		"example.com/a:1": parts.image(t, shape{labels: map[string]string{"is": "a"}}),
		"plain":           parts.image(t, shape{labels: map[string]string{"is": "plain"}}),
	})
	packed := archive(t, layout)
	squeeze := func(to func(io.Writer) (io.WriteCloser, error)) []byte {
		var z bytes.Buffer
		w, err := to(&z)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(packed); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return z.Bytes()
	}
	for name, data := range map[string][]byte{
		"plain.tar": packed,
		"gzip.tar":  squeeze(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
		"zstd.tar":  squeeze(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
		"xz.tar":    squeeze(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
		"directory": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := layout
			if data != nil {
				path = filepath.Join(b.dir, name)
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var list []image.Image
			b.must(image.Request{Verb: image.VerbLoad, Input: path}, &list)
			var names []string
			for _, i := range list {
				names = append(names, i.Names...)
			}
			slices.Sort(names)
			base := strings.TrimSuffix(name, ".tar")
			if data == nil {
				base = "layout"
			}
			if want := []string{"example.com/a:1", "localhost/" + base + ":plain"}; !slices.Equal(names, want) {
				t.Errorf("names %v, want %v", names, want)
			}
			if left := b.staging(); len(left) > 0 {
				t.Error("left behind:", left)
			}
			if data == nil {
				return
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if b.must(image.Request{Verb: image.VerbLoad}, &list, f); len(list) != 2 {
				t.Errorf("from a descriptor: %d images", len(list))
			}
		})
	}
}

func TestLoadDockerArchive(t *testing.T) {
	t.Parallel()
	b, parts := newBench(t), blobs{}
	raw := stream(t, map[string]string{"f": "content"})
	d := parts.image(t, shape{raw: [][]byte{raw}})
	var manifest struct{ Config struct{ Digest string } }
	if err := json.Unmarshal(parts[d["digest"].(string)], &manifest); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"config.json": parts[manifest.Config.Digest], "layer.tar": raw,
		"manifest.json": []byte(`[{"Config":"config.json","RepoTags":["docked:1","example.com/x:2"],"Layers":["layer.tar"]}]`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(b.dir, "docker.tar")
	if err := os.WriteFile(path, archive(t, dir), 0o644); err != nil {
		t.Fatal(err)
	}
	var list []image.Image
	b.must(image.Request{Verb: image.VerbLoad, Input: path}, &list)
	if len(list) != 1 || !has(list[0].Names, "docker.io/library/docked:1") || !has(list[0].Names, "example.com/x:2") {
		t.Errorf("%+v", list)
	}
	b.must(image.Request{Verb: image.VerbPull, Names: []string{"docker-archive:" + path + ":docked:1"}}, nil)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	put := func(name string, data []byte) image.Request {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return image.Request{Verb: image.VerbLoad, Input: path}
	}
	b.refused(put("empty", nil), 0, "neither an archive")
	b.refused(put("text", []byte(strings.Repeat("text ", 500))), 0, "not a tar archive")
	b.refused(put("cut.gz", []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2}), 0, "load")
	b.refused(put("other.tar", stream(t, map[string]string{"etc/passwd": "x"})), 0, "neither an archive")
	b.refused(put("odd.tar", stream(t, map[string]string{"manifest.json": "{"})), 0, "load")
	b.refused(put("climb.tar", stream(t, map[string]string{"index.json": `{"schemaVersion":2,"manifests":[]}`, "blobs/../../../x": "x"})), 0, "no image in it")
	b.refused(image.Request{Verb: image.VerbLoad, Input: filepath.Join(b.dir, "absent")}, 0, "no such file")
	b.refused(image.Request{Verb: image.VerbLoad, Input: b.dir}, 0, "neither an OCI layout")
	b.refused(image.Request{Verb: image.VerbLoad}, 0, "nothing to read")
	if left := b.staging(); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	b, images := loaded(t, map[string]shape{"example.com/a:1": {}})
	i := images["example.com/a:1"]
	name := func(verb image.Verb, names ...string) image.Request { return image.Request{Verb: verb, Names: names} }
	b.must(name(image.VerbTag, "example.com/a:1", "short", "quay.io/b/c"), nil)
	var again image.Image
	for _, typed := range []string{"short", "localhost/short:latest", "quay.io/b/c:latest"} {
		if b.must(resolve(typed), &again); again.ID != i.ID {
			t.Errorf("%s is another image", typed)
		}
	}
	b.refused(name(image.VerbTag, "absent", "x"), 1, "no such image")
	b.refused(name(image.VerbTag, "short", "Bad"), 0, "no name")
	b.refused(name(image.VerbTag, "short", "x@"+i.Digest), 0, "digest")
	b.refused(name(image.VerbTag, "short"), 0, "at least one")
	b.must(name(image.VerbUntag, "short", "short"), nil)
	b.refused(name(image.VerbUntag, i.ID, "short"), 1, "no such name")
	b.must(name(image.VerbUntag, i.ID), nil)
	var list []image.Image
	if b.must(image.Request{Verb: image.VerbList}, &list); len(list) != 1 || len(list[0].Names) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	old, young := time.Unix(1600000000, 0), time.Unix(1700000000, 0)
	b, images := loaded(t, map[string]shape{
		"example.com/team/old:1":   {created: old, labels: map[string]string{"age": "old", "x": ""}},
		"example.com/team/young:1": {created: young, labels: map[string]string{"age": "young"}},
	})
	o, y := images["example.com/team/old:1"], images["example.com/team/young:1"]
	tests := []struct {
		filters map[string]string
		want    []string
	}{
		{nil, []string{y.ID, o.ID}},
		{map[string]string{"reference": "old"}, []string{o.ID}},
		{map[string]string{"reference": "team/old:*"}, []string{o.ID}},
		{map[string]string{"reference": "example.com/*/*"}, []string{y.ID, o.ID}},
		{map[string]string{"reference": "old\nyoung"}, []string{y.ID, o.ID}},
		{map[string]string{"reference": "*/nothing"}, nil},
		{map[string]string{"label": "age=old"}, []string{o.ID}},
		{map[string]string{"label": "age"}, []string{y.ID, o.ID}},
		{map[string]string{"label": "age\nx"}, []string{o.ID}},
		{map[string]string{"before": "example.com/team/young:1"}, []string{o.ID}},
		{map[string]string{"since": "example.com/team/old:1"}, []string{y.ID}},
		{map[string]string{"until": "2021-01-01"}, []string{o.ID}},
		{map[string]string{"dangling": "false", "reference": "young"}, []string{y.ID}},
		{map[string]string{"dangling": "true"}, nil},
		{map[string]string{"readonly": "true"}, nil},
		{map[string]string{"id": o.ID[:10]}, []string{o.ID}},
		{map[string]string{"digest": o.Digest}, []string{o.ID}},
	}
	for _, tt := range tests {
		var list []image.Image
		b.must(image.Request{Verb: image.VerbList, Filters: tt.filters}, &list)
		var got []string
		for _, i := range list {
			got = append(got, i.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.filters, got, tt.want)
		}
	}
	b.refused(image.Request{Verb: image.VerbList, Filters: map[string]string{"colour": "red"}}, 0, "unknown")
	b.refused(image.Request{Verb: image.VerbList, Filters: map[string]string{"dangling": "perhaps"}}, 0, "neither")
	b.refused(image.Request{Verb: image.VerbList, Filters: map[string]string{"before": "absent"}}, 1, "no such image")
}

func TestRemove(t *testing.T) {
	t.Parallel()
	b, images := loaded(t, map[string]shape{
		"example.com/a:1": {labels: map[string]string{"is": "a"}},
		"example.com/b:1": {labels: map[string]string{"is": "b"}},
	})
	i := images["example.com/a:1"]
	request := func(names ...string) image.Request { return image.Request{Verb: image.VerbRemove, Names: names} }
	b.refused(request("absent"), 1, "absent: no such image")
	b.refused(request(i.ID[:63]+"g"), 1, "no such image")
	b.must(image.Request{Verb: image.VerbTag, Names: []string{i.ID, "second"}}, nil)
	b.refused(request(i.ID), 0, "several names")
	var removed []image.Removed
	if b.must(request("second"), &removed); len(removed) != 1 || len(removed[0].Deleted) != 0 || removed[0].Untagged[0] != "localhost/second:latest" {
		t.Errorf("%+v", removed)
	}
	used := request("example.com/a:1")
	used.InUse = []image.Use{{ImageID: i.ID, Container: "web", Running: true}}
	b.refused(used, 2, "running container web")
	used.Force = true
	b.refused(used, 2, "running container web")
	all := b.do(image.Request{Verb: image.VerbRemove, Names: []string{"absent", i.ID[:12]}}, nil)
	if all.err == nil || all.err.Code != 1 || !strings.Contains(string(all.result), i.ID) {
		t.Errorf("the second of two: %v %s", all.err, all.result)
	}
	if _, err := os.Stat(i.Layers[0]); err != nil {
		t.Error("a layer of another image is gone:", err)
	}
	forced := request("absent", "example.com/b:1")
	forced.Force = true
	b.must(forced, nil)
	if left, _ := filepath.Glob(filepath.Join(b.dir, "storage/overlay", strings.Repeat("?", 64))); len(left) != 0 {
		t.Error("layers left:", left)
	}
}

func TestAmbiguousID(t *testing.T) {
	t.Parallel()
	named := map[string]shape{}
	for n := range 40 {
		named["example.com/n:"+string(rune('a'+n%26))+string(rune('a'+n/26))] = shape{labels: map[string]string{"n": string(rune('a' + n))}}
	}
	b, images := loaded(t, named)
	firsts := map[string]int{}
	for _, i := range images {
		firsts[i.ID[:1]]++
	}
	var list []image.Image
	b.must(image.Request{Verb: image.VerbList}, &list)
	if len(list) != 40 {
		t.Fatal(len(list), "images")
	}
	pairs := map[string]int{}
	for _, i := range list {
		pairs[i.ID[:2]]++
	}
	for prefix, count := range pairs {
		if count > 1 {
			b.refused(image.Request{Verb: image.VerbRemove, Names: []string{prefix}}, 0, "several images")
			return
		}
	}
	t.Log("by chance no two of 40 ids begin alike")
}

func TestInspect(t *testing.T) {
	t.Parallel()
	b, images := loaded(t, map[string]shape{"example.com/a:1": {labels: map[string]string{"k": "v"}}})
	i := images["example.com/a:1"]
	var got []map[string]any
	b.must(image.Request{Verb: image.VerbInspect, Names: []string{"example.com/a:1", i.ID}}, &got)
	if len(got) != 2 || got[0]["Id"] != i.ID {
		t.Fatalf("%v", got)
	}
	for _, key := range []string{"Id", "Digest", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "Config", "Version", "Author", "Architecture",
		"Os", "Size", "VirtualSize", "GraphDriver", "RootFS", "Labels", "Annotations", "ManifestType", "User", "History", "NamesHistory"} {
		if value, ok := got[0][key]; !ok || value == nil {
			t.Errorf("%s is missing", key)
		}
	}
	b.refused(image.Request{Verb: image.VerbInspect, Names: []string{"absent"}}, 1, "no such image")
}

// TestAdditionalStore reads images of a store that belongs to another tool.
func TestAdditionalStore(t *testing.T) {
	t.Parallel()
	theirs, images := loaded(t, map[string]shape{"example.com/a:1": {}})
	i := images["example.com/a:1"]
	b, s := newBench(t), serve(t)
	s.tags["same:1"] = s.image(t, shape{})
	with := func(r image.Request) image.Request {
		r.Store.Additional = []string{filepath.Join(theirs.dir, "storage"), "/nonexistent"}
		return r
	}
	var got image.Image
	b.must(with(resolve("example.com/a:1")), &got)
	if got.ID != i.ID || !got.ReadOnly || got.Store != filepath.Join(theirs.dir, "storage") || !slices.Equal(got.Layers, i.Layers) {
		t.Errorf("%+v", got)
	}
	b.refused(with(image.Request{Verb: image.VerbRemove, Names: []string{i.ID}}), 0, "read-only")
	b.refused(with(image.Request{Verb: image.VerbTag, Names: []string{i.ID, "x"}}), 0, "read-only")
	if err := os.MkdirAll(filepath.Join(b.dir, ".config/containers"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := "[storage]\ndriver = \"overlay\"\n[storage.options]\nadditionalimagestores = [\"" + filepath.Join(theirs.dir, "storage") + "\"]\n"
	if err := os.WriteFile(filepath.Join(b.dir, ".config/containers/storage.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	if b.must(resolve("example.com/a:1"), &got); !got.ReadOnly {
		t.Error("storage.conf's store is not used")
	}
	// A layer that was shared and is gone there is fetched.
	b.must(with(resolve(s.name("same:1"))), &got)
	theirs.must(image.Request{Verb: image.VerbRemove, Names: []string{i.ID}}, nil)
	if all := b.must(with(resolve(s.name("same:1"))), &got); !has(all.notes, "damaged") {
		t.Log("it had layers of its own:", all.notes)
	}
	if _, err := os.Stat(got.Layers[0]); err != nil {
		t.Error(err)
	}
}

func TestFlatten(t *testing.T) {
	t.Parallel()
	b, _ := loaded(t, map[string]shape{"example.com/a:1": {}})
	if b.plan.Single {
		t.Skip("skipped: a shift needs several ids")
	}
	output := filepath.Join(b.dir, "flat")
	if err := os.Mkdir(output, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(output, int(b.plan.Owner), int(b.plan.OwnerGID)); err != nil {
			t.Fatal(err)
		}
	}
	shift := idmap.Map{{Inside: 0, Outside: 7, Count: 100}}
	b.must(image.Request{Verb: image.VerbFlatten, Name: "example.com/a:1", Output: output, UIDShift: shift, GIDShift: shift}, nil)
	want, _ := b.plan.UID.ToOutside(7)
	for _, name := range []string{".", "etc", "etc/b", "bin/c"} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(output, name), &st); err != nil || st.Uid != want {
			t.Errorf("%s: owner %d, %v; want %d", name, st.Uid, err, want)
		}
	}
	if _, err := os.Lstat(filepath.Join(output, "etc/a")); !os.IsNotExist(err) {
		t.Error("a file that a layer hides is there:", err)
	}
	if left, _ := filepath.Glob(output + ".*"); len(left) > 0 {
		t.Error("left behind:", left)
	}
	b.refused(image.Request{Verb: image.VerbFlatten, Name: "absent", Output: output}, 1, "no such image")
	b.refused(image.Request{Verb: image.VerbFlatten, Name: "example.com/a:1", Output: "relative"}, 0, "absolute")
}
