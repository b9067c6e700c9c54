//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel/linux"
)

// benchmarks are a test binary, and the folder of its package.
type benchmarks struct{ path, folder string }

// A gobench is one benchmark of a test binary, in a process of its own. Its values are named by their units, as the
// benchmark prints them: "ns/op", "MB/s".
type gobench struct {
	benchmarks
	name string // as it is printed, without the number of processors: "Ping/2_pods/10.1.1.2"
	time string // how long it is measured: see "go help testflag", -benchtime
}

func (g gobench) Label() string { return "sim" }

func (g gobench) PerRound() int { return 1 }

func (g gobench) SetUp(context.Context) (bench.Measure, error) {
	if err := requirePrograms(g.path); err != nil {
		return nil, err
	}
	host, err := linux.New()
	if err != nil {
		return nil, err
	}
	script := fmt.Sprintf("cd %s && exec %s -test.run='^$' -test.bench='%s' -test.benchtime=%s", g.folder, g.path, g.pattern(), g.time)
	return func(ctx context.Context) (bench.Values, error) {
		out, err := shell(ctx, host, []string{"HOME=" + os.Getenv("HOME")}, script)
		if err != nil {
			return nil, err
		}
		return parseBenchmark(out, g.name)
	}, nil
}

// pattern is what -test.bench wants: a regular expression for each level.
func (g gobench) pattern() string {
	levels := strings.Split("Benchmark"+g.name, "/")
	for i, name := range levels {
		levels[i] = "^" + regexp.QuoteMeta(name) + "$"
	}
	return strings.Join(levels, "/")
}

// perUnit turns values of Go's units into those of base units.
var perUnit = map[string]float64{"ns/op": 1e-9, "MB/s": 8e6, "µs/pod": 1e-6}

// parseBenchmark finds the line of a benchmark in what a test binary printed: its name, how often it ran, and pairs of
// value and unit.
func parseBenchmark(out, name string) (bench.Values, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !names(fields[0], name) {
			continue
		}
		v := bench.Values{}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if factor, ok := perUnit[fields[i+1]]; ok {
				value *= factor
			}
			v[fields[i+1]] = value
		}
		return v, nil
	}
	return nil, fmt.Errorf("no benchmark is named %s any longer", name)
}

// names reports whether a line's first word is a benchmark's: behind the name it may have the number of processors.
func names(word, benchmark string) bool {
	rest, ok := strings.CutPrefix(word, "Benchmark"+benchmark)
	if !ok {
		return false
	}
	_, err := strconv.Atoi(strings.TrimPrefix(rest, "-"))
	return rest == "" || err == nil
}
