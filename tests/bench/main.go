// Command bench times rlc beside its peers on the machine at hand and prints ratios.
//
// It runs in `make bench`, started by tests/bench/run, which builds what it needs. README.md
// says what the tables mean.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	dir      string
	user     string
	programs string
	tables   string
	only     string
	output   string
	rounds   int
	warmups  int
	serial   int
	parallel int
	each     int
	stored   string
	images   int
	detached int
}

// table is one measurement.
type table struct {
	name string
	run  func(context.Context, *bench) error
}

func tables() []table {
	return []table{
		{"start", startTable},
		{"cold", coldTable},
		{"layers", layersTable},
		{"throughput", throughputTable},
		{"peak", peakTable},
		{"memory", memoryTable},
		{"stored", storedTable},
		{"images", imagesTable},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.StringVar(&o.dir, "dir", "", "work in this empty directory of the user's")
	flag.StringVar(&o.user, "user", "", "run the containers as this user (as root only)")
	flag.StringVar(&o.programs, "programs", "", "directory of rlc and floor (default: programs beside the working directory)")
	flag.StringVar(&o.tables, "tables", "start,cold,layers,throughput,peak,memory,stored,images", "make these tables")
	flag.StringVar(&o.only, "only", ".", "let only contenders take part whose name this regular expression matches")
	flag.StringVar(&o.output, "o", "", "write all samples to this file, as JSON")
	flag.IntVar(&o.rounds, "rounds", 20, "count this many rounds")
	flag.IntVar(&o.warmups, "warmups", 3, "run this many rounds before, uncounted")
	flag.IntVar(&o.serial, "serial", 100, "throughput: containers one after another")
	flag.IntVar(&o.parallel, "parallel", 8, "throughput: containers at a time")
	flag.IntVar(&o.each, "each", 25, "throughput: containers of each of them")
	flag.StringVar(&o.stored, "containers", "0,100,500", "stored: numbers of stopped containers, rising")
	flag.IntVar(&o.images, "images", 500, "images: number of further images")
	flag.IntVar(&o.detached, "detached", 20, "memory: detached containers")
	flag.Parse()
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx, o, only)
	if err != nil {
		return err
	}
	defer b.close()
	for _, t := range tables() {
		if !strings.Contains(","+o.tables+",", ","+t.name+",") {
			continue
		}
		if err := t.run(ctx, b); errors.Is(err, errLeftOut) {
			fmt.Printf("\n## %s: left out: %v\n", t.name, err)
		} else if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if o.output == "" {
		return nil
	}
	samples, err := json.MarshalIndent(b.samples, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.output, samples, 0o644)
}
