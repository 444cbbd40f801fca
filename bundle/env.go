package bundle

import (
	"slices"
	"strings"
)

// defaultPath is what Docker sets when the image has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// proxyNames are the variables of the host that a container gets to see.
func proxyNames() []string {
	return []string{
		"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	}
}

// environment is an ordered set of NAME=VALUE. A variable that is set again keeps its place.
type environment struct {
	list  []string
	place map[string]int
}

func (e *environment) set(variable string) {
	name, _, _ := strings.Cut(variable, "=")
	if i, known := e.place[name]; known {
		e.list[i] = variable
		return
	}
	if e.place == nil {
		e.place = map[string]int{}
	}
	e.place[name] = len(e.list)
	e.list = append(e.list, variable)
}

// chooseEnvironment merges, later winning: rlc's own variables, the image's, the host's
// proxies, the person's. --unsetenv concerns all but the last.
func (b *builder) chooseEnvironment() error {
	var env environment
	for _, variable := range b.givenEnvironment() {
		name, _, _ := strings.Cut(variable, "=")
		if !b.req.UnsetEnvAll && !slices.Contains(b.req.UnsetEnv, name) {
			env.set(variable)
		}
	}
	for _, variable := range b.req.Env {
		if strings.Index(variable, "=") < 1 {
			return refuse("--env", variable, "write NAME=VALUE", "not a variable")
		}
		env.set(variable)
	}
	b.Spec.Process.Env = env.list
	return nil
}

func (b *builder) givenEnvironment() []string {
	given := []string{"PATH=" + defaultPath, "container=rlc"}
	if b.req.Terminal {
		given = append(given, "TERM=xterm")
	}
	if name := b.hostname(); name != "" {
		given = append(given, "HOSTNAME="+name)
	}
	for _, variable := range b.config.Env {
		if strings.Index(variable, "=") > 0 { // an image may hold anything
			given = append(given, variable)
		}
	}
	if b.req.NoHTTPProxy {
		return given
	}
	for _, variable := range b.in.HostEnv {
		if name, value, _ := strings.Cut(variable, "="); value != "" && slices.Contains(proxyNames(), name) {
			given = append(given, variable)
		}
	}
	return given
}
