package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// ip6 is IPv6 on a link: its inet6_dev.
type ip6 struct {
	conf   *conf         // net/ipv6/conf/NAME; nil: the link has no IPv6, its MTU being too small
	ready  bool          // IF_READY: the link has been seen with a carrier since it came up
	ledTo  uint32        // see noteRoute
	search *routerSearch // nil: no router was asked for (no IF_RS_SENT)
}

// prefixMetric is IP6_RT_PRIO_ADDRCONF, the metric of the kernel's own routes to subnets.
const prefixMetric = 256

// dadRetransmit is the time that duplicate address detection waits for an answer to each of its solicitations
// (RetransTimer of RFC 4861).
const dadRetransmit = time.Second

// dadMaxDelay is the bound of the random time before the first solicitation (rtr_solicit_delay).
const dadMaxDelay = time.Second

// ip6Create is net/ipv6/addrconf.c: ipv6_add_dev.
func (l *link) ip6Create() {
	l.ip6 = ip6{conf: l.ns.sysctls.newConf6(), ready: l.ready(), ledTo: l.ip6.ledTo}
	l.ip6.conf.set("mtu", l.mtu)
	if l.loopback() || l.noARP() {
		l.ip6.conf.set("accept_dad", -1)
	}
	if l.loopback() {
		l.ip6.conf.set("use_tempaddr", -1)
	}
}

func (l *link) ip6Enabled() bool { return l.ip6.conf != nil && l.setting6("disable_ipv6") == 0 }

// ip6Up is NETDEV_UP in net/ipv6/addrconf.c: addrconf_notify.
func (l *link) ip6Up() {
	if l.ip6.conf != nil && !l.ip6Enabled() {
		return
	}
	l.restoreAddresses6()
	if !l.ready() {
		return
	}
	if l.ip6.conf == nil && l.mtu >= minIPv6MTU {
		l.ip6Create()
	}
	l.ip6Configure()
}

// ip6Change is NETDEV_CHANGE in addrconf_notify: the carrier has come or gone. What is there stays when it goes.
func (l *link) ip6Change() {
	if l.ip6Enabled() && l.ready() && !l.ip6.ready {
		l.ip6Configure()
	}
}

// ip6Configure is the second half of NETDEV_UP: the link-local address and the route to multicast groups, then
// duplicate address detection for all that still need it (addrconf_init_auto_addrs, addrconf_dad_run).
func (l *link) ip6Configure() {
	if l.ip6.conf == nil {
		return
	}
	l.ip6.ready = true
	if l.loopback() {
		l.autoAddress6(netip.PrefixFrom(netip.IPv6Loopback(), 128)) // init_loopback
	} else {
		l.addMulticastRoute()
		l.addLinkLocal()
	}
	for _, a := range slices.Clone(l.addresses6) {
		if a.Tentative && a.stopDAD == nil && !a.DADFailed {
			a.startDAD()
		}
	}
	l.reviveSiblings()
	if l.mtu < minIPv6MTU { // of lo, the only link that keeps its settings then
		l.ip6Down()
	}
}

// addLinkLocal is addrconf_addr_gen and addrconf_add_linklocal.
func (l *link) addLinkLocal() {
	switch l.setting6("addr_gen_mode") {
	case addrGenEUI64:
		l.autoAddress6(netip.PrefixFrom(linkLocal(eui64(l.mac)), 64))
	case addrGenRandom:
		l.autoAddress6(netip.PrefixFrom(linkLocal(l.randomID()), 64))
	}
}

// randomID is the link's random interface identifier, which stays as it is as long as IPv6 is on the link
// (cnf.stable_secret). Few links have one.
func (l *link) randomID() uint64 {
	w := l.world()
	id, ok := w.randomIDs[l]
	if !ok {
		id = w.rand.Uint64()
		w.randomIDs[l] = id
	}
	return id
}

// The values of addr_gen_mode that make an address: IN6_ADDR_GEN_MODE_EUI64 and _RANDOM.
const (
	addrGenEUI64  = 0
	addrGenRandom = 3
)

// eui64 is the interface identifier out of a MAC (addrconf_ifid_eui48).
func eui64(m mac) uint64 {
	var id uint64
	for _, b := range [8]byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]} {
		id = id<<8 | uint64(b)
	}
	return id
}

func linkLocal(id uint64) netip.Addr {
	b := [16]byte{0: 0xfe, 1: 0x80}
	for i := range 8 {
		b[15-i] = byte(id >> (8 * i))
	}
	return netip.AddrFrom16(b)
}

