package seccomp

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func emulation(t testing.TB) []unix.SockFilter {
	t.Helper()
	filter, err := EmulateIDs()
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

// singleID puts a process into a user namespace where it is root and nobody else exists.
func singleID(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

func TestEmulateIDsInKernel(t *testing.T) {
	t.Parallel()
	const (
		here  = ^uintptr(99) // AT_FDCWD
		other = 33
		null  = 1<<8 | 3
	)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string, rest ...uintptr) try {
		c := try{Path: filepath.Join(dir, name), At: true, Args: [6]uintptr{here}}
		copy(c.Args[2:], rest)
		return c
	}
	path := func(name string, rest ...uintptr) try {
		c := try{Path: filepath.Join(dir, name)}
		copy(c.Args[1:], rest)
		return c
	}
	ids := try{Args: [6]uintptr{other, other, other}}
	tests := []struct {
		call  string
		try   try
		plain unix.Errno // the kernel's own answer
		made  string     // a file that exists afterwards
	}{
		{call: "fchownat", try: at("file", other, other), plain: unix.EINVAL},
		{call: "chown", try: path("file", other, other), plain: unix.EINVAL},
		{call: "lchown", try: path("file", other, other), plain: unix.EINVAL},
		{call: "fchown", try: try{Args: [6]uintptr{0, other, other}}, plain: unix.EINVAL},
		{call: "setuid", try: ids, plain: unix.EINVAL},
		{call: "setgid", try: ids, plain: unix.EINVAL},
		{call: "setreuid", try: ids, plain: unix.EINVAL},
		{call: "setregid", try: ids, plain: unix.EINVAL},
		{call: "setresuid", try: ids, plain: unix.EINVAL},
		{call: "setresgid", try: ids, plain: unix.EINVAL},
		{call: "setgroups", try: try{}, plain: unix.EPERM},
		{call: "setfsuid", try: try{Args: [6]uintptr{other}}},
		{call: "setuid", try: try{}},
		{call: "mknodat", try: at("character", unix.S_IFCHR|0o666, null), plain: unix.EPERM},
		{call: "mknodat", try: at("block", unix.S_IFBLK|0o666, null), plain: unix.EPERM},
		{call: "mknod", try: path("character", unix.S_IFCHR|0o666, null), plain: unix.EPERM},
		{call: "mknodat", try: at("fifo", unix.S_IFIFO|0o666), made: "fifo"},
		{call: "mknod", try: path("fifo2", unix.S_IFIFO|0o666), made: "fifo2"},
		{call: "mknodat", try: at("socket", unix.S_IFSOCK|0o666), made: "socket"},
		{call: "mknodat", try: at("regular", unix.S_IFREG|0o666), made: "regular"},
		{call: "mknodat", try: at("whiteout", unix.S_IFCHR), made: "whiteout"},
	}
	var plain, emulated probe
	emulated.Filters = [][]unix.SockFilter{emulation(t)}
	var want []unix.Errno
	made := []string{"file"}
	for _, test := range tests {
		number := lookup(test.call)[0]
		if number == none {
			continue // a newer architecture
		}
		test.try.Number = uintptr(number)
		emulated.Calls = append(emulated.Calls, test.try)
		if test.made != "" {
			made = append(made, test.made)
			continue // once is enough
		}
		plain.Calls = append(plain.Calls, test.try)
		want = append(want, test.plain)
	}
	if got := runProbe(t, plain, singleID); !slices.Equal(got, want) {
		t.Errorf("without emulation: %v, want %v", got, want)
	}
	if got := runProbe(t, emulated, singleID); !slices.Equal(got, make([]unix.Errno, len(emulated.Calls))) {
		t.Errorf("with emulation: %v", got)
	}
	for _, name := range made {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"character", "block"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEmulateIDsBesideDocker loads both filters, in either order.
func TestEmulateIDsBesideDocker(t *testing.T) {
	t.Parallel()
	docker, emulation := dockerFilter(t), emulation(t)
	calls := []try{
		{Number: unix.SYS_SETRESUID, Args: [6]uintptr{33, 33, 33}},
		{Number: unix.SYS_KEYCTL},
		{Number: unix.SYS_GETPID},
	}
	want := []unix.Errno{0, unix.EPERM, 0}
	for _, filters := range [][][]unix.SockFilter{{docker, emulation}, {emulation, docker}} {
		if got := runProbe(t, probe{Filters: filters, Calls: calls}, singleID); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
