package sim

import (
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// Flows is kernel.Flows'.
func (n *handle) Flows() (flows []kernel.Flow, err error) {
	err = n.do("flow list", "", func() *refusal {
		now := n.ns.world().clock.elapsed()
		for t, c := range n.ns.connections.by {
			if t == c.orig.key() && !c.ended(now) {
				flows = append(flows, c.shown(now))
			}
		}
		kernel.SortFlows(flows)
		return nil
	})
	return flows, err
}

// DeleteFlows is kernel.Flows'.
func (n *handle) DeleteFlows(f kernel.FlowFilter) (deleted int, err error) {
	err = n.do("flow delete", strings.Join(f.Words(), " "), func() *refusal {
		now := n.ns.world().clock.elapsed()
		for t, c := range n.ns.connections.by {
			if t == c.orig.key() && !c.ended(now) && f.Matches(c.shown(now)) {
				n.ns.connections.forget(c)
				deleted++
			}
		}
		return nil
	})
	return deleted, err
}

// shown is what netlink tells of a connection: net/netfilter/nf_conntrack_netlink.c, ctnetlink_fill_info.
func (c *connection) shown(now time.Duration) kernel.Flow {
	f := kernel.Flow{
		Protocol: uint8(c.orig.protocol),
		Original: kernel.FlowTuple{From: c.orig.from, To: c.orig.to},
		Reply:    kernel.FlowTuple{From: c.reply.from, To: c.reply.to},
		Replied:  c.replied,
		Assured:  c.assured,
		Left:     (c.until - now).Truncate(time.Second),
	}
	if c.orig.protocol == protoTCP {
		f.State = kernel.TCPStates[c.tcp]
	}
	return f
}
