package imagestore

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/rlc-containers/rlc/image"
)

// platform is what --platform names. An empty part is whatever the machine has.
type platform struct{ os, arch, variant string }

// parsePlatform reads os/arch[/variant] or arch alone. The empty string is this machine.
func parsePlatform(s string) (platform, error) {
	if s == "" {
		return platform{}, nil
	}
	parts := strings.Split(strings.ToLower(s), "/")
	if len(parts) == 1 && parts[0] != "linux" {
		parts = append([]string{"linux"}, parts...)
	}
	for _, part := range parts {
		if part == "" {
			parts = nil
		}
	}
	if len(parts) == 0 || len(parts) > 3 {
		return platform{}, &image.Error{Message: fmt.Sprintf("platform %q: not of the form os/arch or os/arch/variant", s), Remedy: "for example linux/arm64"}
	}
	p := platform{os: parts[0]}
	if len(parts) > 1 {
		p.arch, p.variant = normalArch(parts[1])
	}
	if len(parts) > 2 {
		p.variant = parts[2]
	}
	if p.os != "linux" {
		return platform{}, &image.Error{Message: fmt.Sprintf("platform %q: only linux images can be used", s)}
	}
	return p, nil
}

// normalArch turns the names of uname(2) and of packages into Go's.
func normalArch(arch string) (name, variant string) {
	switch arch {
	case "x86_64", "x86-64":
		return "amd64", ""
	case "i386", "i486", "i586", "i686", "x86":
		return "386", ""
	case "aarch64":
		return "arm64", ""
	case "armhf":
		return "arm", "v7"
	case "armel":
		return "arm", "v6"
	case "ppc64el":
		return "ppc64le", ""
	}
	return arch, ""
}

// accepts says whether an image of a platform is what p asks for.
func (p platform) accepts(i *image.Image) bool {
	return (p.os == "" || i.OS == "" || p.os == i.OS) &&
		(p.arch == "" || i.Arch == "" || p.arch == i.Arch) &&
		(p.variant == "" || i.Variant == "" || p.variant == i.Variant)
}

func platformName(os, arch, variant string) string {
	name := os + "/" + arch
	if variant != "" {
		name += "/" + variant
	}
	return name
}

// foreign says that an image was made for another kind of machine.
func foreign(i *image.Image) bool {
	if i.Arch == "" || i.Arch == runtime.GOARCH {
		return false
	}
	return !(runtime.GOARCH == "amd64" && i.Arch == "386") && !(runtime.GOARCH == "arm64" && i.Arch == "arm")
}
