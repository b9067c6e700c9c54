package lockstep

import (
	"net"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// fdbMAC draws a MAC for an entry: one that no link has, so that it is never learnt, or that of a bridge or a port, for
// which bridges have entries of their own. Those of other links, which a bridge may learn whenever they send, are not
// drawn.
func (d *drawer) fdbMAC(netns, link string) net.HardwareAddr {
	own := d.m.linksOf(netns, func(l *modelLink) bool { return l.mac != nil && (l.kind == kernel.KindBridge || l.master != "") })
	switch n := d.below(100); {
	case n < 4:
		return d.oddMAC()
	case n < 12 && len(own) > 0:
		return pick(d, own...).mac
	case n < 20:
		if l := d.m.link(netns, link); l != nil && l.master != "" && l.mac != nil {
			return l.mac
		}
	}
	return net.HardwareAddr{2, 0, 0, 0, 2, byte(1 + d.below(4))}
}

// fdbVLAN draws the VLAN of an entry, which mostly is of none.
func (d *drawer) fdbVLAN() int {
	switch {
	case d.percent(4):
		return pick(d, oddIDs...)
	case d.worthwhile(NounVLAN) && d.percent(30):
		return pick(d, 1, 1, 1, 1, 10, 20)
	}
	return 0
}

func (d *drawer) fdbAdd() operation.Operation {
	if first, ok := d.portFirst(); ok {
		return first
	}
	var o operation.FDBAdd
	o.NetNS, o.Link = d.fdbLink()
	o.Entry = kernel.FDBEntry{MAC: d.fdbMAC(o.NetNS, o.Link), VLAN: d.fdbVLAN()}
	o.Entry.State = pick(d, "", kernel.FDBPermanent, kernel.FDBStatic, kernel.FDBStatic, kernel.FDBStatic, kernel.FDBDynamic)
	return o
}

// fdbLink draws a bridge's port, if there is one.
func (d *drawer) fdbLink() (netns, link string) {
	if d.percent(4) {
		return d.aLink(anyLink)
	}
	return d.aLink(isPort)
}

func (d *drawer) fdbDelete() operation.Operation {
	if len(d.m.fdb) > 0 && !d.percent(25) {
		add := pick(d, d.m.fdb...)
		o := operation.FDBDelete(add)
		o.Entry.State = ""
		if d.percent(8) {
			o.Entry.VLAN = d.fdbVLAN()
		}
		return o
	}
	if first, ok := d.portFirst(); ok {
		return first
	}
	var o operation.FDBDelete
	o.NetNS, o.Link = d.fdbLink()
	o.Entry = kernel.FDBEntry{MAC: d.fdbMAC(o.NetNS, o.Link), VLAN: d.fdbVLAN()}
	return o
}
