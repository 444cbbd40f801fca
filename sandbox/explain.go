package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// explainExec says why a file was not executed, in more words than the kernel's error number has.
func explainExec(path string, err error) error {
	if err == nil {
		return nil
	}
	f := &failure{cause: fmt.Errorf("%s: %w", path, err), code: exitCannotRun}
	var st unix.Stat_t
	if serr := unix.Stat(path, &st); serr != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			f.code, f.cause = exitNotFound, fmt.Errorf("%s does not exist in the container", path)
		}
		return f
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		f.code = exitNotFound
		f.hint, f.cause = explainInterpreter(path, readProgram(path))
	case errors.Is(err, unix.ENOEXEC):
		f.hint, f.cause = explainFormat(path, readProgram(path))
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		f.cause = fmt.Errorf("%s is a directory", path)
	case errors.Is(err, unix.EACCES) && st.Mode&0o111 == 0:
		f.cause, f.hint = fmt.Errorf("%s is not executable", path), "chmod +x it in the image, or name its interpreter as the command"
	case errors.Is(err, unix.EACCES):
		f.hint = "the container's user may not execute it, or it lies in a file system mounted noexec"
	case errors.Is(err, unix.E2BIG):
		f.hint = "arguments and environment together are too long; see execve(2)"
	case errors.Is(err, unix.EAGAIN):
		f.hint = "the user has as many processes as the limit (--ulimit nproc) allows"
	}
	return f
}

// explainInterpreter is for a file that exists, and all the same "does not exist".
func explainInterpreter(path string, p program) (hint string, cause error) {
	switch {
	case p.script && strings.HasSuffix(p.interpreter, "\r"):
		return "its lines end as on DOS: convert it with dos2unix", fmt.Errorf("%s needs the interpreter %q", path, p.interpreter)
	case p.interpreter != "":
		hint = "install it in the image"
		if !p.script {
			hint = "the program is made for another C library or distribution than the image's"
		}
		return hint, fmt.Errorf("%s needs the interpreter %s, which does not exist in the container", path, p.interpreter)
	}
	return "", fmt.Errorf("%s: its interpreter does not exist in the container", path)
}

// explainFormat is for a file that the kernel does not take for a program.
func explainFormat(path string, p program) (hint string, cause error) {
	switch own := goMachines[runtime.GOARCH]; {
	case p.elf && p.machine != own:
		return "choose an image for linux/" + runtime.GOARCH + " (--platform), or install qemu-user-static with binfmt_misc",
			fmt.Errorf("%s is a program for %s, and this machine is %s", path, machineName(p.machine), runtime.GOARCH)
	case p.elf:
		return "", fmt.Errorf("%s is a damaged program", path)
	case p.empty:
		return "", fmt.Errorf("%s is empty", path)
	case !p.script:
		return "a script begins with a line like #!/bin/sh", fmt.Errorf("%s is not a program: it begins neither with #! nor as an ELF file", path)
	}
	return "", fmt.Errorf("%s: %w", path, unix.ENOEXEC)
}

// program is what the beginning of an executable file says.
type program struct {
	empty       bool
	script, elf bool
	machine     uint16 // of an ELF file
	interpreter string // of a script, or an ELF file's dynamic loader
}

// Machines of ELF files by GOARCH; see elf(5).
var goMachines = map[string]uint16{
	"386": 3, "amd64": 62, "arm": 40, "arm64": 183, "loong64": 258, "mips": 8, "mipsle": 8, "mips64": 8,
	"mips64le": 8, "ppc64": 21, "ppc64le": 21, "riscv64": 243, "s390x": 22,
}

func machineName(machine uint16) string {
	best := ""
	for name, m := range goMachines {
		if m == machine && (best == "" || len(name) < len(best) || len(name) == len(best) && name < best) {
			best = name
		}
	}
	if best == "" {
		return fmt.Sprintf("another machine (ELF number %d)", machine)
	}
	return best
}

// readProgram looks at the beginning of a file, as far as the workload's user may read it.
func readProgram(path string) program {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return program{}
	}
	defer unix.Close(fd) // read-only
	buf := make([]byte, 8192)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return program{}
	}
	return parseProgram(buf[:n])
}

// parseProgram understands the beginning of a script or an ELF file; what lies beyond it is
// left out.
func parseProgram(head []byte) program {
	if len(head) == 0 {
		return program{empty: true}
	}
	if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		line, _, _ = bytes.Cut(bytes.TrimLeft(line, " \t"), []byte(" "))
		line, _, _ = bytes.Cut(line, []byte("\t"))
		return program{script: true, interpreter: string(line)}
	}
	if len(head) < 20 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return program{}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	p := program{elf: true, machine: order.Uint16(head[18:])}
	if head[4] == 2 {
		p.interpreter = loader64(head, order)
	}
	return p
}

// loader64 returns the dynamic loader that a 64 bit ELF file asks for.
func loader64(head []byte, order binary.ByteOrder) string {
	if len(head) < 64 {
		return ""
	}
	const interp = 3 // PT_INTERP
	size := uint64(len(head))
	at, each, count := order.Uint64(head[32:]), uint64(order.Uint16(head[54:])), uint64(order.Uint16(head[56:]))
	for i := range count {
		start := at + i*each
		if start > size || size-start < 56 {
			return ""
		}
		header := head[start:]
		if order.Uint32(header) != interp {
			continue
		}
		offset, length := order.Uint64(header[8:]), order.Uint64(header[32:])
		if offset > size || length > size-offset {
			return ""
		}
		name, _, _ := bytes.Cut(head[offset:offset+length], []byte{0})
		return string(name)
	}
	return ""
}
