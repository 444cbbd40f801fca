package ocispec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// example uses every field that init carries out.
func example(t testing.TB) []byte {
	t.Helper()
	spec := &specs.Spec{
		Version: "1.2.0", Hostname: "box", Domainname: "home",
		Process: &specs.Process{
			Terminal: true, ConsoleSize: &specs.Box{Height: 2, Width: 3}, Cwd: "/",
			User: specs.User{UID: 1, GID: 4294967295, Umask: ptr(uint32(18)), AdditionalGids: []uint32{3}},
			Args: []string{"a\"b\\c\n\t\u2028é😀<>&"}, Env: []string{"A=b", "", "C="},
			Capabilities:    &specs.LinuxCapabilities{Bounding: []string{"1"}, Effective: []string{"2"}, Inheritable: []string{"3"}, Permitted: []string{"4"}, Ambient: []string{"5"}},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_AS", Hard: 1<<64 - 1, Soft: 5}},
			NoNewPrivileges: true, OOMScoreAdj: ptr(-5),
		},
		Root:        &specs.Root{Path: "/r", Readonly: true},
		Mounts:      []specs.Mount{{Destination: "/d", Type: "t", Source: "s", Options: []string{"o", "p"}}, {Destination: "/e"}},
		Annotations: map[string]string{"k": "v"},
		Linux: &specs.Linux{
			Sysctl: map[string]string{"net.x": "1"}, Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "network", Path: "/p"}},
			Devices: []specs.LinuxDevice{{Path: "/dev/x", Type: "c"}}, RootfsPropagation: "rslave",
			MaskedPaths: []string{"/m"}, ReadonlyPaths: []string{"/ro"}, MountLabel: "label",
		},
	}
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		t.Fatal(err)
	}
	profile.ListenerPath, profile.ListenerMetadata = "/l", "m"
	spec.Linux.Seccomp = profile
	data, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func ptr[T any](v T) *T { return &v }

func TestParse(t *testing.T) {
	t.Parallel()
	data := example(t)
	for name, text := range map[string]string{
		"marshalled":     string(data),
		"further fields": strings.Replace(string(data), "{", `{"unheard":{"of":["x",{"y":[1,-2.5e+3,null,true,false,"\"]}"]}]},`, 1),
		"nulls":          `{"process":null,"mounts":null,"linux":{"seccomp":null,"sysctl":null},"hostname":null,"root":{"readonly":null}}`,
		"empty":          `{}`,
		"empty lists":    `{"mounts":[],"process":{"args":[],"env":[]},"annotations":{}}`,
		"white space":    " {\n\t\"hostname\" : \"x\" , \"mounts\":[ { } ] } \r\n",
		"escapes":        `{"hostname":"\u0041\u00e9\ud83d\ude00\ud83dx\ud83d\u0041\b\f\/"}`,
		"twice":          `{"hostname":"a","hostname":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := &specs.Spec{}
			if err := json.Unmarshal([]byte(text), want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                 "parse config.json: byte 0: it ends too early",
		"{":                                "parse config.json: byte 1: it ends too early",
		"{}x":                              "parse config.json: byte 2: something follows the end",
		`{"a" 1}`:                          "parse config.json: byte 5: it is not JSON",
		`{"a":1,}`:                         "parse config.json: byte 7: it is not JSON",
		`{"a":tru}`:                        "parse config.json: byte 5: it is not JSON",
		`{"hostname":1}`:                   "parse config.json: byte 12: it is not JSON",
		`{"hostname":"\x"}`:                "parse config.json: byte 15: it is not JSON",
		`{"hostname":"\u12"}`:              "parse config.json: byte 15: it is not JSON",
		"{\"hostname\":\"\n\"}":            "parse config.json: byte 13: it is not JSON",
		`{"mounts":{}}`:                    "parse config.json: byte 10: it is not JSON",
		`{"process":{"oomScoreAdj":1.5}`:   `parse config.json: byte 29: strconv.Atoi: parsing "1.5": invalid syntax`,
		`{"process":{"user":{"uid":-1}}`:   `parse config.json: byte 28: strconv.ParseUint: parsing "-1": invalid syntax`,
		`{"x":` + strings.Repeat("[", 300): "parse config.json: byte 205: it is nested too deeply",
	} {
		if _, err := Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"every field":    string(example(t)),
		"empty":          `{}`,
		"zeroes":         `{"process":{"user":{"uid":0,"gid":0},"consoleSize":{"height":0,"width":0},"oomScoreAdj":0},"linux":{}}`,
		"odd characters": `{"hostname":"\u0000\u001f\"\\é😀\u2028<>&","annotations":{"b":"2","a":"1","":""}}`,
	} {
		var want specs.Spec
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		formatted := Format(&want)
		var got specs.Spec
		if err := json.Unmarshal(formatted, &got); err != nil {
			t.Fatalf("%s: %v: %s", name, err, formatted)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, want)
		}
	}
	if got := string(Format(&specs.Spec{Hostname: "a\xffb"})); got != "{\"hostname\":\"a\ufffdb\"}" {
		t.Errorf("invalid UTF-8 became %q", got)
	}
}

// FuzzParse never panics, and understands what it accepts as encoding/json does.
func FuzzParse(f *testing.F) {
	f.Add(example(f))
	f.Add([]byte(`{"hostname":"\ud83d\u0041","mounts":[null,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := Parse(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var theirs specs.Spec
		if err := json.Unmarshal(again, &theirs); err != nil {
			t.Fatal(err)
		}
		ours, err := Parse(again)
		if err != nil {
			t.Fatalf("%v: %s", err, again)
		}
		if !reflect.DeepEqual(*ours, theirs) {
			t.Errorf("got %+v, want %+v", *ours, theirs)
		}
		formatted, err := Parse(Format(ours))
		if err != nil {
			t.Fatalf("%v: %s", err, Format(ours))
		}
		if before, after := Format(ours), Format(formatted); string(before) != string(after) {
			t.Errorf("formatted %s, then %s", before, after)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := example(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
