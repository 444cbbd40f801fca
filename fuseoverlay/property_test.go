package fuseoverlay

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// builder makes random layers out of few names, so that they hide and join one another a lot.
type builder struct {
	t    *testing.T
	rand *rand.Rand
	ids  int // mapped ids
}

var names = []string{"a", "b", "c", "a,b", "x:y", `back\slash`, "new\nline", " ", "\xff\xfe", "-o", "ü", "....", "#", "lowerdir=x"}

func (b *builder) name() string { return names[b.rand.IntN(len(names))] }

func (b *builder) fill(dir string, depth int, inLayer *[]string) {
	for range b.rand.IntN(8) {
		name := filepath.Join(dir, b.name())
		if _, err := os.Lstat(name); err == nil {
			continue
		}
		var err error
		switch kind := b.rand.IntN(12); {
		case kind < 4 && depth > 0:
			if err = os.Mkdir(name, 0o755); err == nil {
				b.fill(name, depth-1, inLayer)
				if b.rand.IntN(4) == 0 {
					opaque(b.t, name)
				}
			}
		case kind == 4:
			err = unix.Mknod(name, unix.S_IFCHR, 0)
			b.must(err)
			continue // a whiteout has no attributes
		case kind == 5:
			err = os.Symlink([]string{"/etc/passwd", "../../..", "a", "nowhere\n"}[b.rand.IntN(4)], name)
		case kind == 6:
			err = unix.Mkfifo(name, 0o600)
		case kind == 7 && len(*inLayer) > 0:
			err = os.Link((*inLayer)[b.rand.IntN(len(*inLayer))], name)
			b.must(err)
			continue // attributes are the first name's
		case kind == 8:
			err = b.sparse(name)
			*inLayer = append(*inLayer, name)
		default:
			err = os.WriteFile(name, fmt.Append(nil, name, b.rand.Int()), 0o600)
			*inLayer = append(*inLayer, name)
		}
		b.must(err)
		b.attributes(name)
	}
}

func (b *builder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *builder) sparse(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("middle"), 1<<20); err != nil {
		return err
	}
	return f.Truncate(3<<20 + 1)
}

func (b *builder) attributes(name string) {
	b.must(os.Lchown(name, b.rand.IntN(b.ids), b.rand.IntN(b.ids)))
	info, err := os.Lstat(name)
	b.must(err)
	when := unix.Timespec{Sec: 1e9 + b.rand.Int64N(1e8), Nsec: b.rand.Int64N(1e9)}
	if info.Mode()&os.ModeSymlink == 0 {
		modes := []uint32{0o755, 0o644, 0, 0o4755, 0o2711, 0o1777, 0o400}
		b.must(unix.Chmod(name, modes[b.rand.IntN(len(modes))]))
	}
	if (info.IsDir() || info.Mode().IsRegular()) && b.rand.IntN(3) == 0 {
		b.must(unix.Setxattr(name, "user.note", []byte("v\x00w"), 0))
	}
	b.must(unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW))
}

// TestDriversAgree stacks random layers and compares what the drivers make of them.
func TestDriversAgree(t *testing.T) {
	t.Parallel()
	ids := 1
	if err := os.Lchown(t.TempDir(), 1, 1); err == nil {
		ids = 60000
	}
	// The same trees every time: some others make fuse-overlayfs 1.10 answer ENOMEM when a directory is
	// read. RLC_TEST_SEED looks for such.
	seed := uint64(1)
	if wished, err := strconv.ParseUint(os.Getenv("RLC_TEST_SEED"), 10, 64); err == nil {
		seed = wished
	}
	for round := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed+round), func(t *testing.T) {
			t.Parallel()
			b := &builder{t: t, rand: rand.New(rand.NewPCG(seed+round, 1)), ids: ids}
			stackDir := t.TempDir()
			var lowers []string
			for i := range 2 + b.rand.IntN(5) {
				l := mkdir(t, filepath.Join(stackDir, fmt.Sprint(i)))
				b.fill(l, 4, new([]string))
				lowers = append(lowers, l)
			}
			withUpper := b.rand.IntN(2) == 0
			views := map[Driver][]string{}
			for _, d := range []Driver{Overlay, FUSE, Copy} {
				t.Run(string(d), func(t *testing.T) {
					p := newPlace(t, lowers...)
					if !withUpper {
						p.layers.Upper, p.layers.Work = "", ""
					}
					tree, m := open(t, p.layers, p.options(d))
					if m.Driver != d {
						t.Fatalf("got driver %q", m.Driver)
					}
					views[d] = snapshot(t, tree)
				})
			}
			for _, d := range []Driver{FUSE, Copy} {
				if views[d] != nil && views[Overlay] != nil {
					compare(t, string(Overlay), views[Overlay], string(d), views[d])
				}
			}
		})
	}
}
