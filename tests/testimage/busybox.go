package testimage

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// passwd and group know a user with a supplementary group and one whose shell is odd.
const (
	passwd = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n" +
		"ann:x:1000:1000:Ann:/home/ann:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	group = "root:x:0:\ndaemon:x:1:\nvideo:x:44:ann\naudio:x:63:ann\nusers:x:100:\nann:x:1000:\nnogroup:x:65534:\n"
)

// libraryDirs are where the libraries of a busybox that is not static are looked for.
func libraryDirs() []string {
	multiarch, _ := filepath.Glob("/lib/*-linux-gnu*") // the pattern is well-formed
	return append(multiarch, "/lib64", "/lib", "/usr/lib64", "/usr/lib")
}

// Busybox adds a small root file system around the machine's busybox: all of its commands,
// a few users, and the directories that programs expect.
func (l *Layer) Busybox() error {
	program, err := exec.LookPath("busybox")
	if err != nil {
		return errors.New("no busybox in PATH: install busybox-static")
	}
	list, err := exec.Command(program, "--list").Output()
	if err != nil {
		return fmt.Errorf("run %s --list: %w", program, err)
	}
	for _, dir := range []string{"bin", "dev", "etc", "home", "lib", "proc", "run", "sys", "usr", "usr/bin", "usr/sbin", "var", "var/log"} {
		if err := l.Dir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := errors.Join(
		l.Dir("root", 0o700), l.Dir("tmp", 0o1777),
		l.File("etc/passwd", 0o644, []byte(passwd)),
		l.File("etc/group", 0o644, []byte(group)),
		l.File("etc/os-release", 0o644, []byte("ID=busybox\nPRETTY_NAME=\"a busybox container\"\n")),
		l.program(program, "bin/busybox"),
	); err != nil {
		return err
	}
	for command := range strings.FieldsSeq(string(list)) {
		if command == "busybox" {
			continue
		}
		if err := l.Symlink("bin/"+command, "busybox"); err != nil {
			return err
		}
	}
	return nil
}

// program adds an executable of the machine, and what its loader needs unless it is static.
func (l *Layer) program(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := l.File(to, 0o755, content); err != nil {
		return err
	}
	interpreter, libraries, err := needs(from, map[string]bool{})
	if err != nil || interpreter == "" {
		return err
	}
	if err := l.Dir("lib64", 0o755); err != nil {
		return err
	}
	for _, library := range libraries {
		content, err := os.ReadFile(library)
		if err != nil {
			return err
		}
		if err := l.File("lib/"+filepath.Base(library), 0o755, content); err != nil {
			return err
		}
	}
	content, err = os.ReadFile(interpreter)
	if err != nil {
		return err
	}
	return l.File(strings.TrimPrefix(interpreter, "/"), 0o755, content)
}

// needs returns the loader of an ELF file, empty for a static one, and the libraries that it
// and they need. Seen holds the names that need no second look.
func needs(file string, seen map[string]bool) (interpreter string, libraries []string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if section := f.Section(".interp"); section != nil {
		data, err := section.Data()
		if err != nil {
			return "", nil, err
		}
		interpreter = strings.TrimRight(string(data), "\x00")
	}
	names, err := f.ImportedLibraries()
	if err != nil {
		return interpreter, nil, nil // static: no dynamic section
	}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, dir := range libraryDirs() {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			_, further, err := needs(path, seen)
			if err != nil {
				return "", nil, err
			}
			libraries = append(append(libraries, path), further...)
			break
		}
	}
	return interpreter, libraries, nil
}
