package ocispec

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deeply objects and arrays may lie in each other.
const maxDepth = 200

var (
	errEnd    = errors.New("it ends too early")
	errDeep   = errors.New("it is nested too deeply")
	errSyntax = errors.New("it is not JSON")
)

// parser walks over a JSON text once. The first error stays: from then on every method
// returns a zero value, so that callers look at the error only in the end.
type parser struct {
	data  []byte
	at    int
	depth int
	err   error
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = fmt.Errorf("byte %d: %w", p.at, err)
	}
	p.at = len(p.data)
}

// peek returns the first byte of the next token; 0 at the end.
func (p *parser) peek() byte {
	for p.at < len(p.data) {
		switch c := p.data[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// take consumes a byte that is next, or not.
func (p *parser) take(c byte) bool {
	if p.peek() != c || p.at >= len(p.data) {
		return false
	}
	p.at++
	return true
}

// expect consumes a byte that must be next.
func (p *parser) expect(c byte) {
	if p.take(c) {
		return
	}
	if p.at >= len(p.data) {
		p.fail(errEnd)
		return
	}
	p.fail(errSyntax)
}

// null consumes the word null: a value that is absent.
func (p *parser) null() bool {
	if p.peek() != 'n' {
		return false
	}
	p.word("null")
	return true
}

func (p *parser) word(word string) {
	if end := p.at + len(word); end <= len(p.data) && string(p.data[p.at:end]) == word {
		p.at = end
		return
	}
	p.fail(errSyntax)
}

// object calls field for each name; field consumes the value.
func (p *parser) object(field func(name []byte)) {
	p.list('{', '}', func() {
		name := p.text()
		p.expect(':')
		if p.err == nil {
			field(name)
		}
	})
}

// array calls element for each element, which element consumes.
func (p *parser) array(element func()) { p.list('[', ']', element) }

func (p *parser) list(open, end byte, item func()) {
	if p.null() {
		return
	}
	p.expect(open)
	if p.depth++; p.depth > maxDepth {
		p.fail(errDeep)
	}
	for first := true; p.err == nil && !p.take(end); first = false {
		if !first {
			p.expect(',')
		}
		if p.err == nil {
			item()
		}
	}
	p.depth--
}

// skip consumes any value.
func (p *parser) skip() {
	switch c := p.peek(); {
	case c == '{':
		p.object(func([]byte) { p.skip() })
	case c == '[':
		p.array(p.skip)
	case c == '"':
		p.text()
	case c == 't', c == 'f':
		p.boolean()
	case c == 'n':
		p.word("null")
	default:
		p.number()
	}
}

func (p *parser) boolean() bool {
	switch {
	case p.null():
	case p.peek() == 't':
		p.word("true")
		return p.err == nil
	default:
		p.word("false")
	}
	return false
}

func (p *parser) string() string {
	if p.null() {
		return ""
	}
	return string(p.text())
}

// text consumes a string. The result is valid until the text is changed.
func (p *parser) text() []byte {
	p.expect('"')
	for i := p.at; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '"':
			text := p.data[p.at:i]
			p.at = i + 1
			return text
		case c == '\\':
			return p.escaped(i)
		case c < ' ':
			p.at = i
			p.fail(errSyntax)
			return nil
		}
	}
	p.fail(errEnd)
	return nil
}

// escaped is text for a string whose first escape sequence is at i.
func (p *parser) escaped(i int) []byte {
	text := append([]byte(nil), p.data[p.at:i]...)
	for p.at = i; p.at < len(p.data); {
		c := p.data[p.at]
		p.at++
		switch {
		case c == '"':
			return text
		case c == '\\':
			text = p.escape(text)
		case c < ' ':
			p.fail(errSyntax)
		default:
			text = append(text, c)
		}
	}
	p.fail(errEnd)
	return nil
}

// simpleEscapes are those of one letter, and what they mean at the same place.
const simpleEscapes, simpleMeanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escape appends what follows a backslash means.
func (p *parser) escape(text []byte) []byte {
	if p.at >= len(p.data) {
		p.fail(errEnd)
		return nil
	}
	c := p.data[p.at]
	p.at++
	if c == 'u' {
		r := p.hex()
		if utf16.IsSurrogate(r) && p.at+1 < len(p.data) && p.data[p.at] == '\\' && p.data[p.at+1] == 'u' {
			before := p.at
			p.at += 2
			if r = utf16.DecodeRune(r, p.hex()); r == utf8.RuneError && p.err == nil {
				p.at = before // the second one stands for itself
			}
		}
		return utf8.AppendRune(text, r)
	}
	for i := range len(simpleEscapes) {
		if simpleEscapes[i] == c {
			return append(text, simpleMeanings[i])
		}
	}
	p.fail(errSyntax)
	return nil
}

// hex consumes the four digits of a \u escape.
func (p *parser) hex() rune {
	if p.at+4 > len(p.data) {
		p.fail(errEnd)
		return 0
	}
	n, err := strconv.ParseUint(string(p.data[p.at:p.at+4]), 16, 16)
	if err != nil {
		p.fail(errSyntax)
		return 0
	}
	p.at += 4
	return rune(n)
}

// number consumes a number and returns it as it is written.
func (p *parser) number() string {
	p.peek()
	start := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case '0' <= c && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			p.at++
			continue
		}
		break
	}
	text := string(p.data[start:p.at])
	if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		p.fail(errSyntax)
	}
	return text
}

// unsigned consumes a whole number of at most so many bits.
func (p *parser) unsigned(bits int) uint64 {
	if p.null() {
		return 0
	}
	n, err := strconv.ParseUint(p.number(), 10, bits)
	if err != nil {
		p.fail(err)
	}
	return n
}

// signed consumes a whole number.
func (p *parser) signed() int {
	if p.null() {
		return 0
	}
	n, err := strconv.Atoi(p.number())
	if err != nil {
		p.fail(err)
	}
	return n
}

// list consumes an array of values; null and an empty array are different.
func list[T any](p *parser, element func(*parser) T) []T {
	if p.null() {
		return nil
	}
	values := []T{}
	p.array(func() { values = append(values, element(p)) })
	return values
}

// pointer consumes a value that may be absent.
func pointer[T any](p *parser, value func(*parser) T) *T {
	if p.null() {
		return nil
	}
	v := value(p)
	return &v
}

// stringMap consumes an object of strings.
func stringMap(p *parser) map[string]string {
	if p.null() {
		return nil
	}
	m := map[string]string{}
	p.object(func(name []byte) {
		key := string(name)
		m[key] = p.string()
	})
	return m
}

// word consumes a string of a named type.
func word[T ~string](p *parser) T { return T(p.string()) }

func uint32s(p *parser) uint32 { return uint32(p.unsigned(32)) }
