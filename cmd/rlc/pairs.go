package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPairsFile is the size in bytes from which on a file is no list of pairs but a mistake.
const maxPairsFile = 16 << 20

// readPairs reads files of NAME=VALUE lines. A name alone gets its value from lookup and
// is left out where that has none; without lookup it stays alone.
func readPairs(a *app, paths []string, lookup func(string) (string, bool)) ([]string, error) {
	var all []string
	for _, path := range paths {
		data, err := a.readFile(path, maxPairsFile)
		if err != nil {
			return nil, err
		}
		found, err := parsePairs(data, lookup)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// parsePairs reads the lines of an environment or label file as Docker does: white space
// before a line, empty lines and lines that begin with # are nothing; all behind the first
// = is the value, quotes and trailing spaces included.
func parsePairs(data []byte, lookup func(string) (string, bool)) ([]string, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("not a text file: it is not UTF-8")
	}
	var found []string
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		name, _, has := strings.Cut(line, "=")
		switch {
		case name == "":
			return nil, fmt.Errorf("line %d: the name is missing", number)
		case strings.IndexFunc(name, unicode.IsSpace) >= 0:
			return nil, fmt.Errorf("line %d: white space in the name %q", number, name)
		case strings.IndexByte(line, 0) >= 0:
			return nil, fmt.Errorf("line %d: a NUL byte", number)
		case has || lookup == nil:
			found = append(found, line)
			continue
		}
		if value, ok := lookup(name); ok {
			found = append(found, name+"="+value)
		}
	}
	return found, nil
}

// pairs makes a map of KEY=VALUE words; a key alone has an empty value.
func pairs(flag string, list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(list))
	for _, pair := range list {
		key, value, _ := strings.Cut(pair, "=")
		if key == "" {
			return nil, &usageError{message: flag + " " + pair + ": the key is missing"}
		}
		m[key] = value
	}
	return m, nil
}

// readFile reads a small file that a flag names. "-" is standard input.
func (a *app) readFile(path string, limit int64) ([]byte, error) {
	f := a.stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
		defer f.Close() // read-only
	}
	return readAll(f, limit)
}
