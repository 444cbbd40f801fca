package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// containersConf is what rlc honours of containers.conf(5); other keys are ignored.
type containersConf struct {
	Containers struct {
		Annotations         list   `toml:"annotations"`
		CgroupNS            string `toml:"cgroupns"`
		DefaultCapabilities list   `toml:"default_capabilities"`
		DefaultSysctls      list   `toml:"default_sysctls"`
		DefaultUlimits      list   `toml:"default_ulimits"`
		Devices             list   `toml:"devices"`
		DNSOptions          list   `toml:"dns_options"`
		DNSSearches         list   `toml:"dns_searches"`
		DNSServers          list   `toml:"dns_servers"`
		Env                 list   `toml:"env"`
		EnvHost             bool   `toml:"env_host"`
		HTTPProxy           *bool  `toml:"http_proxy"`
		Init                bool   `toml:"init"`
		IPCNS               string `toml:"ipcns"`
		Label               *bool  `toml:"label"`
		Mounts              list   `toml:"mounts"`
		NetNS               string `toml:"netns"`
		NoHosts             bool   `toml:"no_hosts"`
		OOMScoreAdj         *int   `toml:"oom_score_adj"`
		PidNS               string `toml:"pidns"`
		Privileged          bool   `toml:"privileged"`
		ReadOnly            bool   `toml:"read_only"`
		SeccompProfile      string `toml:"seccomp_profile"`
		ShmSize             string `toml:"shm_size"`
		TZ                  string `toml:"tz"`
		Umask               string `toml:"umask"`
		Userns              string `toml:"userns"`
		UTSNS               string `toml:"utsns"`
		Volumes             list   `toml:"volumes"`
	} `toml:"containers"`
	Engine struct {
		DetachKeys  string `toml:"detach_keys"`
		Env         list   `toml:"env"`
		PullPolicy  string `toml:"pull_policy"`
		StopTimeout *int   `toml:"stop_timeout"`
	} `toml:"engine"`
}

// list is an array of strings that replaces the one of the files read before, or is added
// to it where it holds {append=true}.
type list []string

// UnmarshalTOML reads the array.
func (l *list) UnmarshalTOML(value any) error {
	elements, ok := value.([]any)
	if !ok {
		return fmt.Errorf("not an array: %v", value)
	}
	var items []string
	for _, element := range elements {
		switch e := element.(type) {
		case string:
			items = append(items, e)
		case map[string]any:
			if e["append"] == true {
				items = append(slices.Clone(*l), items...)
			}
		default:
			return fmt.Errorf("not a string: %v", element)
		}
	}
	*l = items
	return nil
}

// vendorDir holds what a distribution's packages ship.
const vendorDir = "/usr/share/containers"

// containersConf reads the files of containers.conf(5), once. What they set of the engine's
// environment becomes part of the caller's, unless that has it already.
func (a *app) containersConf() (*containersConf, error) {
	if a.conf != nil {
		return a.conf, nil
	}
	conf := new(containersConf)
	paths, err := a.containersConfFiles()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read containers.conf: %w", err)
		}
		data = withoutComments(data)
		if len(data) == 0 {
			continue
		}
		if _, err := toml.Decode(string(data), conf); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if filepath.Dir(path) == vendorDir {
			// The packages' file spells the built-in lists of Podman out; ours are Docker's.
			conf.Containers.DefaultCapabilities, conf.Containers.DefaultSysctls = nil, nil
		}
	}
	for _, variable := range conf.Engine.Env {
		name, _, _ := strings.Cut(variable, "=")
		if _, set := a.lookup(name); !set {
			a.environment = append(a.environment, variable)
		}
	}
	a.conf = conf
	return conf, nil
}

// containersConfFiles lists the files to read, those that count less first: the first main
// file that there is of the user's, the administrator's and the packages', then the
// drop-ins by name, where the user's hide the others' of the same name.
func (a *app) containersConfFiles() ([]string, error) {
	if path := a.getenv("CONTAINERS_CONF"); path != "" {
		return a.override([]string{path}), nil
	}
	const name = "containers.conf"
	dirs := []string{"/etc/containers", vendorDir}
	kind := "rootful"
	if os.Getuid() != 0 {
		kind = "rootless"
		if config, err := a.configHome(); err == nil {
			dirs = append([]string{filepath.Join(config, "containers")}, dirs...)
		}
	}
	var files, dropIns []string
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if len(files) == 0 && exists(path) {
			files = append(files, path)
		}
		if strings.HasPrefix(dir, "/etc/") || dir == vendorDir {
			special := filepath.Join(dir, "containers."+kind+".conf.d")
			if kind == "rootless" {
				dropIns = append(dropIns, filepath.Join(special, strconv.Itoa(os.Getuid())))
			}
			dropIns = append(dropIns, special)
		}
		dropIns = append(dropIns, path+".d")
	}
	more, err := confFilesIn(dropIns)
	return a.override(append(files, more...)), err
}

// override adds the file that is read last of all.
func (a *app) override(files []string) []string {
	if path := a.getenv("CONTAINERS_CONF_OVERRIDE"); path != "" {
		return append(files, path)
	}
	return files
}

// confFilesIn lists the *.conf files of directories, ordered by their names; a file hides
// those of the same name in later directories.
func confFilesIn(dirs []string) ([]string, error) {
	byName := map[string]string{}
	var names []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("read containers.conf: %w", err)
		}
		for _, entry := range entries {
			name := entry.Name()
			if _, hidden := byName[name]; hidden || entry.IsDir() || !strings.HasSuffix(name, ".conf") {
				continue
			}
			byName[name] = filepath.Join(dir, name)
			names = append(names, name)
		}
	}
	slices.Sort(names)
	files := make([]string, len(names))
	for i, name := range names {
		files[i] = byName[name]
	}
	return files, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withoutComments drops the lines of a TOML file that hold a comment alone: the packages'
// files consist of a thousand of them, and parsing those would cost every start a good part
// of a millisecond. A file with strings of several lines stays as it is; one that sets
// nothing comes back empty.
func withoutComments(data []byte) []byte {
	kept := make([]byte, 0, len(data)/8)
	sets := false
	for rest := data; len(rest) > 0; {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line = rest[:end+1]
		}
		rest = rest[len(line):]
		at := 0
		for at < len(line) && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r' || line[at] == '\n') {
			at++
		}
		if at == len(line) || line[at] == '#' {
			continue
		}
		sets = sets || line[at] != '[' || bytes.IndexByte(line, ']') < 0
		kept = append(kept, line...)
	}
	switch {
	case bytes.Contains(kept, []byte(`"""`)) || bytes.Contains(kept, []byte("'''")):
		return data
	case !sets:
		return nil
	}
	return kept
}
