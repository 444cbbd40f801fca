package engine

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rlc-containers/rlc/image"
)

// lendCredentials reads root's registry credentials for rlc-image, which does not run as
// the host's root and so may not. The file is looked for where Podman and Docker keep it.
func (e *Engine) lendCredentials(req *image.Request) {
	candidates := []string{req.AuthFile}
	if req.AuthFile == "" {
		candidates = e.credentialFiles()
	}
	for _, path := range candidates {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // rlc-image tells what is wrong with a file that was asked for
		}
		req.Auth, req.AuthFile = data, ""
		return
	}
}

// credentialFiles are the places of credentials, in the order of search; see
// containers-auth.json(5).
func (e *Engine) credentialFiles() []string {
	var files []string
	if path := e.variable("REGISTRY_AUTH_FILE"); path != "" {
		return []string{path}
	}
	if dir := e.variable("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers/auth.json"))
	}
	files = append(files, "/run/containers/0/auth.json")
	home := e.variable("HOME")
	if dir := e.variable("XDG_CONFIG_HOME"); dir != "" {
		files = append(files, filepath.Join(dir, "containers/auth.json"))
	} else if home != "" {
		files = append(files, filepath.Join(home, ".config/containers/auth.json"))
	}
	if dir := e.variable("DOCKER_CONFIG"); dir != "" {
		return append(files, filepath.Join(dir, "config.json"))
	}
	if home != "" {
		files = append(files, filepath.Join(home, ".docker/config.json"))
	}
	return files
}

// variable returns the value of a variable of the caller's environment.
func (e *Engine) variable(name string) string {
	for _, v := range e.Env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
