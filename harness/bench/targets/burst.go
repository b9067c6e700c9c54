//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cnilab/cnilab/harness/bench"
)

// A burst is many ADDs at once, on a node whose bridge is there. Its value "ADD" is the time until the last has ended.
type burst struct {
	plugin
	configuration
	containers int
}

func (b burst) Label() string { return b.label }

func (b burst) PerRound() int { return 1 }

func (b burst) SetUp(ctx context.Context) (bench.Measure, error) {
	if err := require(b.path); err != nil {
		return nil, err
	}
	n, err := newNode()
	if err != nil {
		return nil, err
	}
	all := make([]attachment, b.containers)
	for i := range all {
		id := fmt.Sprint("pod", i)
		pod, err := n.addPod(id)
		if err != nil {
			return nil, err
		}
		all[i] = attachment{node: n, id: id, netns: pod, conf: b.conf(n.name)}
	}
	for _, verb := range []string{"ADD", "DEL"} { // make the bridge
		if _, _, err := b.call(ctx, verb, all[0]); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (bench.Values, error) {
		took, err := b.callAll(ctx, "ADD", all)
		if err != nil {
			return nil, err
		}
		_, err = b.callAll(ctx, "DEL", all)
		return bench.Values{"ADD": took}, err
	}, nil
}

func (b burst) callAll(ctx context.Context, verb string, all []attachment) (took float64, err error) {
	begin := time.Now()
	failures := make([]error, len(all))
	var calls sync.WaitGroup
	for i, a := range all {
		calls.Go(func() { _, _, failures[i] = b.call(ctx, verb, a) })
	}
	calls.Wait()
	took = time.Since(begin).Seconds()
	for i, failure := range failures {
		if failure != nil {
			return took, fmt.Errorf("%d at once: %s: %w", len(all), all[i].id, failure)
		}
	}
	return took, nil
}
