package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// aptDirectory is where apt reads its configuration; aptFile comes last there.
const (
	aptDirectory = "/etc/apt/apt.conf.d"
	aptFile      = "zz-single-id"
)

// configureApt keeps apt from downloading as the user _apt where there is only one user: it
// checks that it has become that user, and emulated system calls do not make it so.
//
// The file is bound over an empty one. The environment would be seen, and passed on, by
// everything; a real file would go with the image when the container is committed, and
// still weaken apt where it can do better. An empty one changes nothing anywhere.
func (s *setup) configureApt() error {
	if s.spec.Annotations[AnnotationEmulate] != "true" {
		return nil
	}
	dir, err := s.root.open(aptDirectory, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil // no apt
	}
	defer unix.Close(dir) // only a handle
	target, err := directory{dir}.ensure(aptFile, false, nil)
	if err != nil {
		return nil // a read-only image has nothing installed into it
	}
	defer unix.Close(target) // only a handle
	file, err := makeFile("APT::Sandbox::User \"root\";\n", dir)
	if err != nil {
		return err
	}
	defer unix.Close(file) // only a handle
	return place(file, target)
}

// makeFile makes a detached read-only mount of a new file; see cloneBelow about dir.
func makeFile(text string, dir int) (int, error) {
	const name = "file"
	fs, err := makeFileSystem("tmpfs", []param{{key: "mode", value: "755"}}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Openat(fs, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		_ = unix.Close(fd) // a file in memory
	}
	if err != nil {
		_ = unix.Close(fs) // of no use
		return -1, fmt.Errorf("write a file: %w", err)
	}
	file, err := cloneBelow(fs, dir, name)
	if err != nil {
		return -1, err
	}
	return file, setAttr(file, false, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}
