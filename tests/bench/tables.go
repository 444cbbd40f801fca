package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// startTable times one container after another with everything in the page cache.
func startTable(ctx context.Context, b *bench) error {
	rows, err := b.interleave(ctx, b.entrants(), b.rounds, nil)
	if err != nil {
		return err
	}
	b.report("start of true, warm", rows, "floor", "crun", "bwrap", "podman")
	return nil
}

// coldTable drops the kernel's caches before each.
func coldTable(ctx context.Context, b *bench) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: only root can drop the kernel's caches", errLeftOut)
	}
	drop := func() error {
		// Dirty pages cannot be dropped.
		if err := b.do("sync"); err != nil {
			return err
		}
		return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	}
	if err := drop(); err != nil {
		return fmt.Errorf("%w: %w", errLeftOut, err)
	}
	warmups := b.warmups
	b.warmups = 0
	defer func() { b.warmups = warmups }()
	rows, err := b.interleave(ctx, b.entrants(), max(3, b.rounds/4), drop)
	if err != nil {
		return err
	}
	b.report("start of true, cold caches", rows, "floor", "crun", "bwrap", "podman")
	return nil
}

func (b *bench) entrants() []entrant {
	var all []entrant
	for _, c := range b.contenders {
		all = append(all, entrant{c.name, c.run})
	}
	return all
}

// engines are the contenders that have images.
func (b *bench) engines() []contender {
	var all []contender
	for _, c := range b.contenders {
		if c.engine {
			all = append(all, c)
		}
	}
	return all
}

// layersTable times images of 1, 20 and 60 layers.
func layersTable(ctx context.Context, b *bench) error {
	var entrants []entrant
	var references []string
	for _, c := range b.engines() {
		for _, n := range []int{1, 20, 60} {
			argv := []string{c.run[0], "run", "--rm", "--network", "none", b.image(n), "true"}
			entrants = append(entrants, entrant{fmt.Sprintf("%s, %d layers", c.name, n), argv})
		}
		references = append(references, c.name+", 1 layers")
	}
	if entrants == nil {
		return fmt.Errorf("%w: no contender has images", errLeftOut)
	}
	rows, err := b.interleave(ctx, entrants, b.rounds, nil)
	if err != nil {
		return err
	}
	b.report("layers", rows, references...)
	return nil
}

// rate is what a contender reached in the throughput table.
type rate struct {
	Name             string
	Serial, Parallel float64 // containers a second
	Slowest          float64 // milliseconds, of the parallel ones
}

// throughputTable counts containers a second, one after another and several at a time.
func throughputTable(ctx context.Context, b *bench) error {
	var rates []rate
	for _, c := range b.contenders {
		n, each := b.options.serial, b.each
		if c.name == "podman" { // too slow for as many
			n, each = max(1, n/5), max(1, each/5)
		}
		serial, _, err := b.volley(ctx, c, 1, n)
		if err != nil {
			return err
		}
		parallel, slowest, err := b.volley(ctx, c, b.parallel, each)
		if err != nil {
			return err
		}
		rates = append(rates, rate{c.name, serial, parallel, slowest})
	}
	b.samples["throughput"] = rates
	fmt.Printf("\n## throughput (%d one after another; %d at a time, %d each; load %s; containers a second)\n", b.options.serial, b.parallel, b.each, load())
	fmt.Printf("%-22s %12s %12s %14s\n", "", "one by one", strconv.Itoa(b.parallel)+" at a time", "slowest ms")
	for _, r := range rates {
		fmt.Printf("%-22s %12.1f %12.1f %14.0f\n", r.Name, r.Serial, r.Parallel, r.Slowest)
	}
	return nil
}

// volley has some goroutines run each containers and tells how many a second that were.
func (b *bench) volley(ctx context.Context, c contender, goroutines, each int) (rate, slowest float64, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begin := time.Now()
	for range goroutines {
		all.Go(func() {
			for range each {
				mu.Lock()
				argv, failed := b.instance(c.run), err != nil
				mu.Unlock()
				if failed || ctx.Err() != nil {
					return
				}
				s, failure := b.once(argv)
				mu.Lock()
				slowest = max(slowest, s.Wall)
				if failure != nil {
					err = failure
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return float64(goroutines*each) / time.Since(begin).Seconds(), slowest, err
}

// storedTable times a start beside more and more stopped containers.
func storedTable(ctx context.Context, b *bench) error {
	var entrants []entrant
	for _, c := range b.engines() {
		entrants = append(entrants, entrant{c.name, c.run}, entrant{c.name + " ps -a", []string{c.run[0], "ps", "-a"}})
	}
	if entrants == nil {
		return fmt.Errorf("%w: no contender has images", errLeftOut)
	}
	have := 0
	for word := range strings.SplitSeq(b.stored, ",") {
		want, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		for ; have < want; have++ {
			for _, c := range b.engines() {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := b.do(c.run[0], "run", "--network", "none", b.image(1), "true"); err != nil {
					return err
				}
			}
		}
		rows, err := b.interleave(ctx, entrants, b.rounds, nil)
		if err != nil {
			return err
		}
		b.report(fmt.Sprintf("%d stored containers", want), rows)
	}
	return nil
}

// imagesTable times a start of rlc beside many more images. (The peers would take minutes to load them.)
func imagesTable(ctx context.Context, b *bench) error {
	var entrants []entrant
	for _, c := range b.engines() {
		if c.name == "rlc" {
			entrants = append(entrants, entrant{c.name, c.run}, entrant{"rlc images", []string{c.run[0], "images"}})
		}
	}
	if entrants == nil {
		return fmt.Errorf("%w: rlc does not take part", errLeftOut)
	}
	few, err := b.interleave(ctx, entrants, b.rounds, nil)
	if err != nil {
		return err
	}
	b.report("3 images", few)
	for i := range b.images {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := fmt.Sprintf("localhost/many:%d", i)
		if err := b.archive(name, fmt.Sprintf("file number 644 0:0 %d\n", i)); err != nil {
			return err
		}
		if err := b.do(b.rlc, "load", "-q", "-i", b.archiveOf(name)); err != nil {
			return err
		}
		if err := os.Remove(b.archiveOf(name)); err != nil {
			return err
		}
	}
	many, err := b.interleave(ctx, entrants, b.rounds, nil)
	if err != nil {
		return err
	}
	b.report(fmt.Sprintf("%d images", 3+b.images), many)
	return nil
}
