package lockstep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// Patience is how long a comparison of states waits for what Linux does late: operational states (a second each,
// net/core/link_watch.c), duplicate address detection (two), the death of a namespace, on a busy machine.
const Patience = 15 * time.Second

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
	calm      time.Time                             // when linkwatch has seen what needed carriers before
	settled   time.Time                             // when it has seen that the newest veth has none
}

// tablesEvery is how many operations there are between two comparisons of all tables. Settings and netfilter are compared
// in the end.
const tablesEvery = 5

// depthAfter says what is compared after the n-th operation, if anything.
func (p *pair) depthAfter(n int, o operation.Operation, done bool) (deep depth, due bool) {
	switch {
	case p.every:
		return all, true
	case n%tablesEvery == 0:
		return tables, true
	}
	return late, done && isLate(o)
}

// walk carries out a sequence on both, and returns the first difference, if any.
func (p *pair) walk(sequence []operation.Operation) (*Difference, error) {
	d := &Difference{}
	for i, o := range sequence {
		d.Sequence = sequence[:i+1]
		if endless(p.got, o) {
			return nil, nil
		}
		if (len(sequence) <= crowded || i > crowded) && needsCarriers(p.got, o) {
			if err := p.awaitCarriers(d); err != nil || d.State != "" {
				d.Sequence = sequence[:max(i, 1)]
				return d.unlessRaced(), err
			}
		}
		if p.patience > 0 && raisesPort(p.got, o) {
			time.Sleep(time.Until(p.settled))
		}
		got := ask(p.got, o)
		if got.err == nil && circular(p.got, o) {
			return nil, nil
		}
		want := ask(p.want, o)
		if lost(want.err) {
			return nil, fmt.Errorf("%s: %w", o, want.err)
		}
		d.answers = append(d.answers, want)
		p.answered(o, want)
		if want.Name() != got.Name() || want.printed != got.printed {
			d.Want, d.Got = want.Name()+printed(want), got.Name()+printed(got)
			d.end, _ = p.want.view(all, true)
			return d, nil
		}
		if want.err == nil && undecided(o) {
			return nil, nil // the rest of the sequence would depend on it
		}
		if want.err == nil && losesCarrier(o) {
			p.settled = time.Now().Add(linkwatch)
		}
		last := i == len(sequence)-1
		deep, due := p.depthAfter(i+1, o, want.err == nil)
		if last {
			deep, due = all, true
		} else if len(sequence) > crowded {
			due = false // the states of a thousand links would be compared a thousand times
		}
		if !due {
			continue
		}
		if err := p.compare(d, deep, last); err != nil || d.State != "" {
			return d.unlessRaced(), err
		}
	}
	return nil, nil
}

