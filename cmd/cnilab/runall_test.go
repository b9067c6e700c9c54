package main

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cnilab/cnilab/harness/scenario"
)

func TestRunAll(t *testing.T) {
	var all []scenario.Scenario
	for i := range 20 {
		all = append(all, scenario.Scenario{Name: fmt.Sprint(i)})
	}
	for _, jobs := range []int{1, 3, 100} {
		var running, most atomic.Int32
		seen := map[string]int{}
		for r := range runAll(all, jobs, func(s scenario.Scenario) scenario.Result {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			return scenario.Result{Name: s.Name}
		}) {
			seen[r.Name]++
		}
		if len(seen) != len(all) || int(most.Load()) > jobs {
			t.Errorf("%d jobs: %d of %d scenarios ran, up to %d at a time", jobs, len(seen), len(all), most.Load())
		}
	}
}
