package bundle

import (
	"path"
	"strings"
)

// device is a device node of the host, or a directory of them, for the container.
type device struct {
	source, target string
	access         string // of r, w and m
}

// parseDevice reads HOST[:CONTAINER][:rwm].
func parseDevice(text string) (device, error) {
	const form = "write HOST[:CONTAINER][:rwm], such as /dev/fuse or /dev/ttyUSB0:/dev/modem:rw"
	fields := strings.Split(text, ":")
	d := device{source: fields[0], target: fields[0], access: "rwm"}
	if !path.IsAbs(d.source) && strings.Contains(d.source, "=") {
		return d, refuse("--device", text, "name the device nodes, such as /dev/dri", "devices of the Container Device Interface are not supported")
	}
	rest := fields[1:]
	if len(rest) > 0 && path.IsAbs(rest[0]) {
		d.target, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		d.access, rest = rest[0], rest[1:]
	}
	switch {
	case len(rest) > 0:
		return d, refuse("--device", text, form, "too many colons")
	case !path.IsAbs(d.source) || strings.Contains(text, "\x00"):
		return d, refuse("--device", text, form, "not an absolute path of the host")
	case !isAccess(d.access):
		return d, refuse("--device", text, form, "%q is neither a path nor made of r, w and m", d.access)
	}
	d.source, d.target = path.Clean(d.source), path.Clean(d.target)
	a := attachment{flag: "--device", text: text, target: d.target}
	return d, a.checkTarget()
}

func isAccess(text string) bool {
	if text == "" {
		return false
	}
	for _, letter := range []string{"r", "w", "m"} {
		text = strings.Replace(text, letter, "", 1)
	}
	return text == ""
}
