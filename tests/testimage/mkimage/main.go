// Command mkimage writes an image of the machine's busybox, or of a recipe, as an archive
// that `rlc load` and other tools read. It runs by hand and in scripts:
//
//	go run ./tests/testimage/mkimage -o busybox.tar localhost/busybox
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/rlc-containers/rlc/tests/testimage"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run() error {
	output := flag.String("o", "image.tar", "write to this file")
	oci := flag.Bool("oci", false, "write an OCI archive instead of Docker's")
	recipe := flag.String("recipe", "", "follow this recipe; see package testimage")
	flag.Parse()
	text := []byte(`config {"Cmd": ["sh"], "Env": ["PATH=/bin"]}` + "\nbusybox\n")
	if *recipe != "" {
		var err error
		if text, err = os.ReadFile(*recipe); err != nil {
			return err
		}
	}
	image, err := testimage.Parse(string(text))
	if err != nil {
		return err
	}
	if flag.NArg() > 0 {
		image.Name = flag.Arg(0)
	}
	file, err := os.Create(*output)
	if err != nil {
		return err
	}
	write := image.WriteDocker
	if *oci {
		write = image.WriteOCI
	}
	if err := write(file); err != nil {
		_ = file.Close() // the first error counts
		return err
	}
	return file.Close()
}
