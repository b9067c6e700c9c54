package backend

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/cnilab/cnilab/harness/scenario"
)

// A job is a scenario on its way into a process of its own, as JSON; a scenario.Result comes back.
type job struct {
	Scenario scenario.Scenario
	Options  scenario.Options
	Config   Config
}

// jobWord as the first argument tells this program to do the job on its standard input.
const jobWord = "do-scenario-in-sandbox"

func readJob(r io.Reader) (j job, err error) {
	if err := json.NewDecoder(r).Decode(&j); err != nil {
		return j, fmt.Errorf("%s is how this program calls itself, with a job on standard input: %w", jobWord, err)
	}
	return j, nil
}
