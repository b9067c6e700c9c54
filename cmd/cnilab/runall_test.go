package main

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cnilab/cnilab/harness/scenario"
)

func TestRunAll(t *testing.T) {
	var all []scenario.Scenario
	for i := range 20 {
		all = append(all, scenario.Scenario{Name: fmt.Sprint(i)})
	}
	for _, jobs := range []int{1, 3, 100} {
		var running, most atomic.Int32
		var names []string
		for r := range runAll(all, jobs, func(s scenario.Scenario) scenario.Result {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			time.Sleep(time.Duration(s.Name[0]-'0') % 3 * time.Millisecond)
			return scenario.Result{Name: s.Name}
		}) {
			names = append(names, r.Name)
		}
		if int(most.Load()) > jobs {
			t.Errorf("%d jobs: up to %d ran at a time", jobs, most.Load())
		}
		for i, s := range all {
			if len(names) != len(all) || names[i] != s.Name {
				t.Fatalf("%d jobs: the results came in the order %q", jobs, names)
			}
		}
	}
}
