package bundle

import (
	"path"
	"reflect"
	"strings"
	"testing"
)

func TestParseVolume(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want attachment // flag and text are filled in
	}{
		{"/a:/b", attachment{kind: "bind", source: "/a", target: "/b", create: true}},
		{"/a/../b:/c/./d/", attachment{kind: "bind", source: "/b", target: "/c/d", create: true}},
		{"name:/b", attachment{kind: "volume", source: "name", target: "/b"}},
		{"/b", attachment{kind: "volume", target: "/b"}},
		{"/a:/b:ro,Z,U,cached", attachment{kind: "bind", source: "/a", target: "/b", access: "ro", label: "Z", chown: true, create: true}},
		{"v:/b:rw,nocopy,noexec,suid,dev,idmap,rslave,bind,nocreate", attachment{
			kind: "volume", source: "v", target: "/b", access: "rw", content: "nocopy", exec: "noexec", suid: "suid", dev: "dev", idmap: true, propagation: "rslave", recursion: "bind", mustExist: true,
		}},
		{"/a:/b:O", attachment{kind: "bind", source: "/a", target: "/b", overlay: true}},
		{"/a:/b:O,upperdir=/u,workdir=/w", attachment{kind: "bind", source: "/a", target: "/b", overlay: true, upper: "/u", work: "/w"}},
		{"/a:/b:ro,ro,", attachment{kind: "bind", source: "/a", target: "/b", access: "ro", create: true}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			test.want.flag, test.want.text = "--volume", test.text
			got, err := parseVolume(test.text)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseVolumeRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "not an absolute path",
		"b":                            "not an absolute path",
		"/foo:ro":                      "not an absolute path",
		":/b":                          "source is empty",
		"/a:":                          "not an absolute path",
		"/a:/b:ro:rw":                  "too many colons",
		"/a:/b:ro,rw":                  "contradict",
		"/a:/b:z,Z":                    "contradict",
		"/a:/b:shared,rprivate":        "contradict",
		"/a:/b:what":                   "unknown option",
		"a/b:/c":                       "neither a path nor a name",
		"~/b:/c":                       "the shell has not expanded",
		"-x:/c":                        "neither a path nor a name",
		"/a:/":                         "over the root",
		"/a:/../..":                    "over the root",
		"/a:/proc":                     "/proc is the kernel's",
		"/a:/x/../proc/sys":            "/proc is the kernel's",
		"/a\x00:/b":                    "not an absolute path",
		"/a:/b\x00":                    "not an absolute path",
		"/a:/b:O,upperdir=/u":          "go together",
		"/a:/b:upperdir=/,work":        "unknown option",
		"/a:/b:no-dereference":         "always followed",
		"/a:/b:O,z":                    "contradict",
		"/a:/b:upperdir=u":             "go together",
		"/a:/b:O,upperdir=u,workdir=w": "not absolute",
	} {
		_, err := parseVolume(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something with %q", text, err, want)
		}
	}
}

func TestParseMount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want attachment
	}{
		{"type=bind,src=/a,dst=/b", attachment{kind: "bind", source: "/a", target: "/b"}},
		{"type=bind,source=/a/,destination=/b,readonly", attachment{kind: "bind", source: "/a", target: "/b", access: "ro"}},
		{"target=/b,ro=false,type=bind,src=/a,bind-propagation=rshared,relabel=private,U=true,consistency=cached", attachment{
			kind: "bind", source: "/a", target: "/b", access: "rw", propagation: "rshared", label: "Z", chown: true,
		}},
		{`type=bind,"src=/a,b:c",dst=/b,bind-nonrecursive`, attachment{kind: "bind", source: "/a,b:c", target: "/b", recursion: "bind"}},
		{"type=bind,src=/a,dst=/b,bind-recursive=disabled,bind-create-src", attachment{kind: "bind", source: "/a", target: "/b", recursion: "bind", create: true}},
		{"src=v,dst=/b,volume-nocopy=true,volume-subpath=x/y,volume-driver=local", attachment{kind: "volume", source: "v", target: "/b", content: "nocopy", subpath: "x/y"}},
		{"type=volume,dst=/b,noexec,nocreate", attachment{kind: "volume", target: "/b", exec: "noexec", mustExist: true}},
		{"type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=1777,noexec,notmpcopyup,ro", attachment{
			kind: "tmpfs", target: "/b", data: []string{"size=1048576", "mode=1777"}, exec: "noexec", content: "nocopy", access: "ro",
		}},
		{"type=image,src=alpine:3,dst=/b,rw=true,subpath=etc", attachment{kind: "image", source: "alpine:3", target: "/b", access: "rw", subpath: "etc"}},
		{"type=devpts,dst=/b,uid=1,gid=5,mode=620,max=9", attachment{kind: "devpts", target: "/b", data: []string{"uid=1", "gid=5", "mode=620", "max=9"}}},
		{"type=glob,src=/a*,ro", attachment{kind: "glob", source: "/a*", access: "ro"}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			test.want.flag, test.want.text = "--mount", test.text
			got, err := parseMount(test.text)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseMountRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                                "comma-separated",
		"type=bind":                                       "no source",
		"type=bind,src=/a":                                "nothing says where",
		"type=bind,src=,dst=/b":                           "not an absolute path",
		"type=bind,src=/a,src=/b,dst=/b":                  "two sources",
		"type=bind,src=/a,dst=/b,foo=1":                   "no key",
		"type=bind,src=/a,dst=/b,ro=maybe":                "neither true nor false",
		"type=bind,src=/a,dst=/b,ro,rw":                   "contradict",
		"type=bind,src=/a,dst=/b,z=1":                     "takes no value",
		"type=bind,src=/a,dst=/b,relabel=x":               "unknown label",
		"type=bind,src=/a,dst=/b,subpath=x":               "no key",
		"type=bind,src=/a,dst=/b,tmpfs-size=1":            "no key",
		"type=bind,src=/a,dst=/b,bind-propagation=x":      "unknown propagation",
		"type=bind,src=/a,dst=/b,bind-recursive=writable": "bind-recursive",
		"type=volume,src=/a,dst=/b":                       "neither a path nor a name",
		"src=v,dst=/b,subpath=../x":                       "not a path inside",
		"src=v,dst=/b,subpath=/":                          "not a path inside",
		"dst=/b,subpath=x":                                "no subpath",
		"src=v,dst=/b,volume-opt=type=nfs":                "make the volume first",
		"src=v,dst=/b,volume-driver=x":                    "volume drivers",
		"type=tmpfs,src=/a,dst=/b":                        "leave the source out",
		"type=tmpfs,dst=/b,tmpfs-mode=9":                  "not a file mode",
		"type=tmpfs,dst=/b,tmpfs-size=x":                  "not a size",
		"type=tmpfs,dst=/b,z":                             "unknown option",
		"type=image,dst=/b":                               "no source",
		"type=devpts,dst=/b,mode=x":                       "not a number",
		"type=ramfs,dst=/b":                               "without a limit",
		"type=npipe,dst=/b":                               "unknown type",
		`type=bind,"src=/a`:                               "comma-separated",
	} {
		_, err := parseMount(text)
		message := ""
		if err != nil {
			message = err.Error()
			if h, ok := err.(interface{ Hint() string }); ok {
				message += h.Hint()
			}
		}
		if !strings.Contains(message, want) {
			t.Errorf("%q: got %v, want something with %q", text, err, want)
		}
	}
}

