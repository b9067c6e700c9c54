package sim

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// Neighbours is kernel.Neighbours'.
func (n *handle) Neighbours(link int) (list []kernel.Neighbour, err error) {
	err = n.do("neighbour list", "", func() *refusal {
		for _, l := range n.ns.chosen(link) {
			list = append(list, l.listNeighbours()...)
		}
		return nil
	})
	return list, err
}

// listNeighbours returns the entries, sorted by address, without those that never need an answer.
func (l *link) listNeighbours() (list []kernel.Neighbour) {
	for _, n := range l.neighbours {
		state := n.now(l.world().clock.elapsed())
		if state == kernel.NoARP {
			continue
		}
		d := kernel.Neighbour{Link: l.index, IP: n.ip, State: state}
		if n.known {
			d.MAC = n.mac.hardwareAddr()
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b kernel.Neighbour) int {
		return cmp.Or(cmp.Compare(a.IP.BitLen(), b.IP.BitLen()), a.IP.Compare(b.IP))
	})
	return list
}

// AddNeighbour is kernel.Neighbours'.
func (n *handle) AddNeighbour(e kernel.Neighbour) error {
	return n.do("neighbour add", e.IP.String()+" dev "+n.label(e.Link), func() *refusal {
		return n.ns.addNeighbour(e)
	})
}

// DeleteNeighbour is kernel.Neighbours'.
func (n *handle) DeleteNeighbour(e kernel.Neighbour) error {
	return n.do("neighbour delete", e.IP.String()+" dev "+n.label(e.Link), func() *refusal {
		return n.ns.deleteNeighbour(e.Link, e.IP)
	})
}

// addNeighbour is RTM_NEWNEIGH with NLM_F_CREATE|NLM_F_EXCL. (net/core/neighbour.c: neigh_add.)
func (ns *namespace) addNeighbour(e kernel.Neighbour) *refusal {
	state := cmp.Or(e.State, kernel.Permanent)
	l := ns.link(e.Link)
	switch {
	case !e.IP.IsValid():
		return refuse(kernel.EINVAL, "Network address not specified")
	case l == nil:
		return refuse(kernel.ENODEV)
	case e.MAC != nil && len(e.MAC) < len(mac{}):
		return refuse(kernel.EINVAL, "Invalid link address")
	case e.IP.Is6() && !l.ip6Enabled():
		return refuse(kernel.EINVAL, "IPv6 is disabled on this device") // ndisc_allow_add
	case l.neighbours[e.IP] != nil:
		return refuse(kernel.EEXIST)
	case e.IP.Is4() && l.conf4 == nil || e.IP.Is6() && l.ip6.conf == nil:
		return refuse(kernel.EINVAL) // arp_constructor, ndisc_constructor: the link has no such protocol
	}
	if l.loopback() && e.IP.Is4() {
		e.IP = netip.IPv4Unspecified() // arp_constructor maps all of a loopback device's to it
	}
	there := l.neighbours[e.IP] != nil // what is mapped to it may be there
	fresh := l.neighbourAt(e.IP)
	if m, ok := l.mappedMAC(e.IP); ok && !there {
		fresh.mac, fresh.known = m, true
	}
	valid := fresh.known && (!there || fresh.state != kernel.Failed && fresh.state != kernel.Incomplete) // NUD_VALID
	if e.MAC == nil && !valid && state != kernel.Incomplete && state != kernel.Failed {
		return refuse(kernel.EINVAL, "No link layer address given") // __neigh_update, once the entry is there
	}
	fresh.state = state
	if e.MAC != nil {
		fresh.mac, fresh.known = mac(e.MAC), true
	}
	fresh.confirmed = ns.world().clock.elapsed()
	return nil
}

// mappedMAC is the MAC that follows from the address or from the link, so that nobody has to be asked: such an entry is
// valid as soon as it is there. (net/ipv4/arp.c: arp_constructor; net/ipv6/ndisc.c: ndisc_constructor.)
func (l *link) mappedMAC(ip netip.Addr) (m mac, ok bool) {
	switch {
	case l.loopback() && ip.Is6() && ip.IsMulticast():
		return mac{}, true // its broadcast address: ndisc_mc_map knows no better for what is no Ethernet
	case l.loopback():
		return l.mac, true
	case ip.Is4() && ip.IsMulticast():
		b := ip.As4()
		return mac{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}, true // ip_eth_mc_map
	case ip.Is6() && ip.IsMulticast():
		b := ip.As16()
		return mac{0x33, 0x33, b[12], b[13], b[14], b[15]}, true // ipv6_eth_mc_map
	case l.noARP():
		return l.mac, true
	case ip.Is4() && l.ns.addressTypeIn4(kernel.TableLocal, ip) == kernel.Broadcast:
		return broadcastMAC, true
	}
	return mac{}, false
}

// deleteNeighbour is RTM_DELNEIGH. (net/core/neighbour.c: neigh_delete.)
func (ns *namespace) deleteNeighbour(index int, ip netip.Addr) *refusal {
	l := ns.link(index)
	switch {
	case !ip.IsValid():
		return refuse(kernel.EINVAL, "Network address not specified")
	case l == nil:
		return refuse(kernel.ENODEV)
	case l.neighbours[ip] == nil:
		return refuse(kernel.ENOENT)
	}
	l.dropNeighbours(func(n *neighbour) bool { return n.ip == ip })
	return nil
}

// dropNeighbours takes all entries out that match. (net/core/neighbour.c: neigh_flush_dev.)
func (l *link) dropNeighbours(match func(*neighbour) bool) {
	for ip, n := range l.neighbours {
		if match(n) {
			n.halt()
			delete(l.neighbours, ip)
		}
	}
}

func anyNeighbour(*neighbour) bool { return true }