// checkedLinkLocal is ipv6_get_lladdr: the link-local address that has been there longest of those that are checked; nil for
// none.
func (l *link) checkedLinkLocal() *address {
	for _, a := range slices.Backward(l.addresses6) {
		if a.Scope == kernel.ScopeLink && !a.Tentative {
			return a
		}
	}
	return nil
}

// autoAddress6 gives the link an address of the kernel's own, unless it has it.
func (l *link) autoAddress6(prefix netip.Prefix) {
	if l.find(prefix.Addr()) != nil {
		return
	}
	a := &address{Address: kernel.Address{Prefix: prefix}}
	l.insertAddress6(a)
	if !l.loopback() {
		l.addPrefixRoute(a)
	}
}

// addAddress6 is net/ipv6/addrconf.c: inet6_rtm_newaddr, inet6_addr_add and ipv6_add_addr.
func (l *link) addAddress6(a *address) *refusal {
	if l.ip6.conf == nil {
		return refuse(kernel.EINVAL) // addrconf_add_dev: the MTU is less than IPV6_MIN_MTU
	}
	if l.find(a.ip()) != nil {
		return refuse(kernel.EEXIST, "ipv6: address already assigned")
	}
	if !l.ip6Enabled() {
		return refuse(kernel.EACCES, "ipv6: IPv6 is disabled on this device")
	}
	l.addMulticastRoute()
	if r := l.checkAddress6(a.ip()); r != nil {
		return r
	}
	l.insertAddress6(a)
	l.addPrefixRoute(a)
	return nil
}

func (l *link) checkAddress6(ip netip.Addr) *refusal {
	switch {
	case ip.IsUnspecified():
		return refuse(kernel.EADDRNOTAVAIL, "ipv6: Invalid address")
	case ip.IsMulticast():
		return refuse(kernel.EADDRNOTAVAIL, `ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag`)
	case ip.IsLoopback() && !l.loopback():
		return refuse(kernel.EADDRNOTAVAIL, "ipv6: Cannot assign loopback address on this device")
	}
	return nil
}

// insertAddress6 puts an address in front of those of its scope and starts duplicate address detection.
// (ipv6_link_dev_addr.)
func (l *link) insertAddress6(a *address) {
	a.link, a.Scope, a.Tentative = l, scope6(a.ip()), true
	a.Broadcast, a.Secondary = netip.Addr{}, false
	place := slices.IndexFunc(l.addresses6, func(o *address) bool { return scopeOrder6(a) >= scopeOrder6(o) })
	if place < 0 {
		place = len(l.addresses6)
	}
	l.addresses6 = slices.Insert(l.addresses6, place, a)
	a.startDAD()
}

// scope6 is rt_scope of net/ipv6/addrconf.c.
func scope6(ip netip.Addr) kernel.Scope {
	switch {
	case ip.IsLoopback():
		return kernel.ScopeHost
	case ip.IsLinkLocalUnicast():
		return kernel.ScopeLink
	case netip.MustParsePrefix("fec0::/10").Contains(ip):
		return kernel.ScopeSite
	}
	return kernel.ScopeGlobal
}

// scopeOrder6 is the scope as ipv6_link_dev_addr sorts by it: the wider, the greater; ::1 is of link scope there
// (ipv6_addr_src_scope).
func scopeOrder6(a *address) int {
	return int(kernel.ScopeNowhere) - int(min(a.Scope, kernel.ScopeLink))
}

// deleteAddress6 is net/ipv6/addrconf.c: inet6_addr_del.
func (l *link) deleteAddress6(prefix netip.Prefix) *refusal {
	if l.ip6.conf == nil {
		return refuse(kernel.ENXIO, "ipv6: IPv6 is disabled on this device")
	}
	for _, a := range l.addresses6 {
		if a.Prefix == prefix {
			l.dropAddress6(a)
			return nil
		}
	}
	return refuse(kernel.EADDRNOTAVAIL, "ipv6: address not found")
}

// dropAddress6 is ipv6_del_addr.
func (l *link) dropAddress6(a *address) {
	a.cancelDAD()
	l.addresses6 = slices.DeleteFunc(l.addresses6, func(o *address) bool { return o == a })
	if !a.learned && !slices.ContainsFunc(l.addresses6, func(o *address) bool { return o.subnet() == a.subnet() }) {
		l.dropPrefixRoute(a)
	}
	l.dropRoute6(l.localRoute(a))
	l.dropAnycast(a)
	l.forgetSource6(a.ip())
}