func TestParseTmpfs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]attachment{
		"/a":                                   {target: "/a"},
		"/a:":                                  {target: "/a"},
		"/a/../b:":                             {target: "/b"},
		"/a:rw,size=787448k,mode=1777,noatime": {target: "/a", access: "rw", data: []string{"size=806346752", "mode=1777", "noatime"}},
		"/a:size=50%,exec,uid=5,nr_inodes=1k":  {target: "/a", exec: "exec", data: []string{"size=50%", "uid=5", "nr_inodes=1k"}},
	} {
		want.flag, want.text, want.kind = "--tmpfs", text, "tmpfs"
		if got, err := parseTmpfs(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "/", "/proc", "/a:size=101%", "/a:size=", "/a:O", "/a:foo", "/a:uid=x", "/a:noswap", "/a:mode=17777777", "/a:ro,rw"} {
		if got, err := parseTmpfs(text); err == nil {
			t.Errorf("%q: no error, got %+v", text, got)
		}
	}
}

func TestParseDevice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]device{
		"/dev/fuse":        {"/dev/fuse", "/dev/fuse", "rwm"},
		"/dev/a:/dev/b":    {"/dev/a", "/dev/b", "rwm"},
		"/dev/a:/dev/b:rw": {"/dev/a", "/dev/b", "rw"},
		"/dev/a:mr":        {"/dev/a", "/dev/a", "mr"},
		"/dev//snd/":       {"/dev/snd", "/dev/snd", "rwm"},
	} {
		if got, err := parseDevice(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "dev", "/dev/a:", "/dev/a:b", "/dev/a:rr", "/dev/a:/b:r:w", "/dev/a:/", "/dev/a:/proc/x", "vendor.com/gpu=all", "/a\x00"} {
		if got, err := parseDevice(text); err == nil {
			t.Errorf("%q: no error, got %+v", text, got)
		}
	}
}

// safe fails the test when an accepted mount could reach what it must not.
func safe(t *testing.T, a attachment) {
	t.Helper()
	if a.target != "" && (!path.IsAbs(a.target) || path.Clean(a.target) != a.target || a.target == "/" || a.target == "/proc" || strings.HasPrefix(a.target, "/proc/")) {
		t.Errorf("%q: target %q", a.text, a.target)
	}
	if a.kind == "bind" && (!path.IsAbs(a.source) || path.Clean(a.source) != a.source) {
		t.Errorf("%q: source %q", a.text, a.source)
	}
	if a.kind == "volume" && strings.ContainsAny(a.source, "/\x00") {
		t.Errorf("%q: volume %q", a.text, a.source)
	}
	if a.subpath != "" && (path.IsAbs(a.subpath) || strings.HasPrefix(path.Clean(a.subpath), "..")) {
		t.Errorf("%q: subpath %q", a.text, a.subpath)
	}
}

func FuzzParseVolume(f *testing.F) {
	for _, seed := range []string{"/a:/b:ro", "v:/b", "/b", "./x:/y:O,U", ":::", "/a:/proc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := parseVolume(text); err == nil {
			safe(t, a)
		}
	})
}

func FuzzParseMount(f *testing.F) {
	for _, seed := range []string{"type=bind,src=/a,dst=/b,ro", "type=tmpfs,dst=/x,tmpfs-size=1k", "type=image,src=a,dst=/b,subpath=c", `"a`, "src=v,dst=/b,subpath=a/../.."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := parseMount(text); err == nil {
			safe(t, a)
		}
	})
}

func FuzzParseTmpfs(f *testing.F) {
	for _, seed := range []string{"/a:size=1k,mode=700", "/a:exec", ":", "/a:size=%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := parseTmpfs(text); err == nil {
			safe(t, a)
		}
	})
}

func FuzzParseDevice(f *testing.F) {
	for _, seed := range []string{"/dev/a:/dev/b:rwm", "/dev/a", "a=b", "/dev/a:r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseDevice(text); err == nil {
			safe(t, attachment{text: text, kind: "bind", source: d.source, target: d.target})
		}
	})
}
