package seccomp

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// machine is the kind of an ELF file.
type machine int

const (
	i386 machine = iota
	amd64
)

// int80 writes a program that makes one call with two arguments at the 32-bit entry point and
// exits, through the same door, with the error number.
func int80(t *testing.T, m machine, number, first, second uint32) string {
	t.Helper()
	order := binary.LittleEndian
	var code []byte
	put := func(opcode byte, value uint32) { code = order.AppendUint32(append(code, opcode), value) }
	put(0xb8, number)                    // mov eax, number
	put(0xbb, first)                     // mov ebx, first
	put(0xb9, second)                    // mov ecx, second
	code = append(code, 0xcd, 0x80)      // int 0x80
	code = append(code, 0xf7, 0xd8)      // neg eax
	code = append(code, 0x89, 0xc3)      // mov ebx, eax
	put(0xb8, uint32(lookup("exit")[1])) // mov eax, exit
	code = append(code, 0xcd, 0x80)      // int 0x80

	const base = 0x400000
	file := []byte{0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	half := func(values ...uint16) {
		for _, v := range values {
			file = order.AppendUint16(file, v)
		}
	}
	word := func(values ...uint32) {
		for _, v := range values {
			file = order.AppendUint32(file, v)
		}
	}
	long := func(values ...uint64) {
		for _, v := range values {
			file = order.AppendUint64(file, v)
		}
	}
	switch m {
	case i386:
		const headers = 52 + 32
		half(2, 3) // an executable for EM_386
		word(1, base+headers, 52, 0, 0)
		half(52, 32, 1, 0, 0, 0)
		size := uint32(headers + len(code))
		word(1, 0, base, base, size, size, 5, 4096) // load all, read and execute
	case amd64:
		const headers = 64 + 56
		file[4] = 2
		half(2, 62) // EM_X86_64
		word(1)
		long(base+headers, 64, 0)
		word(0)
		half(64, 56, 1, 0, 0, 0)
		size := uint64(headers + len(code))
		word(1, 5)
		long(0, base, base, size, size, 4096)
	}
	path := filepath.Join(t.TempDir(), "int80")
	if err := os.WriteFile(path, append(file, code...), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// runInt80 runs such a program behind a filter and returns the error number of its call.
func runInt80(t *testing.T, filter []unix.SockFilter, path string, prepare func(*exec.Cmd)) (unix.Errno, syscall.WaitStatus) {
	t.Helper()
	err := probeCommand(t, probe{Filters: [][]unix.SockFilter{filter}, Exec: path}, prepare).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, 0
	case errors.As(err, &exit):
		if status := exit.Sys().(syscall.WaitStatus); status.ExitStatus() != 200 {
			return unix.Errno(status.ExitStatus()), status
		}
		t.Skip("SKIPPED: the kernel does not run 32-bit programs")
	}
	t.Fatal(err)
	return 0, 0
}

func TestI386InKernel(t *testing.T) {
	t.Parallel()
	docker := dockerFilter(t)
	native, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		filter []unix.SockFilter
		call   string
		first  uint32
		want   unix.Errno
		killed bool
	}{
		{name: "allowed", filter: docker, call: "sync"},
		{name: "unshare", filter: docker, call: "unshare", first: unix.CLONE_NEWUSER, want: unix.EPERM},
		{name: "keyctl", filter: docker, call: "keyctl", want: unix.EPERM},
		{name: "socket vsock", filter: docker, call: "socket", first: unix.AF_VSOCK, want: unix.EPERM},
		{name: "newer than the profile", filter: docker, call: "rseq_slice_yield", want: unix.ENOSYS},
		{name: "not listed", filter: native, call: "sync", killed: true},
	}
	for _, test := range tests {
		for name, m := range map[string]machine{"i386": i386, "amd64": amd64} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				path := int80(t, m, uint32(lookup(test.call)[1]), test.first, 0)
				got, status := runInt80(t, test.filter, path, nil)
				if test.killed != (status.Signaled() && status.Signal() == unix.SIGSYS) {
					t.Fatalf("wait status %#x", status)
				}
				if !test.killed && got != test.want {
					t.Errorf("%v, want %v", got, test.want)
				}
			})
		}
	}
}

// TestX32InKernel makes calls with x32's bit. Kernels without x32 answer ENOSYS to them, but
// only after the filter has had its say.
func TestX32InKernel(t *testing.T) {
	t.Parallel()
	errno := uint(unix.EDOM)
	denied := []specs.LinuxSyscall{{Names: []string{"getppid", "ioctl"}, Action: specs.ActErrno, ErrnoRet: &errno}}
	tests := []struct {
		name  string
		archs []specs.Arch
		want  []unix.Errno // of getppid, ioctl by x32's number, and x86_64's getppid
	}{
		{"listed", []specs.Arch{specs.ArchX32}, []unix.Errno{unix.EDOM, unix.EDOM, unix.EDOM}},
		{"not listed", nil, []unix.Errno{unix.ENOSYS, unix.ENOSYS, unix.EDOM}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			filter, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: test.archs, Syscalls: denied})
			if err != nil {
				t.Fatal(err)
			}
			got := runProbe(t, probe{Filters: [][]unix.SockFilter{filter}, Calls: []try{
				{Number: unix.SYS_GETPPID | x32Bit}, {Number: 514 | x32Bit}, {Number: unix.SYS_GETPPID},
			}}, nil)
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("call %d: %v, want %v", i, got[i], test.want[i])
				}
			}
		})
	}
}

func TestEmulateIDsI386(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"fchown", "fchown32", "setuid", "setuid32", "setreuid32", "setgroups", "setgroups32"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			got, status := runInt80(t, emulation(t), int80(t, i386, uint32(lookup(call)[1]), 33, 33), singleID)
			if got != 0 || status != 0 {
				t.Errorf("%v, status %#x", got, status)
			}
		})
	}
}
