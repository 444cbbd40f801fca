package image

import (
	"os"

	"golang.org/x/sys/unix"
)

// Witness is how files looked at one moment, existing or not.
type Witness []Signature

// Signature is how one file looked. All figures are zero for a file that was not there.
type Signature struct {
	Path     string
	Device   uint64 `json:",omitempty"`
	Inode    uint64 `json:",omitempty"`
	Size     int64  `json:",omitempty"`
	Modified int64  `json:",omitempty"` // nanoseconds
	Changed  int64  `json:",omitempty"` // of the inode, nanoseconds
}

// Observe looks at files. A path that cannot be looked at counts as not there.
func Observe(paths []string) Witness {
	w := make(Witness, len(paths))
	for i, path := range paths {
		w[i] = observe(path)
	}
	return w
}

func observe(path string) Signature {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Signature{Path: path}
	}
	return Signature{Path: path, Device: st.Dev, Inode: st.Ino, Size: st.Size, Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano()}
}

// holds says that all files look as they did. An empty witness proves nothing.
func (w Witness) holds() bool {
	for _, then := range w {
		if observe(then.Path) != then {
			return false
		}
	}
	return len(w) > 0
}

// StoreFiles are the files of a store that change with its images and layers.
func StoreFiles(root string) []string {
	sep := string(os.PathSeparator)
	return []string{
		root + sep + "overlay-images" + sep + "images.json",
		root + sep + "overlay-layers" + sep + "layers.json",
	}
}
