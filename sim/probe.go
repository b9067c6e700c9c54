package sim

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/cnilab/cnilab/kernel"
)

// Ping is kernel.Probes'.
func (n *handle) Ping(ctx context.Context, p kernel.Ping) (answer kernel.Answer, err error) {
	t, err := n.openSockets()
	if err == nil {
		err = n.ns.checkZone(p.To)
	}
	if err == nil {
		answer, err = t.Ping(ctx, p)
	}
	return answer, n.probeError("ping", p.To.String(), err)
}

// Call is kernel.Probes'.
func (n *handle) Call(ctx context.Context, c kernel.Call) (answer kernel.Answer, err error) {
	t, err := n.openSockets()
	if err == nil {
		err = n.ns.checkZone(c.To.Addr())
	}
	if err == nil {
		answer, err = t.Call(ctx, c)
	}
	return answer, n.probeError("call", string(c.Transport)+" "+c.To.String(), err)
}

// Serve is kernel.Probes'.
func (n *handle) Serve(s kernel.Service) (stop func(), err error) {
	t, err := n.openSockets()
	if err == nil {
		stop, err = t.Serve(s)
	}
	return stop, n.probeError("serve", string(s.Transport)+" "+s.At.String(), err)
}

// checkZone refuses an address that is another host on each link, where no link is said, and one of a link that is not
// there. (net/ipv6/datagram.c: __ip6_datagram_connect; net/ipv6/tcp_ipv6.c: tcp_v6_connect; include/net/ipv6.h:
// __ipv6_addr_needs_scope_id.)
func (ns *namespace) checkZone(a netip.Addr) (err error) {
	ns.world().locked(func() {
		switch zone := a.Zone(); {
		case zone == "" && a.Is6() && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast()):
			err = kernel.EINVAL
		case zone != "" && ns.linkOfZone(zone) == nil:
			err = kernel.ENODEV
		}
	})
	return err
}

// linkOfZone returns the link that a zone says, by its number or name.
func (ns *namespace) linkOfZone(zone string) *link {
	if index, err := strconv.Atoi(zone); err == nil {
		return ns.link(index)
	}
	return ns.named(zone)
}

func (n *handle) openSockets() (Transport, error) {
	if err := n.do("probe", "", func() *refusal { return nil }); err != nil {
		return nil, err
	}
	return n.ns.sockets()
}

func (n *handle) probeError(op, object string, err error) error {
	if err == nil {
		return nil
	}
	return n.fail(op, object, refuse(kernel.ErrnoOf(err)))
}
