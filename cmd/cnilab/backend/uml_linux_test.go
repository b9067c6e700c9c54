package backend

import (
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness/scenario"
)

// received is a boot of scenarios a and b that has written this, and ended.
func received(output string) *boot {
	b := &boot{results: map[string]chan scenario.Result{}, ended: make(chan struct{})}
	for _, file := range []string{"a", "b"} {
		b.results[file] = make(chan scenario.Result, 1)
	}
	b.err = b.receive(strings.NewReader(output))
	close(b.ended)
	return b
}

func TestResultsOfAKernelThatEnds(t *testing.T) {
	const ofA = `{"File": "a", "Result": {"Name": "a", "Outcome": "ok"}}`
	for output, why := range map[string]string{
		ofA:                      "User Mode Linux ended before the scenario did\n",
		ofA + "\npanic: no JSON": "invalid character 'p' looking for beginning of value\n",
	} {
		b := received(output)
		if r := b.result(scenario.Scenario{Name: "a", File: "a"}); r.Outcome != scenario.Passed {
			t.Errorf("%s: a: %+v", output, r)
		}
		if r := b.result(scenario.Scenario{Name: "b", File: "b"}); r.Outcome != scenario.Failed || r.Log != why {
			t.Errorf("%s: b: %+v, want %q", output, r, why)
		}
	}
}
