package main

import (
	"sync"

	"github.com/cnilab/cnilab/harness/scenario"
)

// runAll runs scenarios, at most so many at a time, and sends the results as they come.
func runAll(all []scenario.Scenario, jobs int, run func(scenario.Scenario) scenario.Result) <-chan scenario.Result {
	waiting := make(chan scenario.Scenario)
	results := make(chan scenario.Result)
	var workers sync.WaitGroup
	for range min(jobs, len(all)) {
		workers.Go(func() {
			for s := range waiting {
				results <- run(s)
			}
		})
	}
	go func() {
		for _, s := range all {
			waiting <- s
		}
		close(waiting)
		workers.Wait()
		close(results)
	}()
	return results
}
