package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/harness/scenario"
)

// A report tells people how scenarios ended.
type report struct {
	out             io.Writer
	verbose         bool
	told            bool // how to read it
	passed, skipped int
	failed          []string       // their names
	bound           map[string]int // scenarios that were run, and run on one backend alone, by its name
	elsewhere       map[string]int // scenarios that were not run, because they run on another backend alone, by its name
}

func newReport(out io.Writer, verbose bool) *report {
	return &report{out: out, verbose: verbose, bound: map[string]int{}, elsewhere: map[string]int{}}
}

// add tells about one scenario: a line, and what went wrong.
func (r *report) add(result scenario.Result) {
	if r.verbose {
		fmt.Fprintln(r.out, r.before())
	}
	fmt.Fprintf(r.out, "%-4s %-28s %.2fs\n", result.Outcome, result.Name, result.Took.Seconds())
	if result.Outcome == scenario.Failed {
		fmt.Fprint(r.out, indent(headline(result.Log)))
	}
	if r.verbose || result.Outcome != scenario.Passed && result.Outcome != scenario.Bound {
		fmt.Fprint(r.out, indent(result.Log))
	}
	if !r.verbose {
		fmt.Fprint(r.out, indent(result.Warned)) // else the log has it
	}
	if result.Bound != "" && result.Outcome != scenario.Bound {
		r.bound[result.Bound]++
	}
	switch result.Outcome {
	case scenario.Passed:
		r.passed++
	case scenario.Bound:
		r.elsewhere[result.Bound]++
	case scenario.Skipped:
		r.skipped++
	default:
		r.failed = append(r.failed, result.Name)
	}
}

// headline is the line of a failure's log that says what is wrong, which stands far down; "" where the log begins with
// it.
func headline(log string) string {
	_, what, _ := strings.Cut(log, "\n"+scenario.FailMark)
	if strings.HasPrefix(log, scenario.FailMark) {
		return ""
	}
	what, _, _ = strings.Cut(what, "\n")
	return what
}

// before is what a verbose report has before a scenario: a blank line, before the first how to read it.
func (r *report) before() string {
	if r.told {
		return ""
	}
	r.told = true
	return scenario.Legend + "\n"
}

// end tells the sum, and whether it is a failure.
func (r *report) end() error {
	sum := fmt.Sprintf("%d passed, %d failed", r.passed, len(r.failed))
	if r.skipped > 0 {
		sum += fmt.Sprintf(", %d skipped", r.skipped)
	}
	for _, name := range slices.Sorted(maps.Keys(r.elsewhere)) {
		sum += fmt.Sprintf(", %d not run here (for %s alone)", r.elsewhere[name], name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.bound)) {
		sum += fmt.Sprintf("; of those run, %d for %s alone", r.bound[name], name)
	}
	fmt.Fprintln(r.out, sum)
	if len(r.failed) == 0 {
		return nil
	}
	fmt.Fprintln(r.out, "failed:", strings.Join(r.failed, ", "))
	return errTold
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("    ")
		}
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}
