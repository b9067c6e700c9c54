package operation

import (
	"strconv"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func fdbForms() []Form {
	return []Form{
		{
			"bridge fdb add", "bridge [-n NS] fdb add MAC dev LINK [vlan ID] [permanent|static|dynamic] | MAC dev VXLAN dst ADDRESS",
			"say that a MAC is behind a bridge's port, without a VLAN in all of the port's; or, for a vxlan, behind another host",
			func(netns string, r *words.Reader) (Operation, error) {
				o := FDBAdd{NetNS: netns}
				states := words.Keywords{}
				for _, s := range []kernel.FDBState{kernel.FDBPermanent, kernel.FDBStatic, kernel.FDBDynamic} {
					states[string(s)] = words.Set(&o.Entry.State, s)
				}
				link, err := readFDB(r, &o.Entry, states)
				o.Link = link
				return o, err
			},
		},
		{
			"bridge fdb del", "bridge [-n NS] fdb del MAC dev LINK [vlan ID] | MAC dev VXLAN dst ADDRESS", "forget it",
			func(netns string, r *words.Reader) (Operation, error) {
				o := FDBDelete{NetNS: netns}
				link, err := readFDB(r, &o.Entry, words.Keywords{})
				o.Link = link
				return o, err
			},
		},
	}
}

// An FDBAdd makes an entry of a bridge's forwarding database. Of Entry, Link is not used.
type FDBAdd struct {
	NetNS, Link string
	Entry       kernel.FDBEntry
}

func (o FDBAdd) String() string {
	l := fdbLine(o.NetNS, "bridge fdb add", o.Link, o.Entry)
	l.flag(o.Entry.State != "", string(o.Entry.State))
	return l.String()
}

// Op implements Operation.
func (o FDBAdd) Op() string { return "fdb add" }

// In implements Operation.
func (o FDBAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o FDBAdd) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		o.Entry.Link = index
		return ns.AddFDB(o.Entry)
	})
}

// An FDBDelete deletes an entry of a bridge's forwarding database. Of Entry, Link is not used.
type FDBDelete struct {
	NetNS, Link string
	Entry       kernel.FDBEntry
}

func (o FDBDelete) String() string {
	return fdbLine(o.NetNS, "bridge fdb del", o.Link, o.Entry).String()
}

// Op implements Operation.
func (o FDBDelete) Op() string { return "fdb delete" }

// In implements Operation.
func (o FDBDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o FDBDelete) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		o.Entry.Link = index
		return ns.DeleteFDB(o.Entry)
	})
}

// readFDB reads an entry and the name of its link. The words master and self, which
// bridge(8) may need, may stand there.
func readFDB(r *words.Reader, e *kernel.FDBEntry, more words.Keywords) (link string, err error) {
	if err := words.Value(r, "MAC", &e.MAC, words.MAC)(); err != nil {
		return "", err
	}
	more["vlan"] = words.Value(r, "ID", &e.VLAN, words.Int)
	more["dst"] = words.Value(r, "ADDRESS", &e.Dst, words.Addr)
	more["master"] = func() error { return nil }
	more["self"] = more["master"]
	return r.Dev(more)
}

func fdbLine(netns, name, link string, e kernel.FDBEntry) line {
	l := lineOf(netns, name)
	l.quoted(e.MAC.String())
	l.add("dev")
	l.quoted(link)
	if e.VLAN != 0 {
		l.add("vlan", strconv.Itoa(e.VLAN))
	}
	if e.Dst.IsValid() {
		l.add("dst", e.Dst.String())
	}
	return l
}
