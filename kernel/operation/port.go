package operation

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func portForms() []Form {
	return []Form{{
		"bridge link set", "bridge [-n NS] link set dev LINK [hairpin on|off] [isolated on|off]",
		"change how a bridge treats its port, in one request", readPortSet,
	}}
}

// A PortSet changes how a bridge treats one of its ports.
type PortSet struct {
	NetNS, Link string
	Change      kernel.PortChange
}

func readPortSet(netns string, r *words.Reader) (Operation, error) {
	o := PortSet{NetNS: netns}
	var err error
	o.Link, err = r.Dev(words.Keywords{
		"hairpin":  words.Value(r, "switch (on or off)", &o.Change.Hairpin, words.Pointer(words.Switch)),
		"isolated": words.Value(r, "switch (on or off)", &o.Change.Isolated, words.Pointer(words.Switch)),
	})
	return o, err
}

func (o PortSet) String() string {
	l := lineOf(o.NetNS, "bridge link set")
	l.add("dev")
	l.quoted(o.Link)
	onOff(&l, "hairpin", o.Change.Hairpin)
	onOff(&l, "isolated", o.Change.Isolated)
	return l.String()
}

// Op implements Operation.
func (o PortSet) Op() string { return "port set" }

// In implements Operation.
func (o PortSet) In() string { return o.NetNS }

// Apply implements Operation.
func (o PortSet) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		return ns.ChangePort(index, o.Change)
	})
}
