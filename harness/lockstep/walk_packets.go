package lockstep

import (
	"fmt"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// walkPackets carries out a sequence about packets on both, and returns the first difference, if any. Neither is asked for
// its state before the end: what was sent lives on in tables, and their clocks go on side by side.
func (p *pair) walkPackets(sequence []operation.Operation) (*Difference, error) {
	d := &Difference{}
	for i, o := range sequence {
		d.Sequence = sequence[:i+1]
		if endless(p.got, o) {
			return nil, nil
		}
		got, gotTook := timed(p.got, o)
		if got.err == nil && circular(p.got, o) {
			return nil, nil
		}
		want, wantTook := timed(p.want, o)
		for _, a := range []answer{want, got} {
			if lost(a.err) {
				return nil, fmt.Errorf("%s: %w", o, a.err)
			}
		}
		if err := p.keepPace(wantTook - gotTook); err != nil {
			return nil, err
		}
		d.answers = append(d.answers, want)
		p.answered(o, want)
		if want.Name() != got.Name() || want.printed != got.printed {
			d.Want, d.Got = want.Name()+printed(want), got.Name()+printed(got)
			return d, nil
		}
	}
	return p.compareFlows(d)
}

// timed asks, and says how much of the host's time it took.
func timed(a *arena, o operation.Operation) (answer, time.Duration) {
	start := a.Now()
	said := ask(a, o)
	return said, a.Now().Sub(start)
}

// keepPace moves the clock of the simulation on by as much as the reference took longer.
func (p *pair) keepPace(by time.Duration) error {
	if by <= 0 {
		return nil
	}
	_, err := pause(by).Apply(p.got)
	return err
}

// flowsPatience is how long the states in the end are compared.
const flowsPatience = 3 * time.Second

// compareFlows compares what tables and conntrack hold in the end.
func (p *pair) compareFlows(d *Difference) (*Difference, error) {
	end := time.Now().Add(flowsPatience)
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		want, err := p.want.viewFlows()
		if err != nil {
			return nil, err
		}
		got, err := p.got.viewFlows()
		if err != nil {
			return nil, err
		}
		d.State, d.end = kernel.Diff(want, got), want
		if d.State == "" {
			return nil, nil
		}
		if p.patience == 0 || !time.Now().Before(end) {
			return d.unlessRaced(), nil
		}
		time.Sleep(wait)
	}
}

// viewFlows returns the tables, and what conntrack knows.
func (a *arena) viewFlows() (kernel.Snapshot, error) {
	state, err := a.view(tables, true)
	if err != nil {
		return nil, err
	}
	flows, err := kernel.TakeFlows(a)
	state = append(state, flows...)
	state.Sort()
	return state, err
}
