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
		for c := range n.ns.connections.each {
			if !c.ended(now) {
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
		n.ns.connections.drop(func(c *connection) bool {
			matches := !c.ended(now) && f.Matches(c.shown(now))
			if matches {
				deleted++
			}
			return matches
		})
		return nil
	})
	return deleted, err
}

// shown is what netlink tells of a connection: net/netfilter/nf_conntrack_netlink.c, ctnetlink_fill_info.
func (c *connection) shown(now time.Duration) kernel.Flow {
	f := kernel.Flow{
		Protocol: c.orig.protocol,
		Original: c.orig.shown(),
		Reply:    c.reply.shown(),
		Replied:  c.replied,
		Assured:  c.assured,
		Mark:     c.mark,
		Left:     (c.until - now).Truncate(time.Second),
	}
	if c.orig.protocol == protoTCP {
		f.State = kernel.TCPStates[c.tcp]
	}
	return f
}

func (t *tuple) shown() kernel.FlowTuple {
	return kernel.FlowTuple{From: t.from.addrPort(t.v6), To: t.to.addrPort(t.v6)}
}
