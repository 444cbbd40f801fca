package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample has an option of every kind.
type sample struct {
	Env     []string `name:"env" short:"e" sep:"none"`
	Publish []string `name:"publish" short:"p" sep:"none"`
	Caps    []string `name:"cap-add" sep:","`
	Name    string   `name:"name" aliases:"nom"`
	Tty     bool     `name:"tty" short:"t"`
	Inter   bool     `name:"interactive" short:"i"`
	Detach  bool     `name:"detach" short:"d"`
	Proxy   *bool    `name:"sig-proxy"`
	Entry   *string  `name:"entrypoint"`
	Time    *int     `name:"time" short:"T"`
	Limit   uint     `name:"limit"`
	Pull    string   `name:"pull" choices:"always,never"`
	Host    string   `name:"hostname" short:"h"`
	Args    []string `arg:"IMAGE"`
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		words string // separated by spaces; '' is an empty word
		mixed bool
		want  string // normalised options | arguments
	}{
		{"nothing", "", false, "|"},
		{"cluster", "-itd image", false, "--interactive=true --tty=true --detach=true|image"},
		{"cluster with a value at its end", "-ite A=b image", false, "--interactive=true --tty=true --env=A=b|image"},
		{"cluster with a glued value", "-iteA=b image", false, "--interactive=true --tty=true --env=A=b|image"},
		{"glued value", "-p8080:80 image", false, "--publish=8080:80|image"},
		{"glued value with =", "-p=8080:80 image", false, "--publish=8080:80|image"},
		{"glued value with = in it", "-eA=b image", false, "--env=A=b|image"},
		{"glued value behind = with = in it", "-e=A=b image", false, "--env=A=b|image"},
		{"value in the next word", "-p 8080:80 image", false, "--publish=8080:80|image"},
		{"value that begins with a dash", "-e -V image", false, "--env=-V|image"},
		{"value that is an option", "-e --rm image", false, "--env=--rm|image"},
		{"value that is two dashes", "-e -- image", false, "--env=--|image"},
		{"toggle off", "-d=false image", false, "--detach=false|image"},
		{"toggle off by 0", "-d=0 image", false, "--detach=false|image"},
		{"long toggle off", "--sig-proxy=false image", false, "--sig-proxy=false|image"},
		{"long toggle T", "--detach=T image", false, "--detach=true|image"},
		{"cluster whose last toggle is off", "-it=false image", false, "--interactive=true --tty=false|image"},
		{"toggle takes no next word", "-d false", false, "--detach=true|false"},
		{"long value", "--name web image", false, "--name=web|image"},
		{"long value with =", "--name=web image", false, "--name=web|image"},
		{"alias", "--nom=web image", false, "--name=web|image"},
		{"empty value", "--name= image", false, "--name=|image"},
		{"empty next word", "--name '' image", false, "--name=|image"},
		{"empty glued value", "-e= image", false, "--env=|image"},
		{"repeated", "-eA -eB --env C image", false, "--env=A --env=B --env=C|image"},
		{"negative number", "--time -1 image", false, "--time=-1|image"},
		{"negative number, short", "-T -1 image", false, "--time=-1|image"},
		{"negative number, glued", "-T-1 image", false, "--time=-1|image"},
		{"options end at the image", "image -it --rm", false, "|image -it --rm"},
		{"unknown options behind the image", "-i image --no-such -Z", false, "--interactive=true|image --no-such -Z"},
		{"two dashes before the image", "-i -- image -t", false, "--interactive=true|image -t"},
		{"two dashes behind the image stay", "image -- ls", false, "|image -- ls"},
		{"only the first two dashes go", "-- -- image", false, "|-- image"},
		{"a dash is an argument", "-i -", false, "--interactive=true|-"},
		{"an empty word is an argument", "'' image", false, "|'' image"},
		{"mixed", "c1 -T 0 c2 -d", true, "--time=0 --detach=true|c1 c2"},
		{"mixed, negative", "c1 -T -1", true, "--time=-1|c1"},
		{"mixed, two dashes", "c1 -- -T -- c2", true, "|c1 -T -- c2"},
		{"a choice", "--pull always image", false, "--pull=always|image"},
		{"a letter that is not ASCII in a value", "-eÄ=ö image", false, "--env=Ä=ö|image"},
		{"-h where it is an option", "-h box image", false, "--hostname=box|image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := describe(new(sample))
			l, err := normalise(&s, split(tt.words), tt.mixed)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(l.words(), " ") + "|" + join(l.args); got != tt.want {
				t.Errorf("normalise(%q)\n got %s\nwant %s", tt.words, got, tt.want)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, words, message, hint string }{
		{"unknown option", "--no-such image", "unknown flag --no-such", ""},
		{"unknown option that looks like one", "--nmae=x image", "unknown flag --nmae", "did you mean --name?"},
		{"unknown letter", "-x image", "unknown flag -x", ""},
		{"unknown letter in a cluster", "-itx image", "unknown flag -x", ""},
		{"unknown letter that is not ASCII", "-ä", "unknown flag -ä", ""},
		{"missing value", "--name", "--name: a value is missing", ""},
		{"missing value of a letter", "-e", "-e, --env: a value is missing", ""},
		{"missing value in a cluster", "-ite", "-e, --env: a value is missing", ""},
		{"toggle with a word", "-d=maybe image", `-d, --detach: "maybe" is neither true nor false`, ""},
		{"toggle with nothing", "--detach= image", `-d, --detach: "" is neither true nor false`, ""},
		{"not among the choices", "--pull=alwys image", `--pull: unknown value "alwys"`, "choose one of: always, never"},
		{"NUL byte", "--name=a\x00b image", "--name: a value cannot hold a NUL byte", ""},
		{"three dashes", "---name=x image", "unknown flag ---name", "did you mean --name?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := describe(new(sample))
			_, err := normalise(&s, split(tt.words), false)
			var usage *usageError
			if !errors.As(err, &usage) {
				t.Fatalf("normalise(%q): %v, want a usage error", tt.words, err)
			}
			if usage.message != tt.message || usage.hint != tt.hint {
				t.Errorf("got %q, hint %q; want %q, hint %q", usage.message, usage.hint, tt.message, tt.hint)
			}
			if code := exitCode(err); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
		})
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	yes, no, minus, entry := true, false, -1, ""
	tests := []struct {
		name, words string
		want        sample
		err         string
	}{
		{"texts and switches", "-it --name web -eA=b -e C,d --entrypoint= image x", sample{
			Inter: true, Tty: true, Name: "web", Env: []string{"A=b", "C,d"}, Entry: &entry, Args: []string{"image", "x"},
		}, ""},
		{"the last one wins", "--name a --name b -d -d=false --sig-proxy --sig-proxy=0 image", sample{Name: "b", Proxy: &no, Args: []string{"image"}}, ""},
		{"toggle on", "--sig-proxy image", sample{Proxy: &yes, Args: []string{"image"}}, ""},
		{"numbers and lists", "-T -1 --limit 7 --cap-add a,b --cap-add c image", sample{
			Time: &minus, Limit: 7, Caps: []string{"a", "b", "c"}, Args: []string{"image"},
		}, ""},
		{"a value that looks like a variable", "--name ${HOME} -e $X image", sample{Name: "${HOME}", Env: []string{"$X"}, Args: []string{"image"}}, ""},
		{"no number", "-T x image", sample{}, `--time: expected a valid 64 bit int but got "x"`},
		{"negative where none may be", "--limit=-3 image", sample{}, `--limit: expected a valid 64 bit uint but got "-3"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got sample
			s := describe(&got)
			l, err := normalise(&s, split(tt.words), false)
			if err != nil {
				t.Fatal(err)
			}
			switch err := bind(&s, &l); {
			case tt.err == "" && err != nil:
				t.Fatal(err)
			case tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Fatalf("got error %v, want %s", err, tt.err)
			case tt.err == "" && !reflect.DeepEqual(got, tt.want):
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestBindCountsArguments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		count string
		args  []string
		err   string
	}{
		{"", nil, ""},
		{"", []string{"a", "b"}, ""},
		{"1", nil, "THING is missing"},
		{"1", []string{"a", "b"}, `unexpected argument "b"`},
		{"0-1", nil, ""},
		{"0-1", []string{"a", "b"}, `unexpected argument "b"`},
		{"1+", nil, "THING is missing"},
		{"2+", []string{"a"}, "at least 2 arguments are needed: THING"},
		{"2+", []string{"a", "b", "c"}, ""},
	}
	for _, tt := range tests {
		field := reflect.StructField{Name: "Args", Type: reflect.TypeFor[[]string](), Tag: reflect.StructTag(`arg:"THING" count:"` + tt.count + `"`)}
		target := reflect.New(field.Type).Elem()
		err := bindArgs(newArgument("THING", field, target), tt.args)
		if got := text(err); got != tt.err {
			t.Errorf("count %q, %q: got error %q, want %q", tt.count, tt.args, got, tt.err)
		}
		if tt.err == "" && !slices.Equal(target.Interface().([]string), tt.args) {
			t.Errorf("count %q, %q: got %v", tt.count, tt.args, target)
		}
	}
	if err := bindArgs(nil, []string{"x"}); text(err) != `unexpected argument "x"` {
		t.Errorf("no arguments: %v", err)
	}
}

// FuzzNormalise: what normalise accepts, it accepts in the form that it gives it, as the
// same line; and it never loses an argument.
func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{"-itd image", "-p=8080:80 x -- y", "-e -V -- -- z", "--name= '' -d=0", "-iteA=b c", "-h -h --time=-1"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, mixed bool) {
		words := split(text)
		s := describe(new(sample))
		l, err := normalise(&s, words, mixed)
		if err != nil {
			var usage *usageError
			if !errors.As(err, &usage) || usage.message == "" {
				t.Fatalf("normalise(%q): %#v", words, err)
			}
			return
		}
		if !mixed && len(l.args) > 0 && !slices.Equal(l.args, words[len(words)-len(l.args):]) {
			t.Fatalf("normalise(%q) changed the arguments: %q", words, l.args)
		}
		again, err := normalise(&s, append(append(l.words(), "--"), l.args...), mixed)
		if err != nil {
			t.Fatalf("normalise(%q), again: %v", words, err)
		}
		if !slices.Equal(again.words(), l.words()) || !slices.Equal(again.args, l.args) {
			t.Fatalf("normalise(%q): %q %q, again %q %q", words, l.words(), l.args, again.words(), again.args)
		}
		if err := bind(&s, &l); err != nil && exitCode(err) != exitFailed {
			t.Fatalf("bind(%q): %v", words, err)
		}
	})
}

// split makes words of a text; ” is an empty one.
func split(text string) []string {
	words := strings.Fields(text)
	for i, word := range words {
		if word == "''" {
			words[i] = ""
		}
	}
	return words
}

// join is the inverse of split.
func join(words []string) string {
	shown := slices.Clone(words)
	for i, word := range shown {
		if word == "" {
			shown[i] = "''"
		}
	}
	return strings.Join(shown, " ")
}

// text is an error's message; empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
