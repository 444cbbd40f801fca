package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"
	"golang.org/x/sys/unix"
)

const inside = "RLC_TEST_IN_USER_NAMESPACE"

// TestMain runs the tests where Unpack runs: as root of a user namespace, with a umask of 0.
func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		os.Exit(crossed())
	}
	unix.Umask(0)
	os.Exit(m.Run())
}

func crossed() int {
	size := 1
	if os.Getuid() == 0 {
		size = 65536 // so that owners can be tested
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 unix.CLONE_NEWUSER,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: size}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: size}},
		GidMappingsEnableSetgroups: os.Getuid() == 0,
	}
	err := cmd.Run()
	if cmd.ProcessState != nil {
		return cmd.ProcessState.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "skipped: no user namespace:", err)
	return 0
}

func dir(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
func reg(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
func sym(name, to string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}
}
func link(name, to string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}

// pack makes a stream; a regular file's content is its name.
func pack(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h := *h
		h.ModTime = time.Unix(1000000000, 0)
		content := h.Typeflag == tar.TypeReg && !strings.Contains(h.Name, whiteoutPrefix)
		if content {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if content {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tell describes everything below root: kind, content or target, opaque mark.
func tell(t testing.TB, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			got[name] = "dir"
			var mark [4]byte
			if n, err := unix.Lgetxattr(path, opaqueAttribute, mark[:]); err == nil {
				got[name] += " opaque=" + string(mark[:n])
			}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			got[name] = "link " + target
			return err
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			got[name] = "file " + string(content)
			return err
		case info.Mode()&fs.ModeCharDevice != 0:
			got[name] = "hole"
		default:
			got[name] = info.Mode().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		entries []*tar.Header
		want    map[string]string
		err     string
	}{
		{"parents are made", []*tar.Header{reg("a/b/c")}, map[string]string{"a": "dir", "a/b": "dir", "a/b/c": "file a/b/c"}, ""},
		{"absolute and dotted names", []*tar.Header{reg("/a"), reg("./b"), reg("x/../c")}, map[string]string{"a": "file /a", "b": "file ./b", "c": "file x/../c"}, ""},
		{"the root itself", []*tar.Header{dir("./"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"a root that is a file", []*tar.Header{reg(".")}, nil, "not a directory"},
		{"a root that is a link", []*tar.Header{sym("./", "/etc")}, nil, "not a directory"},
		{"a name that climbs out", []*tar.Header{reg("../a")}, nil, "leads out"},
		{"a name that climbs out later", []*tar.Header{reg("a/../../b")}, nil, "leads out"},
		{"the last entry of a name wins", []*tar.Header{reg("a"), reg("./a")}, map[string]string{"a": "file ./a"}, ""},
		{"a file replaces a directory", []*tar.Header{reg("a/b"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"a directory replaces a file", []*tar.Header{reg("a"), dir("a"), reg("a/b")}, map[string]string{"a": "dir", "a/b": "file a/b"}, ""},
		{"a directory stays", []*tar.Header{reg("a/b"), dir("a")}, map[string]string{"a": "dir", "a/b": "file a/b"}, ""},
		{"a file below a file", []*tar.Header{reg("a"), reg("a/b")}, nil, "no directory"},
		{"a link replaces a directory in use", []*tar.Header{reg("a/b"), sym("a", "c"), reg("a/d")}, map[string]string{"a": "link c", "c": "dir", "c/d": "file a/d"}, ""},
		{"through an absolute link", []*tar.Header{sym("a", "/etc"), reg("a/x")}, map[string]string{"a": "link /etc", "etc": "dir", "etc/x": "file a/x"}, ""},
		{"through a climbing link", []*tar.Header{sym("a", "../../../tmp"), reg("a/x")}, map[string]string{"a": "link ../../../tmp", "tmp": "dir", "tmp/x": "file a/x"}, ""},
		{"through links in turn", []*tar.Header{sym("a", "b"), sym("b", "a"), reg("a/x")}, nil, "too many levels"},
		{"over a link, not through it", []*tar.Header{sym("a", "/etc/passwd"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"a hard link", []*tar.Header{reg("a"), link("b", "a")}, map[string]string{"a": "file a", "b": "file a"}, ""},
		{"a hard link to itself", []*tar.Header{reg("a"), link("a", "./a")}, map[string]string{"a": "file a"}, ""},
		{"a hard link to a link", []*tar.Header{sym("a", "/etc/passwd"), link("b", "a")}, map[string]string{"a": "link /etc/passwd", "b": "link /etc/passwd"}, ""},
		{"a hard link out", []*tar.Header{link("a", "../../etc/passwd")}, nil, "leads out"},
		{"a hard link through a link out", []*tar.Header{sym("a", "/"), link("b", "a/etc/passwd")}, nil, "no such file"},
		{"a hard link to nothing", []*tar.Header{link("a", "b")}, nil, "no such file"},
		{"a pipe and a device", []*tar.Header{{Name: "p", Typeflag: tar.TypeFifo, Mode: 0o644}, {Name: "d", Typeflag: tar.TypeBlock, Devmajor: 8}}, map[string]string{"p": "prw-r--r--"}, ""},
		{"a whiteout", []*tar.Header{reg("a/.wh.b")}, map[string]string{"a": "dir", "a/b": "hole"}, ""},
		{"a whiteout before its file", []*tar.Header{reg(".wh.a"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"a whiteout behind its file", []*tar.Header{reg("a"), reg(".wh.a")}, map[string]string{"a": "file a"}, ""},
		{"a whiteout before its directory", []*tar.Header{reg(".wh.a"), reg("a/b")}, map[string]string{"a": "dir opaque=y", "a/b": "file a/b"}, ""},
		{"a whiteout before its named directory", []*tar.Header{reg(".wh.a"), dir("a")}, map[string]string{"a": "dir opaque=y"}, ""},
		{"a whiteout behind its directory", []*tar.Header{reg("a/b"), reg(".wh.a")}, map[string]string{"a": "dir opaque=y", "a/b": "file a/b"}, ""},
		{"a whiteout below a whiteout", []*tar.Header{reg(".wh.a"), reg("a/.wh.b")}, map[string]string{"a": "hole"}, ""},
		{"a whiteout below a file", []*tar.Header{reg("a"), reg("a/.wh.b")}, map[string]string{"a": "file a"}, ""},
		{"a whiteout through a link", []*tar.Header{sym("a", "/"), reg("a/.wh.b")}, map[string]string{"a": "link /", "b": "hole"}, ""},
		{"an opaque directory", []*tar.Header{reg("a/b"), reg("a/.wh..wh..opq")}, map[string]string{"a": "dir opaque=y", "a/b": "file a/b"}, ""},
		{"an opaque root", []*tar.Header{reg(".wh..wh..opq"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"whiteouts without a name", []*tar.Header{reg(".wh.")}, nil, "without a name"},
		{"whiteouts of the parent", []*tar.Header{reg("a/.wh...")}, nil, "without a name"},
		{"bookkeeping of aufs", []*tar.Header{dir(".wh..wh.plnk"), reg(".wh..wh.plnk/1.2"), reg("a")}, map[string]string{"a": "file a"}, ""},
		{"an entry of unknown type", []*tar.Header{{Name: "a", Typeflag: 'Z'}}, nil, "unknown type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			var journal bytes.Buffer
			stream := pack(t, tt.entries...)
			result, err := Unpack(t.Context(), bytes.NewReader(stream), root, Options{OneOwner: true, Journal: &journal})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := tell(t, root); !maps.Equal(got, tt.want) {
				t.Errorf("made %v, want %v", got, tt.want)
			}
			if result.Exact {
				rebuilt(t, root, &journal, stream)
			}
		})
	}
}

// getter reads files below a directory, whatever links there are.
type getter string

func (g getter) Get(name string) (io.ReadCloser, error) {
	root, err := unix.Open(string(g), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, filepath.Clean(name), &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// rebuilt checks that a journal and the files give the stream again.
func rebuilt(t *testing.T, root string, journal io.Reader, want []byte) {
	t.Helper()
	stream := asm.NewOutputTarStream(getter(root), storage.NewJSONUnpacker(journal))
	defer stream.Close()
	got, err := io.ReadAll(stream)
	if err != nil {
		t.Fatalf("the stream is not rebuilt from the files: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the stream rebuilt has %d bytes, want the same %d", len(got), len(want))
	}
}

func TestUnpackAttributes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	entries := []*tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700},
		{Name: "ro", Typeflag: tar.TypeDir, Mode: 0o555},
		{Name: "ro/f", Typeflag: tar.TypeReg, Mode: 0o4755, PAXRecords: map[string]string{
			"SCHILY.xattr.user.mine": "1", "SCHILY.xattr.user.overlay.redirect": "/etc", "SCHILY.xattr.trusted.overlay.opaque": "y",
		}},
		{Name: "sticky", Typeflag: tar.TypeDir, Mode: 0o1777},
	}
	result, err := Unpack(t.Context(), bytes.NewReader(pack(t, entries...)), root, Options{OneOwner: true})
	if err != nil {
		t.Fatal(err)
	}
	if result.RootMode == nil || result.RootMode.Perm() != 0o700 {
		t.Errorf("root's mode %v", result.RootMode)
	}
	for name, want := range map[string]uint32{".": 0o700, "ro": 0o555, "ro/f": 0o4755, "sticky": 0o1777} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Mode&0o7777 != want || st.Mtim.Sec != 1000000000 {
			t.Errorf("%s: mode %o time %d, want mode %o", name, st.Mode&0o7777, st.Mtim.Sec, want)
		}
	}
	attributes := make([]byte, 1024)
	n, err := unix.Listxattr(filepath.Join(root, "ro/f"), attributes)
	if err != nil {
		t.Skip("no extended attributes here:", err)
	}
	if got := string(attributes[:n]); strings.Contains(got, "overlay") || !strings.Contains(got, "user.mine") {
		t.Errorf("attributes %q", got)
	}
}

func TestUnpackOwners(t *testing.T) {
	t.Parallel()
	h := reg("a")
	h.Uid, h.Gid = 33, 44
	root := t.TempDir()
	_, err := Unpack(t.Context(), bytes.NewReader(pack(t, h)), root, Options{})
	var unmapped *UnmappedError
	if err != nil && strings.Contains(err.Error(), "33:44") {
		t.Skip("skipped: several ids are mapped only for tests run by root:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(root, "a"), &st); err != nil || st.Uid != 33 || st.Gid != 44 {
		t.Errorf("owner %d:%d, %v", st.Uid, st.Gid, err)
	}
	h.Uid = 700000
	_, err = Unpack(t.Context(), bytes.NewReader(pack(t, h)), t.TempDir(), Options{})
	if !asUnmapped(err, &unmapped) || !strings.Contains(unmapped.Hint(), "700000") {
		t.Errorf("error %v", err)
	}
}

func asUnmapped(err error, to **UnmappedError) bool {
	for err != nil {
		if u, ok := err.(*UnmappedError); ok { //nolint:errorlint // unwraps by itself
			*to = u
			return true
		}
		w, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = w.Unwrap()
	}
	return false
}

// FuzzUnpack looks for streams that write outside of their directory or crash.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, reg("a/b"), sym("c", "/"), link("d", "a/b"), reg("c/.wh.x"), reg("a/.wh..wh..opq")))
	f.Add(pack(f, sym("a", "../.."), reg("a/victim/x"), dir("a/victim")))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 1<<16 {
			t.Skip()
		}
		base := t.TempDir()
		root := filepath.Join(base, "root")
		if err := os.Mkdir(root, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, "victim"), []byte("whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = Unpack(t.Context(), &limited{bytes.NewReader(stream)}, root, Options{OneOwner: true}) // most are refused
		got := map[string]string{}
		entries, err := os.ReadDir(base)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got[e.Name()] = ""
		}
		content, err := os.ReadFile(filepath.Join(base, "victim"))
		if len(got) != 2 || err != nil || string(content) != "whole" {
			t.Errorf("something was written outside: %v %q %v", got, content, err)
		}
	})
}

type limited struct{ io.Reader }
