package lockstep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// Patience is how long a comparison of states waits for what Linux does late: operational states (a second each,
// net/core/link_watch.c), duplicate address detection (two), the death of a namespace, on a busy machine.
const Patience = 6 * time.Second

// A Kernel is one of the two that are asked.
type Kernel struct {
	Name string

	// New returns a host for one sequence, and what is to be called when that has ended. Several sequences run at the
	// same time; they may share a host.
	New func() (h kernel.Host, done func(), err error)

	// Virtual says that its time is a simulation's: what it does late has happened when its clock has moved on.
	Virtual bool
}

// An answer is what a kernel says to an operation.
type answer struct {
	errno   kernel.Errno // 0: done
	printed string
	err     error
}

// Name is "ok", or the name of the errno.
func (a answer) Name() string {
	if a.err == nil {
		return "ok"
	}
	return a.errno.Name()
}

func ask(h kernel.Host, o operation.Operation) answer {
	printed, err := o.Apply(h)
	return answer{kernel.ErrnoOf(err), printed, err}
}

// A Difference is the first operation of a sequence to which the kernels answer differently, or after which they have
// different states.
type Difference struct {
	Sequence []operation.Operation // up to that operation
	Want     string                // what the reference answers: "ok", "EINVAL", or what was printed
	Got      string                // what the other answers
	State    string                // how the states differ, as kernel.Diff says it; "" where the answers do

	answers []answer        // the reference's, one for each operation
	end     kernel.Snapshot // the reference's
}

// Last is the operation that the difference is about.
func (d *Difference) Last() operation.Operation { return d.Sequence[len(d.Sequence)-1] }

// String says in a few lines what differs.
func (d *Difference) String() string {
	if d.State != "" {
		return fmt.Sprintf("after %s\n%s", d.Last(), d.State)
	}
	return fmt.Sprintf("%s\nwant %s, got %s", d.Last(), d.Want, d.Got)
}

// A pair is two kernels in step.
type pair struct {
	want, got *arena
	patience  time.Duration                         // 0: the reference's time is virtual
	every     bool                                  // compare all there is after every operation
	answered  func(o operation.Operation, a answer) // told of each answer of the reference
}

// fullEvery is how many operations there are between two comparisons of all there is.
const fullEvery = 20

// walk carries out a sequence on both, and returns the first difference, if any.
func (p *pair) walk(sequence []operation.Operation) (*Difference, error) {
	d := &Difference{}
	for i, o := range sequence {
		d.Sequence = sequence[:i+1]
		want, got := ask(p.want, o), ask(p.got, o)
		if lost(want.err) {
			return nil, fmt.Errorf("%s: %w", o, want.err)
		}
		d.answers = append(d.answers, want)
		p.answered(o, want)
		if want.Name() != got.Name() || want.printed != got.printed {
			d.Want, d.Got = want.Name()+printed(want), got.Name()+printed(got)
			d.end, _ = p.want.view(false)
			return d, nil
		}
		last := i == len(sequence)-1
		if len(sequence) > crowded && !last {
			continue // the states of a thousand links would be compared a thousand times
		}
		full := last || p.every || (i+1)%fullEvery == 0
		if !full && (want.err != nil || !isLate(o)) {
			continue
		}
		if err := p.compare(d, !full, last); err != nil || d.State != "" {
			return d, err
		}
	}
	return nil, nil
}

// lost reports whether an error is none of the contract: the machinery is broken.
func lost(err error) bool {
	return err != nil && !errors.As(err, new(*kernel.Error))
}

func printed(a answer) string {
	if a.printed == "" {
		return ""
	}
	return fmt.Sprintf(" %q", a.printed)
}

// isLate reports whether Linux may do some of what is asked after it has answered: the carrier of links and what follows
// from it, duplicate address detection and the local routes after it.
func isLate(o operation.Operation) bool {
	switch o := o.(type) {
	case operation.LinkAdd:
		return o.Spec.Up || o.Master != nil
	case operation.LinkSet:
		c := o.Change
		return c.Up != nil || o.Master != nil || c.Master != nil || o.To != nil || c.MTU != nil
	case operation.LinkDelete, operation.NetNSDelete:
		return true
	case operation.AddressAdd:
		return o.Address.Prefix.Addr().Is6()
	case operation.SysctlSet:
		return strings.Contains(o.Key, "ipv6")
	}
	return false
}

// virtual is by how much the clock of a simulation is moved on before its state is taken.
const virtual = 5 * time.Second

// compare compares the states until they are equal, for the time of the pair's patience.
func (p *pair) compare(d *Difference, light, last bool) error {
	if err := p.got.Sleep(context.Background(), virtual); err != nil {
		return err
	}
	got, err := p.got.view(light)
	if err != nil {
		return err
	}
	if !last && !light {
		dropOper(got)
	}
	if p.patience == 0 {
		if err := p.want.Sleep(context.Background(), virtual); err != nil {
			return err
		}
	}
	for start, pause := time.Now(), 100*time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		want, err := p.want.view(light)
		if err != nil {
			return err
		}
		if !last && !light {
			dropOper(want)
		}
		d.State, d.end = kernel.Diff(want, got), want
		if d.State == "" || time.Since(start) >= p.patience {
			return nil
		}
		time.Sleep(pause)
	}
}

// AnswerOf is "ok", or the name of the errno.
func AnswerOf(err error) string { return answer{errno: kernel.ErrnoOf(err), err: err}.Name() }

// Answers carries out a sequence on one kernel and returns what that answers to each operation: "ok", "EEXIST".
func Answers(k Kernel, sequence []operation.Operation) (all []string, err error) {
	a, end, err := enter(k, fmt.Sprintf("replay%d-", pairNumber.Add(1)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for _, o := range sequence {
		all = append(all, ask(a, o).Name())
	}
	return all, nil
}
