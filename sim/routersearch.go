package sim

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A routerSearch is how a link asks who is a router: at once when it has an address to ask from, and then less and less
// often, until one answers. (RFC 4861, 6.3.7; RFC 7559.) Thousands of links have one: its event is a part of it.
type routerSearch struct {
	event          // when it asks next: rs_timer
	interval int32 // since it has asked, in jiffies: rs_interval
	asked    uint8 // times, of which Linux does not count more: rs_probes
	heard    bool  // a router has answered: IF_RA_RCVD
}

var allRouters = netip.MustParseAddr("ff02::2")

// jiffiesPerSecond are the choice of who compiles (CONFIG_HZ).
const jiffiesPerSecond = 250

// jiffy is the shortest time that a timer of Linux takes, and all of them are multiples of.
const jiffy = time.Second / jiffiesPerSecond

// maxJiffies is how many seconds a setting may be that Linux keeps in jiffies. (kernel/sysctl.c:
// do_proc_dointvec_jiffies_conv.)
const maxJiffies = math.MaxInt32 / jiffiesPerSecond

// believesRouters reports whether the link wants to hear of routers. (include/net/ipv6.h: ipv6_accept_ra.)
func (l *link) believesRouters() bool {
	accept := l.setting6("accept_ra")
	return accept == 2 || accept != 0 && l.setting6("forwarding") == 0
}

// searchRouters begins to ask, from the first link-local address that has come into use. (net/ipv6/addrconf.c:
// addrconf_dad_completed.)
func (l *link) searchRouters(from *address) {
	if from.Scope != kernel.ScopeLink || l.loopback() || !l.isLonely(from) || !l.believesRouters() ||
		l.setting6("router_solicitations") == 0 {
		return
	}
	s := &routerSearch{asked: 1, heard: l.ip6.search != nil && l.ip6.search.heard}
	l.endSearch()
	l.ip6.search, s.run = s, func() {
		l.world().update(func() { l.askAgain(s) })
	}
	l.solicitRouters(l.checkedLinkLocal().ip())
	s.interval = l.scatter(l.jiffies6("router_solicitation_interval")) // rfc3315_s14_backoff_init
	l.searchIn(s.interval)
}

// isLonely reports whether no other link-local address is in use. (ipv6_lonely_lladdr.)
func (l *link) isLonely(a *address) bool {
	return !slices.ContainsFunc(l.addresses6, func(o *address) bool {
		return o != a && o.Scope == kernel.ScopeLink && !o.Tentative && !o.DADFailed
	})
}

// searchIn has the link ask once more in some jiffies, if that is needed then. (addrconf_mod_rs_timer.)
func (l *link) searchIn(jiffies int32) {
	l.world().clock.afterIdle(time.Duration(max(jiffies, 1))*jiffy, &l.ip6.search.event)
}

// askAgain is addrconf_rs_timer.
func (l *link) askAgain(s *routerSearch) {
	if l.ip6.search != s || !l.ip6.ready || s.heard || !l.believesRouters() {
		return
	}
	most, from := l.setting6("router_solicitations"), l.checkedLinkLocal()
	enough := most >= 0 && int(s.asked) >= most
	s.asked++
	if enough || from == nil {
		return
	}
	l.solicitRouters(from.ip())
	l.backOff(s)
	if int(s.asked) == most {
		l.searchIn(l.jiffies6("router_solicitation_delay"))
		return
	}
	l.searchIn(s.interval)
}

// backOff doubles the interval, up to a greatest one. (rfc3315_s14_backoff_update.)
func (l *link) backOff(s *routerSearch) {
	twice := int64(s.interval) + int64(l.scatter(s.interval))
	most := l.jiffies6("router_solicitation_max_interval")
	if twice > int64(most) {
		twice = int64(l.scatter(most))
	}
	s.interval = int32(twice)
}

// scatter makes a time up to a tenth longer or shorter, so that machines that were switched on together do not stay in step.
// The world's seed says how much.
func (l *link) scatter(jiffies int32) int32 {
	const part, tenth = 1_000_000, 100_000
	drawn := l.world().derive("router solicitation", l.ns.id, l.index, l.world().clock.elapsed())
	return int32(int64(jiffies) * int64(part-tenth+drawn%(2*tenth+1)) / part)
}

func (l *link) jiffies6(key string) int32 { return int32(l.setting6(key) * jiffiesPerSecond) }

// solicitRouters is net/ipv6/ndisc.c: ndisc_send_rs.
func (l *link) solicitRouters(from netip.Addr) {
	m := append([]byte{ndpRouterSolicitation, 0, 0, 0, 0, 0, 0, 0, ndpSourceMAC, 1}, l.mac[:]...)
	l.sendNDP(multicastMAC(allRouters), ndpPacket(from, allRouters, m))
}

// inputRouterSolicitation learns who asks, where the link is a router's. (net/ipv6/ndisc.c: ndisc_recv_rs.) To answer is for
// programs, such as radvd.
func (l *link) inputRouterSolicitation(p packet) (ok bool) {
	const withoutOptions = 8
	if !isNDP(p, withoutOptions) {
		return false
	}
	if !l.hearsNDP() || l.setting6("forwarding") == 0 || p.src().IsUnspecified() {
		return true
	}
	for o := range ndpOptions(p.payload()[withoutOptions:]) {
		if o[0] == ndpSourceMAC {
			l.confirm(l.neighbourAt(p.src()), mac(o[2:8]), kernel.Stale, true)
		}
	}
	return true
}

// endSearch is the part of addrconf_ifdown.
func (l *link) endSearch() {
	if s := l.ip6.search; s != nil {
		l.world().clock.takeBack(&s.event)
		l.ip6.search = nil
	}
}
