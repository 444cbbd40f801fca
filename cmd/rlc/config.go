package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/BurntSushi/toml"
)

// configured puts the settings that config.toml and the environment make before those of
// the command line, which win: of a list, the configured values come first.
func (a *app) configured(c *command, s *syntax, typed []setting) ([]setting, error) {
	l := line{settings: typed}
	fromFiles, err := a.fromFiles(c, s, &l)
	if err != nil {
		return nil, err
	}
	fromEnvironment, err := a.fromEnvironment(s)
	if err != nil {
		return nil, err
	}
	return slices.Concat(fromFiles, fromEnvironment, typed), nil
}

// fromEnvironment makes settings of the variables that stand for global flags.
func (a *app) fromEnvironment(s *syntax) ([]setting, error) {
	var l line
	for _, v := range [...]struct{ variable, option string }{
		{"STORAGE_DRIVER", "storage-driver"}, {"RLC_STORAGE_DRIVER", "storage-driver"},
		{"RLC_ROOT", "root"}, {"RLC_RUNROOT", "runroot"}, {"RLC_LOG_LEVEL", "log-level"},
	} {
		value := a.getenv(v.variable)
		if value == "" {
			continue
		}
		if err := l.set(s.long(v.option), value); err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", v.variable, err)
		}
	}
	return l.settings, nil
}

// fromFiles makes settings of config.toml: keys are the names of global flags, tables those
// of commands with their flags. The user's file goes before the administrator's.
func (a *app) fromFiles(c *command, s *syntax, typed *line) ([]setting, error) {
	files, err := a.configFiles(typed)
	if err != nil {
		return nil, err
	}
	var made []setting
	taken := map[string]bool{}
	for _, path := range files {
		tables := map[string]any{}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && !typed.mentions("config") {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if _, err := toml.Decode(string(data), &tables); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		l, err := settingsOf(tables, c, s)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		var here []string
		for _, setting := range l.settings {
			o := setting.option
			if taken[o.name] || !o.many && typed.mentions(o.name) {
				continue
			}
			made = append(made, setting)
			here = append(here, o.name)
		}
		for _, name := range here {
			taken[name] = true
		}
	}
	return made, nil
}

// configFiles lists the files of flags' defaults, the weightiest first.
func (a *app) configFiles(typed *line) ([]string, error) {
	for _, s := range typed.settings {
		if s.option.name == "config" {
			return []string{s.value}, nil
		}
	}
	if path := a.getenv("RLC_CONFIG"); path != "" {
		return []string{path}, nil
	}
	files := []string{"/etc/rlc/config.toml"}
	if config, err := a.configHome(); err == nil {
		files = append([]string{filepath.Join(config, "rlc", "config.toml")}, files...)
	}
	return files, nil
}

// settingsOf reads the global keys and the table of one command.
func settingsOf(tables map[string]any, c *command, s *syntax) (line, error) {
	var l line
	globals := describe(new(Globals))
	var names []string
	for _, command := range commands() {
		names = append(names, command.names[0])
	}
	for _, key := range slices.Sorted(maps.Keys(tables)) {
		value := tables[key]
		if table, ok := value.(map[string]any); ok {
			if !slices.Contains(names, key) {
				return l, &usageError{message: fmt.Sprintf("table [%s]: there is no such command", key), hint: didYouMean(key, names)}
			}
			if key != c.names[0] {
				continue
			}
			if err := l.configure(s, table); err != nil {
				return l, fmt.Errorf("table [%s]: %w", key, err)
			}
			continue
		}
		if globals.long(key) == nil {
			return l, unknownKey(&globals, key)
		}
		if err := l.configure(s, map[string]any{key: value}); err != nil {
			return l, err
		}
	}
	return l, nil
}

// configure turns a table of flags into settings.
func (l *line) configure(s *syntax, table map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		value := table[key]
		o := s.long(key)
		if o == nil {
			return unknownKey(s, key)
		}
		values, err := valuesOf(value, o.many)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		for _, v := range values {
			if err := l.set(o, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// valuesOf writes a TOML value as flags have it: an array, and a table as KEY=VALUE, is a
// flag that is repeated.
func valuesOf(value any, many bool) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case []any:
		if !many {
			break
		}
		var all []string
		for _, element := range v {
			one, err := valuesOf(element, false)
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	case map[string]any:
		if !many {
			break
		}
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			one, err := valuesOf(v[key], false)
			if err != nil {
				return nil, err
			}
			all = append(all, key+"="+one[0])
		}
		return all, nil
	}
	return nil, fmt.Errorf("%v is no value of this flag", value)
}

// unknownKey complains about a key that is no flag.
func unknownKey(s *syntax, key string) error {
	var names []string
	for i := range s.options {
		names = append(names, s.options[i].name)
	}
	return &usageError{message: fmt.Sprintf("unknown key %q", key), hint: didYouMean(key, names)}
}
