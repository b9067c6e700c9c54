package lockstep

import (
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel/operation"
)

// shrinkPatience is how long states are compared while a difference is made shorter: a try that fails is over at once,
// and one that succeeds takes all of it.
const shrinkPatience = 1500 * time.Millisecond

// Shrink leaves operations out of a difference for as long as it stays of its kind.
func (r Run) Shrink(d *Difference) (*Difference, error) {
	return shorten(d, r.without, func() bool { return false })
}

// shorten leaves out as much as it can, and then half as much each time, until nothing can be left out or there is no time
// for another try. What without returns is nil where nothing of that size can.
func shorten(d *Difference, without func(*Difference, int) (*Difference, error), late func() bool) (*Difference, error) {
	for size := len(d.Sequence) / 2; size > 0 && !late(); {
		shorter, err := without(d, size)
		if err != nil {
			return d, err
		}
		if shorter == nil {
			size /= 2
			continue
		}
		d = shorter
		size = min(size, len(d.Sequence)/2)
	}
	return d, nil
}

// without tries to leave so many operations out at once; nil where that can be done nowhere.
func (r Run) without(d *Difference, size int) (*Difference, error) {
	for end := len(d.Sequence) - 1; end >= size; end -= size {
		short := slices.Delete(slices.Clone(d.Sequence), end-size, end)
		again, err := r.carryOut(short, shrinkPatience, ignore)
		if err != nil {
			return nil, err
		}
		if again != nil && again.Kind() == d.Kind() && len(again.Sequence) < len(d.Sequence) {
			return again, nil
		}
	}
	return nil, nil
}

// Replay carries out a sequence once on both kernels; nil where they answer alike.
func (r Run) Replay(sequence []operation.Operation) (*Difference, error) {
	return r.carryOut(sequence, Patience, ignore)
}
