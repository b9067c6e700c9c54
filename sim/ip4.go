package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// addAddress4 is net/ipv4/devinet.c: inet_rtm_newaddr, __inet_insert_ifa.
func (l *link) addAddress4(a *address) *refusal {
	if l.conf4 == nil {
		return refuse(kernel.ENOBUFS) // rtm_to_ifaddr: no in_device
	}
	if slices.ContainsFunc(l.addresses4, func(other *address) bool { return other.Prefix == a.Prefix }) {
		return refuse(kernel.EEXIST, "ipv4: Address already assigned") // inet_rtm_newaddr: find_matching_ifa
	}
	for _, other := range l.addresses4 {
		if other.subnet() != a.subnet() {
			continue
		}
		if other.Scope != a.Scope {
			return refuse(kernel.EINVAL, "ipv4: Invalid scope value")
		}
		a.Secondary = true
	}
	a.link = l
	l.addresses4 = slices.Insert(l.addresses4, l.place4(a), a)
	l.pinConf4()
	l.makeRoutes4(a)
	return nil
}

// place4 returns where in the list the address belongs: primaries after those of no smaller scope, secondaries last.
func (l *link) place4(a *address) int {
	if a.Secondary {
		return len(l.addresses4)
	}
	place := 0
	for i, other := range l.addresses4 {
		if !other.Secondary && a.Scope <= other.Scope {
			place = i + 1
		}
	}
	return place
}

// pinConf4 is ipv4_devconf_setall: once a link has an address, the default settings change nothing of it any more.
func (l *link) pinConf4() { l.conf4.pin() }

// deleteAddress4 is net/ipv4/devinet.c: inet_rtm_deladdr.
func (l *link) deleteAddress4(prefix netip.Prefix) *refusal {
	if l.conf4 == nil {
		return refuse(kernel.ENODEV) // inetdev_by_index
	}
	i := slices.IndexFunc(l.addresses4, func(a *address) bool { return a.Prefix == prefix })
	if i < 0 {
		return refuse(kernel.EADDRNOTAVAIL, "ipv4: Address not found")
	}
	l.takeAddress4(l.addresses4[i])
	return nil
}

// takeAddress4 is inet_del_ifa.
func (l *link) takeAddress4(a *address) {
	if a.Secondary {
		l.dropAddress4(a)
	} else {
		l.dropPrimary4(a)
	}
}

// dropPrimary4 takes the secondaries of a primary address along, or makes the first of them the primary where
// promote_secondaries says so. (net/ipv4/devinet.c: __inet_del_ifa.)
func (l *link) dropPrimary4(a *address) {
	secondaries := l.secondaries(a)
	promote := len(secondaries) > 0 && l.either4("promote_secondaries") != 0
	for _, s := range secondaries {
		if promote {
			l.dropRoutes4(s, a) // silently; they come back with the new primary as their source
		} else {
			l.dropAddress4(s)
		}
	}
	l.dropAddress4(a)
	if promote {
		l.promote(secondaries)
	}
}

// promote makes the first one of secondaries the primary address of the others.
func (l *link) promote(secondaries []*address) {
	first := secondaries[0]
	l.addresses4 = slices.DeleteFunc(l.addresses4, func(a *address) bool { return a == first })
	first.Secondary = false
	l.addresses4 = slices.Insert(l.addresses4, l.place4(first), first)
	for _, s := range secondaries {
		l.makeRoutes4(s)
	}
}

// secondaries returns the secondary addresses that hang on primary.
func (l *link) secondaries(primary *address) (list []*address) {
	for _, a := range l.addresses4 {
		if a.Secondary && a.subnet() == primary.subnet() {
			list = append(list, a)
		}
	}
	return list
}

// primary returns the primary address that a hangs on, which is a itself if it is one: the first of the subnet; nil for one
// that is no longer there. (inet_ifa_byprefix.)
func (l *link) primary(a *address) *address {
	for _, other := range l.addresses4 {
		if other.subnet() == a.subnet() {
			return other
		}
	}
	return nil
}

// dropAddress4 takes one address and its routes away. With the last one of a link IPv4 ends there: all routes of the
// link go. (net/ipv4/fib_frontend.c: fib_inetaddr_event.)
func (l *link) dropAddress4(a *address) {
	l.addresses4 = slices.DeleteFunc(l.addresses4, func(other *address) bool { return other == a })
	primary := a
	if a.Secondary {
		primary = l.primary(a)
	}
	l.dropRoutes4(a, primary)
	if len(l.addresses4) == 0 {
		l.ns.fib4.flush(func(r *route) bool { return r.link == l }) // fib_disable_ip, by force
		l.killHops()
		l.dropNeighbours(func(n *neighbour) bool { return n.ip.Is4() }) // arp_ifdown
	}
}

// ip4Up is NETDEV_UP: inetdev_event gives lo its address, fib_inetdev_event brings the routes of the addresses.
func (l *link) ip4Up() {
	if l.conf4 == nil {
		return
	}
	if l.loopback() { // which has it already but the first time
		localhost := kernel.Address{Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: kernel.ScopeHost}
		l.addAddress4(&address{Address: localhost})
	}
	for _, a := range l.addresses4 {
		l.makeRoutes4(a)
	}
	l.reviveHops()
	l.announce()
}

// ip4Down is NETDEV_DOWN: fib_sync_down_dev leaves the routes whose next hop has the scope nowhere, which are those to
// local addresses.
func (l *link) ip4Down() {
	l.forgetMasqueraded()
	l.ns.fib4.flush(func(r *route) bool { return r.link == l && r.nhScope != kernel.ScopeNowhere })
	l.killHops()
}

// ip4Unregister is NETDEV_UNREGISTER: no route is left. (net/ipv4/fib_frontend.c: fib_netdev_event.)
func (l *link) ip4Unregister() {
	l.ip4Destroy()
	l.ns.fib4.flush(func(r *route) bool { return r.leadsBy(l) })
}

// ip4Destroy is inetdev_destroy, which takes one address away after the other. No secondary goes with its primary, nor does
// it find that later, and so others' routes keep it as their source. Where there was no address, routes stay.
// (net/ipv4/devinet.c __inet_del_ifa: in_dev->dead; net/ipv4/fib_frontend.c fib_del_ifaddr.)
func (l *link) ip4Destroy() {
	for len(l.addresses4) > 0 {
		l.dropAddress4(l.addresses4[0])
	}
	l.dropNeighbours(func(n *neighbour) bool { return n.ip.Is4() }) // arp_ifdown
}

// ip4MTUChanged is NETDEV_CHANGEMTU: below 68 there is no IPv4 (inetdev_valid_mtu). Only lo can have such an MTU.
func (l *link) ip4MTUChanged() {
	switch {
	case l.mtu < kernel.MinMTU && l.conf4 != nil:
		l.ip4Destroy()
		l.conf4 = nil
	case l.mtu >= kernel.MinMTU && l.conf4 == nil:
		l.conf4 = l.ns.sysctls.newConf4()
	}
}
