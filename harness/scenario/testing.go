package scenario

import "testing"

// Test runs scenarios as parallel tests of t.
func Test(t *testing.T, all []Scenario, run func(Scenario) Result) {
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			run(s).report(t)
		})
	}
}

// report makes a result that of a test.
func (r Result) report(t *testing.T) {
	switch r.Outcome {
	case Failed:
		t.Fatal(r.Log)
	case Skipped, Bound:
		t.Skipf("%s: %s", t.Name(), r.Log)
	}
	if r.Log != "" {
		t.Log(r.Log)
	}
}
