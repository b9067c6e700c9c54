package backend

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A Fidelity is a lockstep run of the simulation and a kernel. It survives JSON.
type Fidelity struct {
	Against string // the name of the kernel
	What    string // what is asked: one of FidelityQuestions; "": requests
	Seed    uint64
	Ops     int           // 0: no limit
	For     time.Duration // 0: no limit
	Jobs    int
}

// FidelityKernels are the names of the kernels that the simulation is compared with.
func FidelityKernels() []string { return []string{"linux", "uml"} }

// What a run asks.
const (
	AskRequests = "requests" // to the control plane, without a packet
	AskPackets  = "packets"  // probes of small networks
)

// FidelityQuestions are what a run can ask.
func FidelityQuestions() []string { return []string{AskRequests, AskPackets} }

// A FidelityReport is what such a run has shown. It survives JSON.
type FidelityReport struct {
	Release    string // of the kernel, as uname -r prints it
	Sequences  int
	Ops        int
	Took       time.Duration
	Succeeded  float64 // the part of the operations that did, from 0 to 1
	Unstable   int     // sequences that differed once, and not when they were carried out anew
	Coverage   string  // a table
	Answers    []AnswerCount
	Rare       []lockstep.Pair
	Findings   []Finding
	Unsteady   []Finding      // of those that are unstable, one for each kind
	Difference map[string]int // how often each kind of difference came up
}

// An AnswerCount is how often an operation was answered so.
type AnswerCount struct {
	Op    string `json:"op"`
	Errno string `json:"errno"` // "ok" is none
	Times int    `json:"times"`
}

func answerCounts(c lockstep.Coverage) (counts []AnswerCount) {
	for _, p := range c.Pairs() {
		counts = append(counts, AnswerCount{p.Op, p.Errno, c[p]})
	}
	return counts
}

// A Finding is one difference.
type Finding struct {
	Text     string   // what differs
	Lines    []string // the operations
	Scenario string   // a scenario that holds on the kernel
}

// rareBelow is how often each pair of operation and errno that the laws know should occur in so many operations: 100 times
// in a million, and 100 times at most.
func rareBelow(ops int) int { return min(100, 1+ops/10_000) }

// profileOf is what is simulated: that release, without what it was built without.
func profileOf(release string, lacks func(topic string) bool) sim.Profile {
	profile, ok := sim.ProfileOf(release)
	if !ok {
		profile = sim.Linux618 // what is known of the newest is the best guess for others
	}
	return profile.AsBuilt(lacks)
}

// simulated makes machines of worlds of their own, without sockets where nothing is sent.
func (f Fidelity) simulated(profile sim.Profile) lockstep.Kernel {
	config := sim.Config{Seed: 1, Profile: profile}
	if f.What == AskPackets {
		config.Transport = netstack.New
	}
	return lockstep.Kernel{Name: "sim", New: func() (kernel.Host, func(), error) {
		world := sim.NewWorld(config)
		return world.AddHost("node"), world.Close, nil
	}}
}

// against runs in step with the kernel of a machine, and reports.
func (f Fidelity) against(ctx context.Context, machine kernel.Host, name, release string) (FidelityReport, error) {
	k := lockstep.Kernel{Name: name, New: func() (kernel.Host, func(), error) { return machine, func() {}, nil }}
	lacks := lacking(machine)
	profile := profileOf(release, lacks)
	var findings []Finding
	report, err := lockstep.Run{
		Reference: k, Other: f.simulated(profile), Packets: f.What == AskPackets, Shape: lockstep.ShapeWithout(lacks),
		Seed: f.Seed, Ops: f.Ops, For: f.For, Jobs: f.Jobs,
		Found: func(d *lockstep.Difference) { findings = append(findings, finding(d, k.Name)) },
	}.Do(ctx)
	if err != nil && report == nil {
		return FidelityReport{}, err
	}
	var unsteady []Finding
	for _, d := range report.Unsteady {
		unsteady = append(unsteady, finding(d, k.Name))
	}
	return FidelityReport{
		Unsteady: unsteady, Release: release, Sequences: report.Sequences, Ops: report.Ops, Took: report.Took,
		Succeeded: report.Coverage.Succeeded(), Unstable: report.Unstable, Coverage: report.Coverage.String(),
		Answers: answerCounts(report.Coverage),
		Rare:    report.Coverage.Rare(lawPairs(profile), rareBelow(report.Ops)), Findings: findings, Difference: report.Kinds,
	}, err
}

// lacking returns a function that tells of each topic whether a machine's kernel was built without it, as its laws find.
func lacking(machine kernel.Host) func(topic string) bool {
	found := map[string]bool{}
	return func(topic string) bool {
		if _, asked := found[topic]; !asked {
			found[topic] = kerneltest.Lacks(machine, topic)
		}
		return found[topic]
	}
}

func finding(d *lockstep.Difference, kernel string) Finding {
	f := Finding{Text: d.String(), Scenario: d.Scenario("Linux", fmt.Sprintf("bin/cnilab test --backend=%s FILE", kernel))}
	for _, o := range d.Sequence {
		f.Lines = append(f.Lines, o.String())
	}
	return f
}

// lawPairs returns the pairs of operation and errno that the laws know of such a kernel: what they ask, answered by the
// simulation. Laws about what it lacks have none.
func lawPairs(profile sim.Profile) []lockstep.Pair {
	var mu sync.Mutex
	seen := map[lockstep.Pair]bool{}
	note := func(c intercept.Call, next func() error) error {
		err := next()
		mu.Lock()
		defer mu.Unlock()
		pair := lockstep.Pair{Op: string(c.Op), Errno: "ok"}
		if err != nil {
			pair.Errno = kernel.ErrnoOf(err).Name()
		}
		seen[pair] = true
		return err
	}
	// A law that is broken has asked all the same; the laws' own tests tell of it.
	_ = kerneltest.Check(func() (kernel.Host, func(), error) {
		world := sim.NewWorld(sim.Config{Seed: 1, Profile: profile, Transport: netstack.New})
		return intercept.Wrap(world.AddHost("node"), note), world.Close, nil
	})
	var all []lockstep.Pair
	for p := range seen {
		all = append(all, p)
	}
	return all
}
