package lockstep

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cnilab/cnilab/kernel/operation"
)

// triesAtOnce is how many shorter sequences are tried at the same time for one difference.
const triesAtOnce = 12

// shrinkFor is after how long no more tries are begun.
const shrinkFor = 90 * time.Second

// shrink makes a difference shorter.
func (r Run) shrink(d *Difference) (*Difference, error) {
	if r.Packets {
		return r.shrinkPackets(d)
	}
	return r.Shrink(d)
}

// shrinkPackets leaves operations out as Shrink does, but tries all places at once: most of a sequence about packets is
// waiting. All pauses stay that are not beside another one.
func (r Run) shrinkPackets(d *Difference) (*Difference, error) {
	end := time.Now().Add(shrinkFor)
	d, err := r.shrinkRoughly(d)
	if err != nil {
		return d, err
	}
	return shorten(d, r.withoutAny, func() bool { return time.Now().After(end) })
}

// withoutAny tries to leave so many operations out at each place; what can go each by itself goes together, if it can. Nil
// where nothing can.
func (r Run) withoutAny(d *Difference, size int) (*Difference, error) {
	var places []int
	for at := len(d.Sequence) - 1 - size; at > -size; at -= size {
		places = append(places, max(at, 0))
	}
	found := make([]*Difference, len(places))
	errs := make([]error, len(places))
	var workers sync.WaitGroup
	room := make(chan struct{}, triesAtOnce)
	for i, at := range places {
		workers.Go(func() {
			room <- struct{}{}
			found[i], errs[i] = r.try(d, leftOut(d.Sequence, []int{at}, size))
			<-room
		})
	}
	workers.Wait()
	var all []int
	var one *Difference
	for i, f := range found {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if f != nil {
			one = f
			all = append(all, places[i])
		}
	}
	if len(all) < 2 {
		return one, nil
	}
	together, err := r.try(d, leftOut(d.Sequence, all, size))
	if together == nil {
		together = one
	}
	return together, err
}

// try returns the difference that a shorter sequence has, if it is of the same kind.
func (r Run) try(d *Difference, short []operation.Operation) (*Difference, error) {
	if len(short) >= len(d.Sequence) {
		return nil, nil
	}
	again, err := r.carryOut(short, shrinkPatience, ignore)
	if again == nil || err != nil || again.Kind() != d.Kind() || len(again.Sequence) >= len(d.Sequence) {
		return nil, err
	}
	return again, nil
}

// leftOut is the sequence without so many operations at each of some places; of pauses that are then side by side, one.
func leftOut(sequence []operation.Operation, places []int, size int) (short []operation.Operation) {
	for i, o := range sequence {
		out := slices.ContainsFunc(places, func(at int) bool { return at <= i && i < at+size })
		_, isPause := o.(pause)
		if out && !isPause {
			continue
		}
		if isPause && (len(short) == 0 || isPauseToo(short[len(short)-1])) {
			continue
		}
		short = append(short, o)
	}
	return short
}

func isPauseToo(o operation.Operation) bool {
	_, ok := o.(pause)
	return ok
}

// roughly are parts of a sequence that may be left out as a whole: they tell soonest what a difference is not about.
func roughly(sequence []operation.Operation) (parts []func(operation.Operation) bool) {
	parts = []func(operation.Operation) bool{
		isProbe,
		func(o operation.Operation) bool { _, is := o.(operation.RulesetChange); return is },
		func(o operation.Operation) bool { _, is := o.(serve); return is },
		func(o operation.Operation) bool { _, is := o.(operation.SysctlSet); return is },
		func(o operation.Operation) bool { return strings.Contains(o.String(), "::") },
		func(o operation.Operation) bool { return strings.HasPrefix(o.Op(), "rule ") },
	}
	for _, o := range sequence {
		if add, is := o.(operation.NetNSAdd); is {
			parts = append(parts, func(o operation.Operation) bool {
				return o.In() == add.Name || o == add || strings.HasSuffix(o.String(), " netns "+add.Name)
			})
		}
	}
	return parts
}

// shrinkRoughly leaves out what can go as a whole.
func (r Run) shrinkRoughly(d *Difference) (*Difference, error) {
	for _, in := range roughly(d.Sequence) {
		last := len(d.Sequence) - 1
		short := slices.DeleteFunc(slices.Clone(d.Sequence[:last]), in)
		again, err := r.try(d, append(short, d.Sequence[last]))
		if err != nil {
			return d, err
		}
		if again != nil {
			d = again
		}
	}
	return d, nil
}
