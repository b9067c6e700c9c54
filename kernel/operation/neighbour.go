package operation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func neighbourForms() []Form {
	return []Form{
		{
			"ip neigh add", "ip [-n NS] neigh add ADDRESS [lladdr MAC] dev LINK [nud STATE]",
			"say which MAC has an address", readNeighbourAdd,
		},
		{"ip neigh del", "ip [-n NS] neigh del ADDRESS dev LINK", "forget it", readNeighbourDelete},
	}
}

// A NeighbourAdd makes an entry. Of Neighbour, Link is not used.
type NeighbourAdd struct {
	NetNS, Link string
	Neighbour   kernel.Neighbour
}

func readNeighbourAdd(netns string, r *words.Reader) (Operation, error) {
	o := NeighbourAdd{NetNS: netns}
	if err := words.Value(r, "ADDRESS", &o.Neighbour.IP, words.Addr)(); err != nil {
		return nil, err
	}
	var err error
	o.Link, err = r.Dev(words.Keywords{
		"lladdr": words.Value(r, "MAC", &o.Neighbour.MAC, words.MAC),
		"nud":    words.Value(r, "STATE", &o.Neighbour.State, parseState),
	})
	return o, err
}

var neighbourStates = []kernel.NeighbourState{
	kernel.Permanent, kernel.Reachable, kernel.Stale, kernel.Delay,
	kernel.Probe, kernel.Incomplete, kernel.Failed, kernel.NoARP,
}

func parseState(s string) (kernel.NeighbourState, error) {
	state := kernel.NeighbourState(strings.ToUpper(s))
	if !slices.Contains(neighbourStates, state) {
		return "", fmt.Errorf("no state %q", s)
	}
	return state, nil
}

func (o NeighbourAdd) String() string {
	l := lineOf(o.NetNS, "ip neigh add")
	l.add(address(o.Neighbour.IP))
	if o.Neighbour.MAC != nil {
		l.add("lladdr", words.Quote(o.Neighbour.MAC.String()))
	}
	l.add("dev")
	l.quoted(o.Link)
	given(&l, "nud", strings.ToLower(string(o.Neighbour.State)))
	return l.String()
}

// address is the word for an address; an empty one where there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return words.Quote("")
	}
	return a.String()
}

// Op implements Operation.
func (o NeighbourAdd) Op() string { return "neighbour add" }

// In implements Operation.
func (o NeighbourAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o NeighbourAdd) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		n := o.Neighbour
		n.Link = index
		return ns.AddNeighbour(n)
	})
}

// A NeighbourDelete deletes the entry of an address.
type NeighbourDelete struct {
	NetNS, Link string
	IP          netip.Addr
}

func readNeighbourDelete(netns string, r *words.Reader) (Operation, error) {
	o := NeighbourDelete{NetNS: netns}
	if err := words.Value(r, "ADDRESS", &o.IP, words.Addr)(); err != nil {
		return nil, err
	}
	var err error
	o.Link, err = r.Dev(nil)
	return o, err
}

func (o NeighbourDelete) String() string {
	l := lineOf(o.NetNS, "ip neigh del")
	l.add(address(o.IP), "dev")
	l.quoted(o.Link)
	return l.String()
}

// Op implements Operation.
func (o NeighbourDelete) Op() string { return "neighbour delete" }

// In implements Operation.
func (o NeighbourDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o NeighbourDelete) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		return ns.DeleteNeighbour(kernel.Neighbour{Link: index, IP: o.IP})
	})
}
