package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rlc-containers/rlc/image"
)

func sampleImages() []image.Image {
	id := func(letter string) string { return strings.Repeat(letter, 64) }
	old := time.Now().Add(-21 * 24 * time.Hour)
	return []image.Image{
		{
			ID: id("a"), Digest: "sha256:" + id("1"), Names: []string{"docker.io/library/alpine:latest", "localhost:5000/me/x:v1"},
			Created: old, Size: 7_334_567, OS: "linux", Arch: "amd64", Config: image.Config{Labels: map[string]string{"k": "v<"}}, Layers: []string{"/l/2", "/l/1"},
		},
		{ID: id("b"), Created: old, Size: 10, Layers: []string{"/l/1"}},
		{ID: id("c"), Created: old, Size: 10, Layers: []string{"/l/9"}},
	}
}

func TestPrintList(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, format, want string }{
		{"the table", "", `REPOSITORY                TAG         IMAGE ID      CREATED      SIZE
docker.io/library/alpine  latest      aaaaaaaaaaaa  3 weeks ago  7.33 MB
localhost:5000/me/x       v1          aaaaaaaaaaaa  3 weeks ago  7.33 MB
<none>                    <none>      cccccccccccc  3 weeks ago  10 B
`},
		{"a template", "{{.Repository}}:{{.Tag}}", "docker.io/library/alpine:latest\nlocalhost:5000/me/x:v1\n<none>:<none>\n"},
		{"a table", "table {{.ID}} {{.Size}}", "IMAGE ID SIZE\naaaaaaaaaaaa 7.33 MB\naaaaaaaaaaaa 7.33 MB\ncccccccccccc 10 B\n"},
		{"a table with tabs", `table {{.Tag}}\t{{.Size}}`, "TAG         SIZE\nlatest      7.33 MB\nv1          7.33 MB\n<none>      10 B\n"},
		{"a table with functions", `table {{upper .Tag}}{{with .Label "k"}} {{.}}{{end}}`, "TAG K\nLATEST v<\nV1 v<\n<NONE>\n"},
		{"functions", `{{json .Labels}} {{join (split .Tag "t") "T"}} {{title "ab cd"}} {{truncate .ID 3}}{{pad "x" 1 1}}.`,
			"{\"k\":\"v<\"} laTesT Ab Cd aaa x .\n{\"k\":\"v<\"} v1 Ab Cd aaa x .\nnull <none> Ab Cd ccc x .\n"},
		{"a new line", `{{.Tag}}\n`, "latest\n\nv1\n\n<none>\n\n"},
		{"a new line of the template's", `{{join (split .Tag "t") "\n"}}`, "la\nes\n\nv1\n<none>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, out := captured(t)
			if err := new(ImagesCmd).print(a, sampleImages(), tt.format); err != nil {
				t.Fatal(err)
			}
			if got := out(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestPrintListRefuses(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"{{.NoSuch}}", "{{", "{{nosuch .ID}}", "table {{.ID"} {
		a, _ := captured(t)
		err := new(ImagesCmd).print(a, sampleImages(), format)
		if err == nil || !strings.HasPrefix(err.Error(), "--format: ") || hintOf(err) == "" {
			t.Errorf("%q: %v, want a complaint about --format with a hint", format, err)
		}
	}
}

func TestImagesFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cmd  ImagesCmd
		want string
	}{
		{"ids once", ImagesCmd{Quiet: true}, "aaaaaaaaaaaa\ncccccccccccc\n"},
		{"all ids", ImagesCmd{Quiet: true, All: true}, "aaaaaaaaaaaa\nbbbbbbbbbbbb\ncccccccccccc\n"},
		{"whole ids", ImagesCmd{Quiet: true, NoTrunc: true}, "sha256:" + strings.Repeat("a", 64) + "\nsha256:" + strings.Repeat("c", 64) + "\n"},
		{"sorted by size", ImagesCmd{Quiet: true, Sort: "size"}, "cccccccccccc\naaaaaaaaaaaa\n"},
		{"sorted by tag", ImagesCmd{Sort: "tag", Format: "{{.Tag}}"}, "<none>\nlatest\nv1\n"},
		{"no heading", ImagesCmd{NoHeading: true, Format: "table {{.Tag}}"}, "latest\nv1\n<none>\n"},
		{"digests", ImagesCmd{Digests: true, NoHeading: true, Sort: "size"}, `<none>                    <none>      <none>                                                                   cccccccccccc  3 weeks ago  10 B
docker.io/library/alpine  latest      sha256:1111111111111111111111111111111111111111111111111111111111111111  aaaaaaaaaaaa  3 weeks ago  7.33 MB
localhost:5000/me/x       v1          sha256:1111111111111111111111111111111111111111111111111111111111111111  aaaaaaaaaaaa  3 weeks ago  7.33 MB
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, out := captured(t)
			if err := tt.cmd.print(a, sampleImages(), tt.cmd.Format); err != nil {
				t.Fatal(err)
			}
			if got := out(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	a, out := captured(t)
	a.dialect = asDocker
	if err := new(ImagesCmd).print(a, sampleImages()[:1], "{{.Repository}}"); err != nil {
		t.Fatal(err)
	}
	if err := a.printJSONRows([]any{1, "b"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out(), "alpine\nlocalhost:5000/me/x\n1\n\"b\"\n"; got != want {
		t.Errorf("as docker: got %q, want %q", got, want)
	}
	a, out = captured(t)
	if err := a.printJSONRows(nil); err != nil {
		t.Fatal(err)
	}
	if err := a.printJSONRows([]any{"<b>"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out(), "[]\n[\n    \"<b>\"\n]\n"; got != want {
		t.Errorf("as rlc: got %q, want %q", got, want)
	}
	for name, want := range map[string]dialect{"/usr/bin/docker": asDocker, "podman": asPodman, "rlc": asRlc, "rlc-1.0": asRlc} {
		if got := dialectOf([]string{name}); got != want {
			t.Errorf("started as %s: %s, want %s", name, got, want)
		}
	}
}

func TestImagesJSON(t *testing.T) {
	t.Parallel()
	a, out := captured(t)
	images := sampleImages()[1:2]
	images[0].Created = time.Unix(1700000000, 0).UTC()
	if err := (&ImagesCmd{All: true}).print(a, images, "json"); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/images.json", out())
}