// dropPrefixRoute deletes the first route to the address's subnet on the link without a gateway, whoever made it.
// (net/ipv6/addrconf.c: cleanup_prefix_route, addrconf_get_prefix_route.)
func (l *link) dropPrefixRoute(a *address) {
	t := l.ns.fib6.find(kernel.TableMain)
	for _, r := range t.to(a.subnet()) {
		if r.link == l && !r.Gateway.IsValid() {
			t.remove(r)
			return
		}
	}
}

// forgetSource6 is net/ipv6/route.c: rt6_remove_prefsrc. The routes stay, and their source if another link has it, or on
// 6.1 if they are by another link.
func (l *link) forgetSource6(ip netip.Addr) {
	byAll := l.world().config.Profile.Features.ForgetsSourceOfAll
	for _, r := range l.ns.fib6.all() {
		gone := r.link == l
		if byAll {
			gone = !l.ns.isOwn6(ip, r.link)
		}
		if r.Source == ip && gone {
			r.fibInfo = new(*r.fibInfo)
			r.Source = netip.Addr{}
		}
	}
}

// ip6Down is NETDEV_DOWN: addrconf_ifdown. Addresses go with the link, except, where keep_addr_on_down says so, those
// that were given by hand.
func (l *link) ip6Down() {
	l.ip6.ledTo = 0
	l.ns.fib6.flush(l.goesDown6)                                    // rt6_disable_ip
	l.dropNeighbours(func(n *neighbour) bool { return n.ip.Is6() }) // neigh_ifdown
	l.ip6.ready = false
	l.endSearch()
	keep := l.setting6("keep_addr_on_down")
	if all := l.ns.sysctls.all6.get("keep_addr_on_down"); all != 0 {
		keep = all
	}
	var kept []*address
	for _, a := range l.addresses6 {
		a.cancelDAD()
		if keep > 0 && !a.learned && l.ip6Enabled() && a.Scope != kernel.ScopeLink && a.Scope != kernel.ScopeHost {
			a.Tentative, a.DADFailed = !a.NoDAD, false
			kept = append(kept, a)
		} // else addrconf_ifdown does not look at the routes that have it for their source, as ipv6_del_addr does
	}
	l.addresses6 = kept
}

// restoreAddresses6 is addrconf_permanent_addr: addresses that a link has kept, or got while it was down, come into
// use.
func (l *link) restoreAddresses6() {
	for _, a := range slices.Clone(l.addresses6) {
		l.addPrefixRoute(a)
		a.startDAD()
	}
}

// ip6Destroy is addrconf_ifdown with unregister: no address is kept, and the settings go.
func (l *link) ip6Destroy() {
	if l.ip6.conf == nil {
		return
	}
	l.ip6.conf.set("disable_ipv6", 1)
	l.ns.fib6.flush(func(r *route) bool { return r.link == l }) // fib6_ifdown with NETDEV_UNREGISTER
	l.ip6Down()
	l.ip6 = ip6{ledTo: l.ip6.ledTo}
	delete(l.world().randomIDs, l)
}

// ip6MTUChanged is NETDEV_CHANGEMTU in addrconf_notify: below 1280 there is no IPv6, but on lo.
func (l *link) ip6MTUChanged() {
	switch {
	case l.mtu < minIPv6MTU && !l.loopback():
		l.ip6Destroy()
	case l.mtu < minIPv6MTU:
		l.ip6Down()
	case l.ip6.conf != nil:
		l.ip6.conf.set("mtu", l.mtu)
	default:
		l.ip6Create()
		if l.ip6.ready {
			l.ip6Configure()
		}
	}
}

// set6 writes a setting of the link and does what follows from it.
func (l *link) set6(key string, value int) {
	if l.ip6.conf == nil {
		return
	}
	was := l.ip6.conf.get(key)
	changed := (was == 0) != (value == 0)
	l.ip6.conf.set(key, value)
	switch {
	case key == "disable_ipv6" && changed && value != 0: // dev_disable_change
		l.ip6Down()
	case key == "disable_ipv6" && changed && l.up:
		l.ip6Up()
	case key == "forwarding" && changed: // dev_forward_change
		l.forwardingChanged()
	case key == "addr_gen_mode" && was != value && l.ip6.ready: // addrconf_sysctl_addr_gen_mode
		l.addLinkLocal()
	}
}
