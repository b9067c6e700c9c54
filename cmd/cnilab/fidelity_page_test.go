package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// The page that says how far the simulation is Linux is true: it is made anew of the laws, of what was recorded of real
// kernels, of what the simulation of each answers, and of the log of the lockstep runs.
func TestFidelityPage(t *testing.T) {
	file := filepath.Join(root, "sim", "FIDELITY.md")
	want := fidelityPage(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale; make update:\nmade anew (-) and as it is (+):\n%s", file, diff)
	}
}

// A comparison is of what a kernel was recorded to answer with what the simulation of its series does.
type comparison struct {
	release string
	topics  map[string]*tally
	total   tally
	odd     []string // lines about laws that are not answered alike
}

// A tally counts laws by what came of them.
type tally struct{ laws, equal, leftOut, notSimulated, different int }

func (n *tally) count(o outcome) {
	n.laws++
	switch o {
	case equal:
		n.equal++
	case leftOut:
		n.leftOut++
	case notSimulated:
		n.notSimulated++
	case different:
		n.different++
	}
}

// An outcome is what came of one law.
type outcome string

const (
	equal        outcome = "equal"
	leftOut      outcome = "left out: the kernel was built without what it is about"
	notSimulated outcome = "not simulated"
	different    outcome = "different"
)

func outcomeOf(kernel, simulation string) outcome {
	without := func(answers string) bool { return strings.Contains(answers, kerneltest.ErrLeftOut.Error()+":") }
	switch {
	case without(kernel):
		return leftOut
	case without(simulation):
		return notSimulated
	case kernel != simulation:
		return different
	}
	return equal
}

// compare asks the simulation of a kernel all laws.
func compare(t *testing.T, folder string) comparison {
	c := comparison{release: filepath.Base(folder), topics: make(map[string]*tally)}
	recorded, err := kerneltest.ReadRecord(folder)
	if err != nil {
		t.Fatal(err)
	}
	profile, ok := sim.ProfileOf(c.release)
	if !ok {
		t.Fatalf("Linux %s was recorded, but sim has no profile of its series", c.release)
	}
	profile = profile.AsBuilt(recorded.Lacks)
	for _, law := range kerneltest.Laws() {
		topic, _, _ := strings.Cut(law.Name, "/")
		if c.topics[topic] == nil {
			c.topics[topic] = new(tally)
		}
		o := outcomeOf(recorded[law.Name], simulated(t, profile, law))
		c.topics[topic].count(o)
		c.total.count(o)
		if o == different || o == notSimulated {
			c.odd = append(c.odd, fmt.Sprintf("- Linux %s, %s: %s", c.release, law.Name, o))
		}
	}
	return c
}

// simulated returns what the simulation of a kernel answers to a law.
func simulated(t *testing.T, profile sim.Profile, law kerneltest.Law) string {
	world := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New, Profile: profile})
	defer world.Close()
	answers := make(kerneltest.Record)
	if err := answers.Ask(law, world.AddHost("node")); answers[law.Name] == "" {
		t.Error(err) // a law that does not hold on this kernel has answers nevertheless
	}
	return answers[law.Name]
}

