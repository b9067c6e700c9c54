package lockstep

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// linkKind draws the kind of a link to come.
func (d *drawer) linkKind() string {
	kinds := []string{kernel.KindVeth, kernel.KindVeth, kernel.KindVeth, kernel.KindVeth, kernel.KindBridge, kernel.KindBridge}
	if d.worthwhile(NounDummy) {
		kinds = append(kinds, kernel.KindDummy)
	}
	if d.worthwhile(NounVLANLink) {
		kinds = append(kinds, kernel.KindVLAN, kernel.KindVLAN)
	}
	return pick(d, kinds...)
}

var (
	usualIDs = []int{1, 1, 2, 10, 20, 21}
	oddIDs   = []int{0, 4094, 4095, 4096, -1, 65537}
)

// vlanOn makes the link to come a vlan on a link of its namespace. Mostly it has the MAC of that.
func (d *drawer) vlanOn(o *operation.LinkAdd) {
	if !d.percent(3) {
		o.Parent = new(d.linkName(o.NetNS, notLo))
	}
	o.Spec.VLAN = mostly(d, 8, usualIDs, oddIDs)
	if d.percent(60) {
		o.Spec.MAC = nil
	}
	if d.percent(80) {
		o.Spec.MTU = 0 // its parent's
	}
	if parent := o.Parent; parent != nil && d.percent(60) {
		l := d.m.link(o.NetNS, *parent)
		o.Spec.Up = l != nil && l.up
	}
}

// bridgeChange draws what a bridge does about VLANs.
func (d *drawer) bridgeChange() (c kernel.BridgeChange) {
	if d.percent(70) {
		c.Filtering = new(d.percent(70))
	}
	if c.Filtering == nil || d.percent(30) {
		c.DefaultPVID = new(mostly(d, 15, []int{0, 1, 1, 2, 10, 20}, oddIDs))
	}
	return c
}

func (d *drawer) bridgeSet() operation.Operation {
	if first, ok := d.bridgeFirst(); ok {
		return first
	}
	netns, link := d.aLink(isBridge)
	if d.percent(5) {
		netns, link = d.aLink(anyLink)
	}
	return operation.BridgeSet{NetNS: netns, Link: link, Change: d.bridgeChange()}
}

// vlanMember draws a link that can be a member of VLANs: a bridge's port, or with self a bridge.
func (d *drawer) vlanMember() (netns, link string, self bool) {
	if self = d.percent(30); self != d.percent(4) {
		netns, link = d.aLink(isBridge)
		return netns, link, self
	}
	netns, link = d.aLink(isPort)
	return netns, link, self
}

// ids draws the IDs of a request, one or a range.
func (d *drawer) ids() kernel.VLANRange {
	v := kernel.VLANRange{First: mostly(d, 8, usualIDs, oddIDs)}
	if d.percent(20) {
		v.Last = v.First + pick(d, 1, 1, 2, 3, 8, 0, -1, 5000)
	}
	return v
}

func (d *drawer) vlanAdd() operation.Operation {
	if first, ok := d.portFirst(); ok {
		return first
	}
	o := operation.VLANAdd{VLANs: d.ids()}
	o.NetNS, o.Link, o.VLANs.Self = d.vlanMember()
	o.VLANs.PVID = d.percent(25) && (o.VLANs.Last == 0 || d.percent(20))
	o.VLANs.Untagged = d.percent(40)
	return o
}

func (d *drawer) vlanDelete() operation.Operation {
	if len(d.m.vlans) == 0 && !d.percent(15) {
		return d.vlanAdd()
	}
	o := operation.VLANDelete{VLANs: d.ids()}
	o.NetNS, o.Link, o.VLANs.Self = d.vlanMember()
	if len(d.m.vlans) > 0 && d.percent(50) {
		add := pick(d, d.m.vlans...)
		o.NetNS, o.Link, o.VLANs = add.NetNS, add.Link, add.VLANs
		o.VLANs.PVID, o.VLANs.Untagged = false, false
	}
	return o
}
