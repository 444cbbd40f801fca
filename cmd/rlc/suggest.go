package main

import "strings"

// didYouMean is a hint that names the candidates which word may have been meant to be; it
// is empty when none looks like it.
func didYouMean(word string, candidates []string) string {
	const most = 4
	nearest := min(max(1, len(word)/3), 3) // letters that may be wrong
	var near []string
	for _, candidate := range candidates {
		distance := editDistance(word, candidate)
		if len(word) > 2 && strings.HasPrefix(candidate, word) {
			distance = 1
		}
		if distance < nearest {
			nearest, near = distance, nil
		}
		if distance == nearest && len(near) < most {
			near = append(near, candidate)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

// editDistance counts the letters to insert, drop, replace or swap with their neighbour to
// make b of a.
func editDistance(a, b string) int {
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
