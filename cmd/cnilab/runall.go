package main

import "github.com/cnilab/cnilab/harness/scenario"

// runAll runs scenarios, at most so many at a time, and sends the results in the order of the scenarios: some are
// chapters, and people read them.
func runAll(all []scenario.Scenario, jobs int, run func(scenario.Scenario) scenario.Result) <-chan scenario.Result {
	done := make([]chan scenario.Result, len(all))
	for i := range done {
		done[i] = make(chan scenario.Result, 1)
	}
	waiting := make(chan int)
	for range min(jobs, len(all)) {
		go func() {
			for i := range waiting {
				done[i] <- run(all[i])
			}
		}()
	}
	results := make(chan scenario.Result)
	go func() {
		for i := range all {
			waiting <- i
		}
		close(waiting)
	}()
	go func() {
		for _, d := range done {
			results <- <-d
		}
		close(results)
	}()
	return results
}
