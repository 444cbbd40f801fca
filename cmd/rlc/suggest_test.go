package main

import "testing"

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	names := []string{"run", "rm", "rmi", "ps", "pull", "images", "image", "inspect", "info", "--network", "--net", "--name"}
	tests := []struct{ word, want string }{
		{"rnu", "did you mean run?"},
		{"imgaes", "did you mean images?"},
		{"--netwrk", "did you mean --network?"},
		{"--nmae", "did you mean --name?"},
		{"ins", "did you mean inspect?"},
		{"logs", ""},
		{"x", ""},
		{"", ""},
		{"rmj", "did you mean rm or rmi?"},
		{"completely different", ""},
	}
	for _, tt := range tests {
		if got := didYouMean(tt.word, names); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abd", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
	}
	for _, tt := range tests {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := editDistance(tt.b, tt.a); got != tt.want {
			t.Errorf("%q, %q: got %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
