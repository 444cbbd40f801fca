package bundle

import (
	"strconv"
	"strings"
)

// parseTmpfs reads a value of --tmpfs: TARGET[:OPTIONS], the options being those of
// tmpfs(5) and of mounts.
func parseTmpfs(text string) (attachment, error) {
	a := attachment{flag: "--tmpfs", text: text, kind: "tmpfs"}
	target, options, _ := strings.Cut(text, ":")
	if err := a.setTarget(target); err != nil {
		return a, err
	}
	for word := range strings.SplitSeq(options, ",") {
		if word == "" {
			continue
		}
		if err := a.setTmpfsOption(word); err != nil {
			return a, err
		}
	}
	return a, a.finish()
}

// setTmpfsOption takes one option of a tmpfs.
func (a *attachment) setTmpfsOption(word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "size":
		return a.setTmpfsSize(value)
	case "mode":
		mode, err := strconv.ParseUint(value, 8, 32)
		if err != nil || mode > 0o7777 {
			return a.refuse("write octal digits, such as mode=1777", "not a file mode: %q", value)
		}
		a.data = append(a.data, "mode="+strconv.FormatUint(mode, 8))
		return nil
	case "uid", "gid", "nr_inodes", "nr_blocks":
		if strings.TrimRight(value, "kKmMgG") == "" || strings.Trim(strings.TrimRight(value, "kKmMgG"), "0123456789") != "" {
			return a.refuse("", "%s is not a number: %q", name, value)
		}
		a.data = append(a.data, word)
		return nil
	case "noatime", "nodiratime", "relatime", "strictatime":
		a.data = append(a.data, name)
		return nil
	case "tmpcopyup":
		return a.setOption("copy")
	case "notmpcopyup":
		return a.setOption("nocopy")
	case "noswap":
		return a.refuse("", "only root of the host can keep a tmpfs out of swap")
	case "U":
		a.chown = true
		return nil
	}
	switch field := a.exclusive(word); field {
	case &a.access, &a.exec, &a.suid, &a.dev, &a.propagation, &a.content:
		return a.setOption(word)
	}
	return a.refuse("known are size= mode= uid= gid= nr_inodes= ro rw exec noexec suid nosuid dev nodev noatime tmpcopyup notmpcopyup U", "unknown option %q", word)
}

// setTmpfsSize takes bytes with a unit, or a percentage of the memory.
func (a *attachment) setTmpfsSize(value string) error {
	if percent, ok := strings.CutSuffix(value, "%"); ok {
		if n, err := strconv.ParseUint(percent, 10, 16); err != nil || n > 100 {
			return a.refuse("write size=50%", "not a percentage: %q", value)
		}
		a.data = append(a.data, "size="+value)
		return nil
	}
	n, err := ParseSize(value)
	if err != nil {
		return err
	}
	a.data = append(a.data, "size="+strconv.FormatInt(n, 10))
	return nil
}