func fidelityPage(t *testing.T) string {
	folders, err := filepath.Glob(filepath.Join(root, "kernel", "kerneltest", "answers", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []comparison
	for _, folder := range folders {
		all = append(all, compare(t, folder))
	}
	var b strings.Builder
	b.WriteString(fidelityIntroduction)
	writeKernels(&b, all)
	writeTopics(&b, all)
	writeOdd(&b, all)
	writeRuns(t, &b)
	return b.String()
}

const fidelityIntroduction = `# How far the simulation is Linux

"make fidelity" writes this page, and a test fails when it is stale.

Two things are measured. **Laws** are small stories about one rule each, with its place in Linux's source and a mutant that
shows the law can fail ([kernel/kerneltest](../kernel/kerneltest)). What a real kernel answers to each request of a law, and
the state in the end, is recorded ([answers](../kernel/kerneltest/answers)); the simulation of that kernel has to answer the
same: the same errno, the same state. **Lockstep** runs ask the simulation and a real kernel the same at random, operation
by operation, and compare errnos and states; or they build small networks, probe them, change them and probe them again, and
compare what becomes of packets ([harness/lockstep](../harness/lockstep)).

`

func writeKernels(b *strings.Builder, all []comparison) {
	fmt.Fprint(b, "## Kernels\n\n| Linux (uname -r) | laws | equal | left out | not simulated | different |\n|---|---|---|---|---|---|\n")
	for _, c := range all {
		n := c.total
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d |\n", c.release, n.laws, n.equal, n.leftOut, n.notSimulated, n.different)
	}
	fmt.Fprint(b, "\nLeft out are laws about what that kernel was built without.\n\n")
}

func writeTopics(b *strings.Builder, all []comparison) {
	fmt.Fprint(b, "## Laws by noun\n\n| noun | laws |")
	for _, c := range all {
		fmt.Fprintf(b, " equal on %s |", c.release)
	}
	fmt.Fprintf(b, "\n|---|---|%s\n", strings.Repeat("---|", len(all)))
	if len(all) == 0 {
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(all[0].topics)) {
		fmt.Fprintf(b, "| %s | %d |", topic, all[0].topics[topic].laws)
		for _, c := range all {
			n := c.topics[topic]
			fmt.Fprintf(b, " %d%s |", n.equal, without(n.leftOut))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b)
}

func without(leftOut int) string {
	if leftOut == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d left out)", leftOut)
}

func writeOdd(b *strings.Builder, all []comparison) {
	fmt.Fprint(b, "## Not as Linux\n\n")
	none := true
	for _, c := range all {
		for _, line := range c.odd {
			none = false
			fmt.Fprintln(b, line)
		}
	}
	if none {
		fmt.Fprintln(b, "No law is answered otherwise than the kernel did, and none is not simulated.")
	}
	fmt.Fprintln(b)
}

// writeRuns tells of the lockstep runs that were logged, and what they asked.
func writeRuns(t *testing.T, b *strings.Builder) {
	runs, err := readFidelityLog(filepath.Join(root, "sim", "lockstep.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(b, "## Lockstep runs\n\n"+
		"| date | Linux (uname -r) | seed | operations | succeeded | differences | run it again |\n|---|---|---|---|---|---|---|\n")
	sums := make(map[string]int)
	draws := map[string]string{"": drawsOf(""), backend.AskPackets: drawsOf(backend.AskPackets)}
	for i, r := range runs {
		about := ""
		if r.What != "" {
			about = " --what=" + r.What
		}
		if r.Draws != draws[r.What] {
			t.Errorf("sim/lockstep.jsonl:%d: seed %d of %s draws other operations by now: delete the line, and run anew (make fidelity)",
				i+1, r.Seed, r.Draws)
		}
		fmt.Fprintf(b, "| %s | %s | %d | %d | %.0f%% | %d | `bin/cnilab fidelity --against=%s%s --seed %d --ops %d` |\n",
			r.Date, r.Release, r.Seed, r.Ops, 100*r.Succeeded, r.Differences, r.Against, about, r.Seed, r.Ops)
		sums[r.Release] += r.Ops
	}
	for _, release := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(b, "\nLinux %s: %d operations.\n", release, sums[release])
	}
	writeCoverage(b, runs)
}

// writeCoverage tells how often each operation was answered with each errno.
func writeCoverage(b *strings.Builder, runs []loggedRun) {
	answers := make(map[string]map[string]int)
	for _, r := range runs {
		for _, p := range r.Answers {
			if answers[p.Op] == nil {
				answers[p.Op] = make(map[string]int)
			}
			answers[p.Op][p.Errno] += p.Times
		}
	}
	fmt.Fprint(b, "\n### What was answered, and how often\n\n| operation | answers |\n|---|---|\n")
	for _, op := range slices.Sorted(maps.Keys(answers)) {
		var list []string
		for _, errno := range slices.Sorted(maps.Keys(answers[op])) {
			list = append(list, fmt.Sprintf("%s %d", errno, answers[op][errno]))
		}
		fmt.Fprintf(b, "| %s | %s |\n", op, strings.Join(list, ", "))
	}
}
