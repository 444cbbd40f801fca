package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// entrant is a command of a timed table.
type entrant struct {
	name string
	argv []string
}

// sample is what one run of a command took.
type sample struct {
	Wall float64 `json:"wall_ms"`
	CPU  float64 `json:"cpu_ms"` // user and system time of all processes that were waited for
}

// row is what an entrant took in all rounds.
type row struct {
	Name    string
	Samples []sample
}

// once runs a command and takes its time, from before its start until it has been waited for.
func (b *bench) once(argv []string) (sample, error) {
	cmd := b.command(argv)
	said, err := os.CreateTemp("", "rlc-bench")
	if err != nil {
		return sample{}, err
	}
	defer os.Remove(said.Name())
	defer said.Close()
	cmd.Stderr = said
	begin := time.Now()
	err = cmd.Run()
	wall := time.Since(begin)
	if err != nil {
		text, _ := os.ReadFile(said.Name()) // without it the exit code must do
		return sample{}, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLine(text))
	}
	return sample{
		Wall: wall.Seconds() * 1e3,
		CPU:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() * 1e3,
	}, nil
}

// interleave runs every entrant once a round, in another order each time, so that what else
// the machine does hits all of them alike.
func (b *bench) interleave(ctx context.Context, entrants []entrant, rounds int, before func() error) ([]row, error) {
	rows := make([]row, len(entrants))
	for i, e := range entrants {
		rows[i].Name = e.name
	}
	for round := -b.warmups; round < rounds; round++ {
		for _, i := range rand.Perm(len(entrants)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if before != nil {
				if err := before(); err != nil {
					return nil, err
				}
			}
			s, err := b.once(b.instance(entrants[i].argv))
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				rows[i].Samples = append(rows[i].Samples, s)
			}
		}
	}
	return rows, nil
}

// report prints rows with their ratios to the references that are among them. A ratio is
// the median of the ratios of each round.
func (b *bench) report(title string, rows []row, references ...string) {
	b.samples[title] = rows
	byName := map[string]row{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	references = slices.DeleteFunc(references, func(r string) bool { return len(byName[r].Samples) == 0 })
	fmt.Printf("\n## %s (%d rounds, load %s; milliseconds)\n", title, len(rows[0].Samples), load())
	fmt.Printf("%-22s %9s %9s %9s %9s", "", "min", "median", "p90", "cpu")
	for _, r := range references {
		fmt.Printf(" %12s", "x "+r)
	}
	fmt.Println()
	for _, r := range rows {
		wall := func(s sample) float64 { return s.Wall }
		fmt.Printf("%-22s %9.2f %9.2f %9.2f %9.2f", r.Name,
			quantile(r.Samples, 0, wall), quantile(r.Samples, .5, wall), quantile(r.Samples, .9, wall),
			quantile(r.Samples, .5, func(s sample) float64 { return s.CPU }))
		for _, name := range references {
			fmt.Printf(" %12.2f", ratio(r, byName[name]))
		}
		fmt.Println()
	}
}

func ratio(r, reference row) float64 {
	all := make([]float64, len(r.Samples))
	for i := range all {
		all[i] = r.Samples[i].Wall / reference.Samples[i].Wall
	}
	return quantile(all, .5, func(f float64) float64 { return f })
}

// quantile gives the value below which the part q of all lies: 0 the smallest, 1 the largest.
func quantile[T any](all []T, q float64, value func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = value(v)
	}
	slices.SortFunc(values, cmp.Compare)
	return values[int(q*float64(len(values)-1)+.5)]
}
