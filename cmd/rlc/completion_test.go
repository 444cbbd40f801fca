package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string   // '' is an empty last word
		want []string // words that are offered; others may be, too
		not  []string
	}{
		{"''", []string{"run", "image", "ps"}, []string{"__complete", "ls"}},
		{"im", []string{"images", "image"}, []string{"run"}},
		{"image ''", []string{"ls", "rm", "inspect"}, []string{"run"}},
		{"--l", []string{"--log-level"}, []string{"--root"}},
		{"--log-level ''", []string{"debug", "warn"}, []string{"run"}},
		{"--debug ru", []string{"run"}, nil},
		{"run --pu", []string{"--pull"}, []string{"--rm"}},
		{"run --pull ''", []string{"always", "never"}, []string{":files"}},
		{"run --pull=a", []string{"--pull=always"}, []string{"--pull=never"}},
		{"run --env-file ''", []string{":files"}, nil},
		{"run --cert-dir=", []string{":dirs"}, nil},
		{"run -it --pull al", []string{"always"}, nil},
		{"run -itv ''", []string{":files"}, nil},
		{"run -v /a:/b --r", []string{"--rm", "--rootfs"}, nil},
		{"run -e A=b --r", []string{"--rm"}, nil},
		{"run image ''", []string{":files"}, []string{"--rm"}},
		{"run image --r", []string{":files"}, []string{"--rm"}},
		{"run --rm --", []string{"--rm", "--help"}, nil},
		{"container run --pull ''", []string{"always"}, nil},
		{"images --sort s", []string{"size"}, nil},
		{"completion ''", []string{"bash", "zsh", "fish"}, nil},
		{"completion bash ''", nil, []string{"bash"}},
		{"help r", []string{"run", "rm"}, nil},
		{"load -i ''", []string{":files"}, nil},
		{"nosuch ''", nil, []string{"run"}},
		{"rm -- --f", nil, []string{"--force"}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			a, out := captured(t)
			if err := (&CompleteCmd{Words: split(tt.line)}).Run(context.Background(), a); err != nil {
				t.Fatal(err)
			}
			var words []string
			for line := range strings.Lines(out()) {
				word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				words = append(words, word)
			}
			for _, word := range tt.want {
				if !slices.Contains(words, word) {
					t.Errorf("%s is not offered: %q", word, words)
				}
			}
			for _, word := range tt.not {
				if slices.Contains(words, word) {
					t.Errorf("%s is offered: %q", word, words)
				}
			}
		})
	}
}

// FuzzFollow: no words that a person has typed so far confuse the completion.
func FuzzFollow(f *testing.F) {
	f.Add("-itv x -- y", true)
	f.Add("--pull=a --name", false)
	f.Fuzz(func(t *testing.T, text string, mixed bool) {
		words := split(text)
		s := describe(new(sample))
		p := follow(&s, words, mixed)
		if len(p.args) > len(words) {
			t.Errorf("%q: more arguments than words: %q", words, p.args)
		}
	})
}

func TestScriptsAreValid(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed", shell)
			}
			file := filepath.Join(t.TempDir(), "script")
			write(t, file, strings.ReplaceAll(completionScript(shell), "PROGRAM", "rlc"))
			if out, err := exec.Command(path, "-n", file).CombinedOutput(); err != nil {
				t.Errorf("%s -n: %v\n%s", shell, err, out)
			}
		})
	}
}

// TestBashCompletes lets a real Bash complete lines with the real program.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "script"), strings.ReplaceAll(completionScript("bash"), "PROGRAM", "rlc"))
	write(t, filepath.Join(dir, "a file"), "")
	tests := []struct{ words, want string }{ // words as Bash breaks them
		{`rlc ru`, "run\n"},
		{`rlc image exi`, "exists\n"},
		{`rlc run --pull = al`, "always\n"},
		{`rlc run --pull =`, "always\nmissing\nnever\nnewer\n"},
		{`rlc run --pull al`, "always\n"},
		{`rlc load -i "a f"`, "a file\n"},
		{`rlc run -v /x : /y --cidf`, "--cidfile\n"},
	}
	for _, tt := range tests {
		// compopt works only while Bash itself completes.
		script := `compopt() { :; }; . ./script; COMP_WORDS=(` + tt.words + `); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _rlc; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, "--norc", "-c", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + filepath.Dir(path) + ":" + os.Getenv("PATH"), "HOME=" + dir}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.words, out, err, tt.want)
		}
	}
}
