package ocispec

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// writer appends a JSON text. Members are left out when they hold nothing, as the spec's
// types say of nearly all of them.
type writer struct{ data []byte }

// object writes an object, whose members fn writes.
func (w *writer) object(fn func()) {
	w.data = append(w.data, '{')
	fn()
	w.data = append(w.data, '}')
}

// member begins a member of an object.
func (w *writer) member(name string) {
	w.next('{')
	w.data = append(strconv.AppendQuote(w.data, name), ':')
}

// next separates a value from the one before it, unless it is the first after open.
func (w *writer) next(open byte) {
	if w.data[len(w.data)-1] != open {
		w.data = append(w.data, ',')
	}
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.member(name)
		w.quote(value)
	}
}

func (w *writer) flag(name string, value bool) {
	if value {
		w.member(name)
		w.data = append(w.data, "true"...)
	}
}

func (w *writer) number(name string, value uint64) {
	w.member(name)
	w.data = strconv.AppendUint(w.data, value, 10)
}

func (w *writer) texts(name string, values []string) {
	items(w, name, values, w.quote)
}

func (w *writer) textMap(name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	w.member(name)
	w.object(func() {
		for _, key := range keys {
			w.next('{')
			w.quote(key)
			w.data = append(w.data, ':')
			w.quote(values[key])
		}
	})
}

// items writes an array, if there is anything in it.
func items[T any](w *writer, name string, values []T, one func(T)) {
	if len(values) == 0 {
		return
	}
	w.member(name)
	w.data = append(w.data, '[')
	for _, v := range values {
		w.next('[')
		one(v)
	}
	w.data = append(w.data, ']')
}

// optional writes what a pointer points to, if it does.
func optional[T any](w *writer, name string, value *T, one func(T)) {
	if value != nil {
		w.member(name)
		one(*value)
	}
}

// quote writes a string; bytes that are not UTF-8 become U+FFFD, as in encoding/json.
func (w *writer) quote(s string) {
	w.data = append(w.data, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			w.data = utf8.AppendRune(w.data, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			w.data = append(w.data, '\\', c)
		case c < ' ':
			const digits = "0123456789abcdef"
			w.data = append(w.data, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			w.data = append(w.data, c)
		}
		i++
	}
	w.data = append(w.data, '"')
}
