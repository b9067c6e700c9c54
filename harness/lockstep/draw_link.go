package lockstep

import (
	"net"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// newMAC draws the MAC of a link to come. It is never left to the kernel, which would choose at random.
func (d *drawer) newMAC() net.HardwareAddr {
	if d.percent(3) {
		return d.oddMAC()
	}
	if d.percent(3) {
		return net.HardwareAddr{2, 0, 0, 0, 0, 1}
	}
	d.mac++
	return net.HardwareAddr{2, 0, 0, 0, 1, d.mac}
}

func (d *drawer) oddMAC() net.HardwareAddr {
	return pick(
		d, net.HardwareAddr{1, 0, 0x5e, 0, 0, 1}, net.HardwareAddr{0, 0, 0, 0, 0, 0}, net.HardwareAddr{255, 255, 255, 255, 255, 255},
		net.HardwareAddr{2, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 0, 0, 1}, net.HardwareAddr{},
		net.HardwareAddr{0, 0, 0, 0, 0, 1}, net.HardwareAddr{0xfe, 0, 0, 0, 0, 1},
	)
}

var (
	usualMTUs = []int{0, 0, 0, 0, 0, 1500, 1400, 1280, 9000, 65535}
	oddMTUs   = []int{68, 67, 1, 1279, 576, 65536, -1, 1 << 30, 1<<31 - 1}
)

func (d *drawer) linkAdd() operation.Operation { return d.linkOf(d.netns(), d.linkKind()) }

// linkOf draws a link to come.
func (d *drawer) linkOf(netns, kind string) operation.LinkAdd {
	o := operation.LinkAdd{NetNS: netns, Spec: kernel.LinkSpec{
		Name: d.newName(netns), MAC: d.newMAC(), MTU: mostly(d, 5, usualMTUs, oddMTUs), Up: d.percent(40),
		Kind: kind,
	}}
	bridges := d.m.linksOf(netns, isBridge)
	if o.Spec.Kind != kernel.KindBridge && len(bridges) > 0 && d.percent(30) || d.percent(2) {
		o.Master = new(d.linkName(netns, isBridge))
	}
	switch o.Spec.Kind {
	case kernel.KindVeth:
		d.peer(&o)
	case kernel.KindVLAN:
		d.vlanOn(&o)
	case kernel.KindBridge:
		if d.worthwhile(NounVLAN) && d.percent(30) {
			o.Spec.Bridge = d.bridgeChange()
		}
	}
	return o
}

func (d *drawer) peer(o *operation.LinkAdd) {
	where := o.NetNS
	if d.percent(60) {
		where = d.netns()
		o.PeerNetNS = &where
	}
	o.Spec.Peer = kernel.PeerSpec{
		Name: d.newName(where), MAC: d.newMAC(), MTU: mostly(d, 4, usualMTUs, oddMTUs),
	}
}

func (d *drawer) linkSet() operation.Operation {
	var o operation.LinkSet
	o.NetNS, o.Link = d.aLink(anyLink)
	if promisc := func(l *modelLink) bool { return l.promisc }; d.has(promisc) && d.percent(20) {
		o.NetNS, o.Link = d.aLink(promisc)
	}
	if d.percent(1) {
		o.Link, o.Change.MTU = "lo", new(pick(d, 67, 1, 0, 1279)) // no other link takes less than 68
		return o
	}
	l := d.m.link(o.NetNS, o.Link)
	for range pick(d, 1, 1, 1, 1, 2, 3) {
		d.change(&o, l)
	}
	return o
}

// change draws one thing to set. l is the link, if it is known.
func (d *drawer) change(o *operation.LinkSet, l *modelLink) {
	c := &o.Change
	n := d.below(100)
	if l != nil && l.promisc && d.percent(40) {
		n = 90
	}
	switch {
	case n < 38:
		c.Up = new(l == nil || !l.up || d.percent(10))
	case n < 58:
		d.changeMaster(o, l)
	case n < 66:
		c.MTU = new(mostly(d, 25, []int{1500, 1400, 1280, 9000}, oddMTUs))
	case n < 73:
		if c.MAC = d.newMAC(); d.percent(10) {
			c.MAC = d.oddMAC()
		}
	case n < 80:
		if c.Name = new(d.newName(o.NetNS)); d.percent(10) {
			c.Name = new(d.linkName(o.NetNS, anyLink)) // taken
		}
	case n < 85:
		c.Alias = new(mostly(d, 20, []string{"", "x", "two words"}, oddAliases))
	case n < 91:
		c.Promisc = new((l == nil || !l.promisc) != d.percent(20))
	default:
		o.To = new(d.netns())
	}
}

// oddAliases are of the lengths around the limit (IFALIASZ), or not text.
var oddAliases = []string{long(254), long(255), long(256), long(300), long(256), "\x00", "a\x00b", "\xff", "'\""}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

func (d *drawer) changeMaster(o *operation.LinkSet, l *modelLink) {
	if l != nil && l.master != "" && d.percent(60) || d.percent(5) {
		o.Change.Master = new(0)
		return
	}
	if !d.has(isBridge) && !d.percent(5) {
		o.Change.Up = new(true)
		return
	}
	if d.percent(60) {
		o.NetNS, _ = d.aLink(isBridge)
		o.Link = d.linkName(o.NetNS, canBePort)
	}
	o.Master = new(d.linkName(o.NetNS, isBridge))
}

func (d *drawer) linkDelete() operation.Operation {
	if !d.has(notLo) && !d.percent(10) {
		return d.linkAdd()
	}
	netns, name := d.aLink(notLo)
	return operation.LinkDelete{NetNS: netns, Link: name}
}

// portFirst draws what is needed before anything can be asked of a bridge's port: one, or a bridge for it.
func (d *drawer) portFirst() (o operation.Operation, ok bool) {
	if d.has(isPort) || d.percent(4) {
		return nil, false
	}
	if o, ok := d.bridgeFirst(); ok {
		return o, true
	}
	netns, bridge := d.aLink(isBridge)
	if ready := d.m.linksOf(netns, canBePort); len(ready) > 0 && d.percent(60) {
		return operation.LinkSet{NetNS: netns, Link: pick(d, ready...).name, Master: &bridge}, true
	}
	link := d.linkOf(netns, kernel.KindVeth)
	link.Master = &bridge
	return link, true
}

// bridgeFirst draws a bridge, which is needed before anything can be asked of one.
func (d *drawer) bridgeFirst() (o operation.Operation, ok bool) {
	if d.has(isBridge) || d.percent(4) {
		return nil, false
	}
	return d.linkOf(d.netns(), kernel.KindBridge), true
}

func (d *drawer) portSet() operation.Operation {
	if first, ok := d.portFirst(); ok {
		return first
	}
	var o operation.PortSet
	o.NetNS, o.Link = d.aLink(isPort)
	if d.percent(60) {
		o.Change.Hairpin = new(d.percent(60))
	}
	if d.percent(60) {
		o.Change.Isolated = new(d.percent(60))
	}
	return o
}
