package harness

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cnilab/cnilab/kernel/intercept"
)

// Faults are what goes wrong on one machine. The zero Faults is a machine where nothing does. It breaks the programs
// that are made with Program, and the hosts of Start; with Serve those of other processes too.
type Faults struct {
	mu      sync.Mutex
	set     []*countedFault
	effects []intercept.Call
}

// A countedFault is a fault that has been set.
type countedFault struct {
	Fault
	met int // calls that it concerns, so far
	hit int // calls that it broke, so far
}

// Set makes something go wrong from now on. The fault that was set first comes first, where a call meets several.
func (f *Faults) Set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = append(f.set, &countedFault{Fault: fault})
}

// Clear ends all faults. The error names those that no call met: a test that sets one expects it to hit.
func (f *Faults) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, fault := range f.set {
		if fault.hit == 0 {
			errs = append(errs, fault.unmet())
		}
	}
	f.set = nil
	return errors.Join(errs...)
}

// unmet is the error of a fault that no call met.
func (f *countedFault) unmet() error {
	what := f.String() + ": no call met it"
	if f.Nth > 0 {
		what += fmt.Sprintf("; of its kind there were %d", f.met)
	}
	if f.Where != "" {
		what = f.Where + ": " + what
	}
	return errors.New(what)
}

// Forget empties the list of Effects.
func (f *Faults) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.effects = nil
}

// Effects returns the calls that may have changed something, in their order, since Forget. A fault without an Op counts
// these.
func (f *Faults) Effects() []intercept.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.effects)
}

// meet returns the fault that a call meets, if any.
func (f *Faults) meet(c intercept.Call) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if isEffect(c) {
		f.effects = append(f.effects, c)
	}
	var found *countedFault
	for _, fault := range f.set {
		if !fault.concerns(c) {
			continue
		}
		fault.met++
		if found == nil && (fault.Nth == 0 || fault.Nth == fault.met) {
			found = fault
		}
	}
	if found == nil {
		return Fault{}, false
	}
	found.hit++
	return found.Fault, true
}
