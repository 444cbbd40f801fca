package image

import (
	"fmt"
	"strings"
)

// maxName is longer than any reference: 255 bytes of repository, a tag, a digest, a transport and a path.
const maxName = 8192

// CheckName refuses what cannot be a reference at all, so that the mistake is named before
// anything is started. Whether a reference is right and leads to an image only rlc-image knows.
func CheckName(name string) error {
	switch {
	case name == "":
		return &Error{Message: "the name of the image is empty"}
	case len(name) > maxName:
		return &Error{Message: fmt.Sprintf("the name of the image has %d bytes: more than %d", len(name), maxName)}
	case strings.HasPrefix(name, "-"):
		return &Error{Message: fmt.Sprintf("%q is no name of an image", name), Remedy: "options go before the image"}
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return &Error{Message: fmt.Sprintf("the name of the image %q holds a control character", name)}
		}
	}
	return nil
}
