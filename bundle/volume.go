package bundle

import "strings"

// volumeForm helps with a mistyped -v.
const volumeForm = "write [SOURCE:]TARGET[:OPTIONS], such as ./src:/src:ro or data:/var/lib/data"

// parseVolume reads a value of -v: [SOURCE:]TARGET[:OPTIONS]. A source that begins with /
// is a path of the host, which is made when it is missing; any other is a volume; none is a
// volume without a name.
func parseVolume(text string) (attachment, error) {
	a := attachment{flag: "--volume", text: text, kind: "volume"}
	fields := strings.Split(text, ":")
	if len(fields) > 3 {
		return a, a.refuse(volumeForm+"; --mount takes paths with colons", "too many colons")
	}
	if len(fields) == 1 {
		if err := a.setTarget(fields[0]); err != nil {
			return a, err
		}
		return a, a.finish()
	}
	if fields[0] == "" {
		return a, a.refuse(volumeForm, "the source is empty")
	}
	if err := a.setSource(fields[0]); err != nil {
		return a, err
	}
	if err := a.setTarget(fields[1]); err != nil {
		return a, err
	}
	if len(fields) == 3 {
		for word := range strings.SplitSeq(fields[2], ",") {
			if err := a.setOption(word); err != nil {
				return a, err
			}
		}
	}
	a.create = a.kind == "bind" && !a.overlay && !a.mustExist
	return a, a.finish()
}
