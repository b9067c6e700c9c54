//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel/linux"
)

// A start is a program that has next to nothing to do. Its value is "time".
type start struct{ label, path, env, stdin string }

func (s start) Label() string { return s.label }

func (s start) PerRound() int { return 20 }

func (s start) SetUp(context.Context) (bench.Measure, error) {
	if err := requirePrograms(s.path); err != nil {
		return nil, err
	}
	host, err := linux.New()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bench.Values, error) {
		begin := time.Now()
		output, err := host.Exec(ctx, s.path, []string{s.env}, []byte(s.stdin))
		took := time.Since(begin).Seconds()
		if err == nil && output.Exit != 0 {
			err = fmt.Errorf("%s: status %d: %s", s.path, output.Exit, oneLine(string(output.Stdout)+" "+string(output.Stderr)))
		}
		return bench.Values{"time": took}, err
	}, nil
}

// A size is that of a file. Its value is "size".
type size struct{ label, path string }

func (s size) Label() string { return s.label }

func (s size) PerRound() int { return 1 }

func (s size) SetUp(context.Context) (bench.Measure, error) {
	return func(context.Context) (bench.Values, error) {
		info, err := os.Stat(s.path)
		if err != nil {
			return nil, err
		}
		return bench.Values{"size": float64(info.Size())}, nil
	}, requirePrograms(s.path)
}

// A floor is the program of that name, with "ADD", on a node whose bridge is there and which has other containers already.
type floor struct {
	path  string
	maker plugin // of the bridge
	configuration
	families string // that containers get addresses of, with blanks between them
	crowd
	besides bool // as life's
}

func (f floor) Label() string {
	if f.crowd == (crowd{}) {
		return "floor"
	}
	return "floor, crowded"
}

func (f floor) PerRound() int { return 5 }

func (f floor) SetUp(ctx context.Context) (bench.Measure, error) {
	if err := require(f.path, f.maker.path); err != nil {
		return nil, err
	}
	a, err := f.onNewNode()
	if err != nil {
		return nil, err
	}
	for _, verb := range []string{"ADD", "DEL"} {
		if _, _, err := f.maker.call(ctx, verb, a); err != nil {
			return nil, err
		}
	}
	if err := f.crowd.gather(a.node); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bench.Values, error) { return f.add(ctx, a) }, nil
}

// add measures, and undoes what the program did.
func (f floor) add(ctx context.Context, a attachment) (bench.Values, error) {
	const veth = "vethfloor"
	f.letBe(f.besides)
	lease := leaseFile(a.node, veth)
	env := []string{
		"CNI_NETNS=" + a.netns, "FLOOR_VETH=" + veth, "FLOOR_FAMILIES=" + f.families, "FLOOR_LEASE=" + lease,
	}
	begin := time.Now()
	output, err := a.Exec(ctx, f.path, env, []byte(a.conf))
	took := time.Since(begin).Seconds()
	if err != nil {
		return nil, err
	}
	if output.Exit != 0 {
		return nil, fmt.Errorf("status %d: %s", output.Exit, oneLine(string(output.Stderr)))
	}
	for _, family := range strings.Fields(f.families) {
		if err := os.Remove(lease + family); err != nil {
			return nil, err
		}
	}
	self, err := a.Self()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	link, err := self.LinkByName(veth)
	if err != nil {
		return nil, err
	}
	return bench.Values{"ADD": took}, self.DeleteLink(link.Index)
}
