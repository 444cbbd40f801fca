package main

import (
	"encoding/json"
	"strings"
)

// EnvFlags make the environment of the command.
type EnvFlags struct {
	Env         []string `name:"env" short:"e" sep:"none" placeholder:"NAME[=VALUE]" help:"Set a variable; without a value, or with PREFIX*, as in your environment"`
	EnvFile     []string `name:"env-file" sep:"none" placeholder:"FILE" complete:"file" help:"Read variables from a file, one NAME=VALUE a line"`
	EnvHost     bool     `name:"env-host" help:"Pass your whole environment on"`
	UnsetEnv    []string `name:"unsetenv" sep:"none" placeholder:"NAME" help:"Remove a variable that the image sets"`
	UnsetEnvAll bool     `name:"unsetenv-all" help:"Remove all variables that the image sets"`
}

// environ merges what sets variables: containers.conf, the caller's environment, files,
// flags; what comes later wins.
func (f *EnvFlags) environ(a *app, conf *containersConf) ([]string, error) {
	env := append([]string(nil), conf.Containers.Env...)
	if f.EnvHost || conf.Containers.EnvHost {
		env = append(env, a.environment...)
	}
	fromFiles, err := readPairs(a, f.EnvFile, a.lookup)
	if err != nil {
		return nil, err
	}
	env = append(env, fromFiles...)
	for _, wish := range f.Env {
		if name, _, _ := strings.Cut(wish, "="); name == "" {
			return nil, &usageError{message: "--env " + wish + ": the name is missing"}
		}
		env = append(env, a.expand(wish)...)
	}
	return lastWins(env), nil
}

// expand turns NAME and PREFIX* into what the caller's environment has of them.
func (a *app) expand(wish string) []string {
	if strings.Contains(wish, "=") {
		return []string{wish}
	}
	if value, ok := a.lookup(wish); ok {
		return []string{wish + "=" + value}
	}
	prefix, ok := strings.CutSuffix(wish, "*")
	if !ok {
		return nil
	}
	var found []string
	for _, variable := range a.environment {
		if strings.HasPrefix(variable, prefix) {
			found = append(found, variable)
		}
	}
	return found
}

// lastWins leaves the last value of every variable, in the place of the first.
func lastWins(env []string) []string {
	if len(env) < 2 {
		return env
	}
	at := make(map[string]int, len(env))
	kept := env[:0]
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		if i, seen := at[name]; seen {
			kept[i] = variable
			continue
		}
		at[name] = len(kept)
		kept = append(kept, variable)
	}
	return kept
}

// words reads a command given as one value: a JSON array of words, or a single word.
func words(flag, value string) ([]string, error) {
	if value == "" {
		return nil, nil
	}
	if !strings.HasPrefix(strings.TrimSpace(value), "[") {
		return []string{value}, nil
	}
	var list []string
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return nil, &usageError{message: flag + " " + value + ": not a JSON array of words: " + err.Error()}
	}
	return list, nil
}
