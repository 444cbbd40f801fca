package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what the processes of one name need.
type usage struct {
	Processes int
	PSS       int // KiB, of all of them
}

// peakTable tells how large the largest process of a start becomes.
func peakTable(ctx context.Context, b *bench) error {
	floor := filepath.Join(b.programs, "floor")
	if !executable(floor) {
		return fmt.Errorf("%w: the floor program takes the figure", errLeftOut)
	}
	fmt.Printf("\n## peak memory of a start (KiB, largest process)\n")
	peaks := map[string]int{}
	for _, c := range b.contenders {
		if err := ctx.Err(); err != nil {
			return err
		}
		said, err := b.command(slices.Concat([]string{floor, "peak"}, b.instance(c.run))).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		var kib int
		if _, err := fmt.Sscanf(lastLine(said), "peak %d", &kib); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		peaks[c.name] = kib
		fmt.Printf("%-22s %9d\n", c.name, kib)
	}
	b.samples["peak"] = peaks
	return nil
}

// memoryTable adds up what stays in memory for idle containers, without what they run.
func memoryTable(ctx context.Context, b *bench) error {
	fmt.Printf("\n## memory of %d idle containers (PSS in KiB for each; without the payload)\n", b.detached)
	fmt.Printf("%-22s %9s   %s\n", "", "KiB each", "processes")
	result := map[string]map[string]usage{}
	for _, c := range b.contenders {
		if c.name == "fork+exec" {
			continue
		}
		use, err := b.idle(ctx, c)
		if err != nil {
			return err
		}
		result[c.name] = use
		total, parts := 0, []string{}
		for _, name := range sortedKeys(use) {
			u := use[name]
			total += u.PSS
			parts = append(parts, fmt.Sprintf("%d x %s %d", u.Processes, name, u.PSS/u.Processes))
		}
		fmt.Printf("%-22s %9d   %s\n", c.name, total/b.detached, strings.Join(parts, ", "))
	}
	b.samples["memory"] = result
	return nil
}

// idle starts containers, looks at the processes that came with them, and ends them.
func (b *bench) idle(ctx context.Context, c contender) (map[string]usage, error) {
	before, err := b.processes()
	if err != nil {
		return nil, err
	}
	var left []*exec.Cmd
	var removals [][]string
	for range b.detached {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c.detach == nil {
			argv := slices.Concat(c.run[:len(c.run)-1], []string{"/bin/busybox", "sleep", sleeper})
			if c.name == "floor" {
				argv = slices.Concat(c.run[:len(c.run)-2], []string{"/bin/busybox", "sleep", sleeper})
			}
			cmd := b.command(argv)
			if err := cmd.Start(); err != nil {
				return nil, err
			}
			left = append(left, cmd)
			continue
		}
		both := b.instance(slices.Concat(c.detach, c.remove))
		if err := b.do(both[:len(c.detach)]...); err != nil {
			return nil, err
		}
		removals = append(removals, both[len(c.detach):])
	}
	b.settle(before)
	use, err := b.newcomers(before)
	for _, cmd := range left {
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()                          // killed
	}
	for _, argv := range removals {
		err = errors.Join(err, b.do(argv...))
	}
	return use, err
}

// settle waits until all payloads run, for ten seconds at most: not every contender says when.
func (b *bench) settle(before map[int]bool) {
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		now, _ := b.processes() // asked again
		payloads := 0
		for pid := range now {
			if !before[pid] && isPayload(pid) {
				payloads++
			}
		}
		if payloads >= b.detached {
			return
		}
	}
}

// processes lists the processes of the user and of the user's subordinate ids.
func (b *bench) processes() (map[int]bool, error) {
	mine, err := b.mappings("/etc/subuid", b.uid)
	if err != nil {
		mine = []map[string]int{{"hostID": b.uid, "size": 1}}
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	found := map[int]bool{}
	for _, dir := range all {
		var st syscall.Stat_t
		if syscall.Stat(dir+"/status", &st) != nil {
			continue // gone
		}
		uid := int(st.Uid)
		status, _ := os.ReadFile(dir + "/status") // the owner of the file is root where the process may not be traced
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
				_, _ = fmt.Sscan(rest, &uid) // else the owner stands
			}
		}
		for _, m := range mine {
			if uid >= m["hostID"] && uid < m["hostID"]+m["size"] {
				pid, _ := strconv.Atoi(filepath.Base(dir)) // the pattern lets only numbers through
				found[pid] = true
			}
		}
	}
	return found, nil
}

// newcomers adds up the memory of the processes that were not there before, by name.
func (b *bench) newcomers(before map[int]bool) (map[string]usage, error) {
	now, err := b.processes()
	if err != nil {
		return nil, err
	}
	use := map[string]usage{}
	for pid := range now {
		if before[pid] || isPayload(pid) {
			continue
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue // gone
		}
		key := strings.TrimSpace(string(name))
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			key += " (unreadable)"
		}
		pss := 0
		for line := range strings.Lines(string(rollup)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				_, _ = fmt.Sscan(rest, &pss) // the kernel prints a number
			}
		}
		u := use[key]
		use[key] = usage{u.Processes + 1, u.PSS + pss}
	}
	return use, nil
}

// isPayload tells a container's own process: it is called sleep and has our odd number.
func isPayload(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty when it is gone
	words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	base := filepath.Base(words[0])
	return words[len(words)-1] == sleeper && (base == "sleep" || base == "busybox")
}

func sortedKeys(m map[string]usage) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