// unlessRaced returns the difference, but nil where two links have looked for duplicates of the same address: how long each
// has waited before it asked, and so which of them has lost, is random (net/ipv6/addrconf.c: addrconf_dad_kick).
func (d *Difference) unlessRaced() *Difference {
	has, lost := map[string]int{}, map[string]bool{}
	for _, o := range d.end {
		if o.Noun == kernel.NounAddress {
			has[o.Name]++
			_, failed := o.Attr("dadfailed")
			lost[o.Name] = lost[o.Name] || failed
		}
	}
	for address := range lost {
		if lost[address] && has[address] > 1 {
			return nil
		}
	}
	return d
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

// needsCarriers reports whether what comes of an operation depends on what Linux does late: a port forwards once its
// operational state is known, and a new link counts as up until linkwatch has looked at it (net/core/link_watch.c
// rfc2863_policy; include/linux/netdevice.h netif_oper_up; net/bridge/br_if.c br_add_if). The operation is asked when the
// states are equal, which they are not as long as an operational state lags.
func needsCarriers(h kernel.Host, o operation.Operation) bool {
	switch o := o.(type) {
	case operation.FDBAdd:
		return o.Entry.State == kernel.FDBDynamic
	case operation.NeighbourAdd: // net/core/neighbour.c neigh_carrier_down
		l, ok := linkOf(h, o.NetNS, o.Link)
		return ok && l.Up && !l.LowerUp
	case operation.LinkSet:
		l, ok := linkOf(h, o.NetNS, o.Link)
		up := o.Change.Up != nil && *o.Change.Up
		return ok && (o.Master != nil && (up || l.Up) || up && (l.Kind == kernel.KindBridge || l.Master != 0))
	}
	return false
}

// linkOf returns the link that an operation means by a name.
func linkOf(h kernel.Host, netns, name string) (l kernel.Link, ok bool) {
	ns, err := operation.Open(h, netns)
	if err != nil {
		return l, false
	}
	defer ns.Close()
	index, err := operation.IndexOf(ns, name)
	if err != nil {
		return l, false
	}
	links, err := ns.Links()
	i := slices.IndexFunc(links, func(l kernel.Link) bool { return l.Index == index })
	if err != nil || i < 0 {
		return l, false
	}
	return links[i], true
}

// undecided reports whether an operation has done what Linux decides by timing alone: a veth was made up and a port. It
// counts as having a carrier until linkwatch has looked at it, and so its bridge has one, too, for a moment. Whether linkwatch
// sees first that the bridge has, which then gets a link-local address, or that the port has none, depends on what it was at
// work for, in any namespace, within the last second (net/core/link_watch.c: linkwatch_nextevent, linkwatch_urgent_event).
func undecided(o operation.Operation) bool {
	add, ok := o.(operation.LinkAdd)
	return ok && add.Spec.Kind == kernel.KindVeth && add.Spec.Up && add.Master != nil
}

// losesCarrier reports whether an operation has made a link that loses its carrier as soon as it is there (drivers/net/veth.c
// veth_newlink): it counts as having one until linkwatch has looked at it, which nobody can see while it is down.
func losesCarrier(o operation.Operation) bool {
	add, ok := o.(operation.LinkAdd)
	return ok && add.Spec.Kind == kernel.KindVeth
}

// raisesPort reports whether an operation makes a veth up that is a port, or becomes one.
func raisesPort(h kernel.Host, o operation.Operation) bool {
	set, ok := o.(operation.LinkSet)
	if !ok || set.Change.Up == nil || !*set.Change.Up {
		return false
	}
	l, ok := linkOf(h, set.NetNS, set.Link)
	return ok && l.Kind == kernel.KindVeth && !l.Up && (l.Master != 0 || set.Master != nil)
}

// linkwatch is how long Linux takes to look at a link whose carrier has changed, and a little more: a second at most
// (net/core/link_watch.c linkwatch_schedule_work).
const linkwatch = 1300 * time.Millisecond

// awaitCarriers waits until linkwatch has nothing left to look at. That is not to be seen where a bridge had a carrier for a
// moment: it is in linkwatch's list all the same, and before the port that comes next, which makes it go up.
func (p *pair) awaitCarriers(d *Difference) error {
	if p.patience > 0 {
		time.Sleep(time.Until(p.calm))
	}
	defer func() { p.calm = time.Now().Add(linkwatch) }()
	return p.compare(d, late, true)
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

// compare compares the states until they are equal, for the time of the pair's patience. What Linux does late is looked at
// alone until it is done: the rest is many times as much to read.
func (p *pair) compare(d *Difference, deep depth, oper bool) error {
	if err := p.got.Sleep(context.Background(), virtual); err != nil {
		return err
	}
	if p.patience == 0 {
		if err := p.want.Sleep(context.Background(), virtual); err != nil {
			return err
		}
	}
	end := time.Now().Add(p.patience)
	if err := p.await(d, late, oper, end); err != nil || d.State != "" || deep == late {
		return err
	}
	return p.await(d, deep, oper, end)
}

// await compares what is to be seen at a depth until it is equal, or it is too late.
func (p *pair) await(d *Difference, deep depth, oper bool, end time.Time) error {
	got, err := p.got.view(deep, oper)
	if err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		want, err := p.want.view(deep, oper)
		if err != nil {
			return err
		}
		d.State, d.end = kernel.Diff(want, got), want
		if d.State == "" || !time.Now().Before(end) {
			return nil
		}
		time.Sleep(pause)
	}
}

// The pauses between two looks at a state that is not equal yet.
const (
	firstPause   = 200 * time.Microsecond
	longestPause = 50 * time.Millisecond
)

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
