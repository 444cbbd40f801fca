package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// listing is rows to print: as a table, as JSON, or by a template of the user's.
type listing struct {
	format    string            // --format; empty: the table
	table     string            // the template of the table
	headings  map[string]string // of columns by field, where they are not the field's name
	noHeading bool
	rows      []any
}

// printList prints rows.
func (a *app) printList(l listing) error {
	text := cmp.Or(l.format, "table "+l.table)
	if text == "json" {
		return a.printJSONRows(l.rows)
	}
	text, table := strings.CutPrefix(text, "table ")
	t, err := newTemplate(text, functions())
	if err != nil {
		return err
	}
	if !table {
		return a.execute(a.stdout, t, l.rows)
	}
	w := tabwriter.NewWriter(a.stdout, 12, 2, 2, ' ', 0)
	if !l.noHeading {
		if err := l.heading(a, w, text); err != nil {
			return err
		}
	}
	if err := a.execute(w, t, l.rows); err != nil {
		return err
	}
	return w.Flush()
}

// heading prints the first line of a table: the template carried out on the columns' names.
func (l *listing) heading(a *app, w io.Writer, text string) error {
	t, err := newTemplate(text, headingFunctions())
	if err != nil {
		return err
	}
	columns := headings{}
	for _, word := range strings.FieldsFunc(text, notInField) {
		if name, ok := strings.CutPrefix(word, "."); ok {
			columns[name] = spaced(name)
		}
	}
	for name, heading := range l.headings {
		columns[name] = heading
	}
	return a.execute(w, t, []any{columns})
}

// headings are the names of columns by field.
type headings map[string]string

// Label is the heading of a column that shows one label.
func (headings) Label(name string) string { return spaced(name) }

func notInField(r rune) bool { return r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// spaced makes a heading of a field's name: CreatedAt becomes CREATED AT.
func spaced(name string) string {
	var b strings.Builder
	last := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
		last = r
	}
	return b.String()
}

// execute carries out a template on each row, a line each.
func (a *app) execute(w io.Writer, t *template.Template, rows []any) error {
	for _, row := range rows {
		var line bytes.Buffer
		if err := t.Execute(&line, row); err != nil {
			return badTemplate(err)
		}
		line.WriteByte('\n')
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// printOne prints one value by a format: json, or a template.
func (a *app) printOne(format string, value any) error {
	if format == "json" {
		return a.printJSON(value)
	}
	t, err := newTemplate(strings.TrimPrefix(format, "table "), functions())
	if err != nil {
		return err
	}
	return a.execute(a.stdout, t, []any{value})
}

// printJSONRows prints rows as an indented array, or as Docker does, an object a line.
func (a *app) printJSONRows(rows []any) error {
	if a.dialect == asDocker {
		for _, row := range rows {
			text, err := marshal(row, "")
			if err != nil {
				return err
			}
			if _, err := a.stdout.Write(text); err != nil {
				return err
			}
		}
		return nil
	}
	if rows == nil {
		rows = []any{}
	}
	return a.printJSON(rows)
}

func (a *app) printJSON(value any) error {
	text, err := marshal(value, "    ")
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// marshal writes JSON for people: < and & as they are, a newline at the end.
func marshal(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return b.Bytes(), nil
}

// listed is a list that JSON shows as [] when it is empty: scripts iterate over it.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// newTemplate parses a --format.
func newTemplate(text string, functions template.FuncMap) (*template.Template, error) {
	t, err := template.New("format").Funcs(functions).Option("missingkey=error").Parse(unescape(text))
	if err != nil {
		return nil, badTemplate(err)
	}
	return t, nil
}

// unescape replaces \t and \n by a tab and a new line, but not inside {{ }}, where they are
// a matter of the template language.
func unescape(text string) string {
	var b strings.Builder
	for text != "" {
		plain, rest, action := strings.Cut(text, "{{")
		b.WriteString(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(plain))
		if !action {
			break
		}
		inside, after, closed := strings.Cut(rest, "}}")
		b.WriteString("{{" + inside)
		if closed {
			b.WriteString("}}")
		}
		text = after
	}
	return b.String()
}

func badTemplate(err error) error {
	return &usageError{message: "--format: " + strings.TrimPrefix(err.Error(), "template: "), hint: "--format takes a Go template such as '{{.ID}}', or json"}
}

// functions are what a --format may call beside the functions of text/template.
func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(value any) (string, error) {
			text, err := marshal(value, "")
			return strings.TrimSuffix(string(text), "\n"), err
		},
		"join":     strings.Join,
		"split":    strings.Split,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"title":    title,
		"pad":      pad,
		"truncate": truncate,
	}
}

// headingFunctions leave a column's name as it is, whatever is done to its values.
func headingFunctions() template.FuncMap {
	same := func(name string, _ ...any) string { return name }
	last := func(_ any, name string) string { return name }
	return template.FuncMap{
		"json": same, "join": same, "split": same, "lower": same, "upper": same, "title": same,
		"pad": pad, "truncate": same, "len": same, "index": same, "print": same, "printf": last, "println": same,
	}
}

// title writes every word's first letter large.
func title(s string) string {
	last := ' '
	return strings.Map(func(r rune) rune {
		first := !unicode.IsLetter(last) && !unicode.IsDigit(last)
		last = r
		if first {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// pad puts spaces before and behind a text that is not empty.
func pad(s string, before, behind int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", max(0, before)) + s + strings.Repeat(" ", max(0, behind))
}

// truncate leaves the first characters of a text.
func truncate(s string, length int) string {
	if length < 0 || utf8.RuneCountInString(s) <= length {
		return s
	}
	return string([]rune(s)[:length])
}
