package kerneltest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// advertisementLaws are about what nodes believe who says to be a router of IPv6.
var advertisementLaws = slices.Concat([]Law{
	{"advertisement/believed", "net/ipv6/ndisc.c ndisc_router_discovery, net/ipv6/addrconf.c addrconf_prefix_rcv", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour, Prefix: advertised, Valid: time.Hour})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64", "router fe80::ff:fe00:1 metric 1024"},
			"what was advertised")
		n.advertise(kernel.RouterAdvertisement{})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64"}, "a router that is none any more")
	}},
	{"advertisement/address-outlives", "net/ipv6/addrconf.c addrconf_prefix_rcv_add_addr: MIN_VALID_LIFETIME", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Prefix: advertised, Valid: time.Hour})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64"}, "what was advertised")
		n.advertise(kernel.RouterAdvertisement{Prefix: advertised})
		n.believes([]string{"address " + advertisedOwn}, "a prefix that is valid no longer")
	}},
	{"advertisement/address-expires", "net/ipv6/addrconf.c addrconf_verify_rtnl", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Prefix: advertised, Valid: 2 * time.Second})
		e.ok(e.Sleep(e.ctx, 4*time.Second), "wait")
		equal(e, n.host.addressesOf(n.in, advertised), []string{}, "addresses of a prefix that was valid for two seconds")
	}},
	{"advertisement/address-by-hand", "net/ipv6/addrconf.c addrconf_prefix_rcv_add_addr: ipv6_get_ifaddr", func(e *env) {
		n := e.neighbours()
		n.host.giveAtOnce(n.in, advertisedOwn)
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour, Prefix: advertised, Valid: time.Hour})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64", "router fe80::ff:fe00:1 metric 1024"},
			"what was advertised")
		n.host.take(n.in, advertisedOwn)
		equal(e, n.host.addressesOf(n.in, advertised), []string{}, "addresses, one by hand that was advertised too being taken away")
	}},
	{"advertisement/other-length", "net/ipv6/addrconf.c addrconf_prefix_rcv: prefix_len == 64", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Prefix: netip.MustParsePrefix("2001:db8:1::/56"), Valid: time.Hour})
		n.believes([]string{"route 2001:db8:1::/56"}, "a prefix of 56 bits")
	}},
	{"advertisement/mtu", "net/ipv6/ndisc.c ndisc_router_discovery: IPV6_MIN_MTU, rt6_mtu_change", func(e *env) {
		n := e.neighbours()
		mtu := conf(kernel.IPv6, "in", "mtu")
		for _, not := range []int{1279, 1501} {
			n.advertise(kernel.RouterAdvertisement{Router: time.Hour, MTU: not})
			n.believes([]string{"router fe80::ff:fe00:1 metric 1024"}, "an MTU that the link cannot have")
			equal(e, n.host.sysctl(mtu), "1500", "MTU of IPv6")
		}
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour, MTU: 1400})
		n.believes([]string{"router fe80::ff:fe00:1 metric 1024 mtu 1400"}, "an MTU")
		equal(e, n.host.sysctl(mtu), "1400", "MTU of IPv6")
	}},
	{"advertisement/two-routers", "net/ipv6/route.c rt6_add_dflt_router", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		n.believes([]string{"router fe80::ff:fe00:1 metric 1024"}, "one router")
		n.router.giveAtOnce(n.out, "fe80::2/64")
		n.router.awaitLocal("fe80::2")
		n.router.take(n.out, "fe80::ff:fe00:1/64")
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		n.believes([]string{"router fe80::2 metric 1024", "router fe80::ff:fe00:1 metric 1024"}, "two routers")
	}},
	{"advertisement/forgotten-by-a-router", "net/ipv6/addrconf.c addrconf_fixup_forwarding: rt6_purge_dflt_routers", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour, Prefix: advertised, Valid: time.Hour})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64", "router fe80::ff:fe00:1 metric 1024"},
			"what was advertised")
		n.host.setSysctl(conf(kernel.IPv6, "in", "forwarding"), "1")
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64"}, "routers, by who is one now")
	}},
	{"advertisement/router-by-hand", "net/ipv6/route.c rt6_get_dflt_router, rt6_purge_dflt_routers: RTF_ADDRCONF", func(e *env) {
		n := e.neighbours()
		e.ok(n.host.AddRoute(kernel.Route{
			Dst: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fe80::ff:fe00:1"), Link: n.in, Protocol: kernel.ProtoRA, Metric: 1024,
		}, kernel.Exclusive), "add the route by hand")
		byHand := []string{"router fe80::ff:fe00:1 metric 1024"}
		n.believes(byHand, "a router that a person believes")
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		n.believes(byHand, "the router, which says so")
		n.advertise(kernel.RouterAdvertisement{})
		n.believes(byHand, "the router, which takes it back")
		n.host.setSysctl(conf(kernel.IPv6, "in", "forwarding"), "1")
		n.believes(byHand, "the router, by who is one now")
	}},
	{"advertisement/multicast-prefix", "net/ipv6/addrconf.c addrconf_prefix_rcv: IPV6_ADDR_MULTICAST", func(e *env) {
		n := e.neighbours()
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour, Prefix: netip.MustParsePrefix("ff05::/64"), Valid: time.Hour})
		n.believes([]string{"router fe80::ff:fe00:1 metric 1024"}, "what was advertised with a prefix of groups")
	}},
	{"advertisement/gone-with-up", "net/ipv6/addrconf.c addrconf_ifdown: IFA_F_PERMANENT", func(e *env) {
		n := e.neighbours()
		n.host.setSysctl(conf(kernel.IPv6, "in", "keep_addr_on_down"), "1")
		n.advertise(kernel.RouterAdvertisement{Prefix: advertised, Valid: time.Hour})
		n.believes([]string{"address " + advertisedOwn, "route 2001:db8:1::/64"}, "what was advertised")
		n.host.down(n.in)
		n.believes([]string{}, "what was advertised on a link that is down")
	}},
	{"advertisement/through-bridge", "net/bridge/br_input.c br_handle_frame_finish: br_pass_frame_up", func(e *env) {
		router, host := e.netns("r"), e.netns("h")
		br := host.bridge("in")
		host.setMAC(br, ownMAC)
		port, out := host.vethTo(router, "port", "out")
		router.setMAC(out, routerMAC)
		host.enslave(port, br)
		n := e.ready(neighbours{e, router, host, out, br}, port)
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		n.believes([]string{"router fe80::ff:fe00:1 metric 1024"}, "a router behind a port of the bridge")
	}},
	{"advertisement/refused", "net/ipv6/ipv6_sockglue.c IPV6_MULTICAST_IF; net/ipv6/ip6_output.c ip6_dst_lookup_tail", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv6, "v", "addr_gen_mode"), "1")
		ns.up(v, w)
		e.refused(ns.Advertise(kernel.RouterAdvertisement{Link: absent}), kernel.ENODEV, "advertise on a link that is not there")
		e.refused(ns.Advertise(kernel.RouterAdvertisement{Link: v, Router: -1}), kernel.EINVAL, "advertise for less than no time")
		e.refused(ns.Advertise(kernel.RouterAdvertisement{Link: v, Router: kernel.MaxRouterLifetime + time.Second}), kernel.EINVAL,
			"advertise for longer than there is room")
		e.refused(ns.Advertise(kernel.RouterAdvertisement{Link: v, Prefix: netip.MustParsePrefix("10.0.0.0/8")}), kernel.EINVAL,
			"advertise a prefix of IPv4")
	}},
}, unbelieved())

const (
	routerMAC     = "02:00:00:00:00:01"
	ownMAC        = "02:00:00:00:00:02"
	advertisedOwn = "2001:db8:1::ff:fe00:2/64" // of who has ownMAC
)

var advertised = netip.MustParsePrefix("2001:db8:1::/64")

// unbelieved has a law for each switch by which a node does not believe something.
func unbelieved() (laws []Law) {
	const address, subnet, router = "address " + advertisedOwn, "route 2001:db8:1::/64", "router fe80::ff:fe00:1 metric 1024"
	for _, c := range []struct {
		name, source string
		switches     []string // KEY=VALUE
		believed     []string
	}{
		{"off", "include/net/ipv6.h ipv6_accept_ra", []string{"accept_ra=0"}, []string{}},
		{"by-router", "include/net/ipv6.h ipv6_accept_ra", []string{"forwarding=1"}, []string{}},
		{
			"by-router-all-the-same", "include/net/ipv6.h ipv6_accept_ra",
			[]string{"forwarding=1", "accept_ra=2"},
			[]string{address, subnet, router},
		},
		{
			"no-router", "net/ipv6/ndisc.c ndisc_router_discovery: accept_ra_defrtr",
			[]string{"accept_ra_defrtr=0"},
			[]string{address, subnet},
		},
		{
			"no-prefix", "net/ipv6/ndisc.c ndisc_router_discovery: accept_ra_pinfo",
			[]string{"accept_ra_pinfo=0"},
			[]string{router},
		},
		{"no-address", "net/ipv6/addrconf.c addrconf_prefix_rcv: autoconf", []string{"autoconf=0"}, []string{subnet, router}},
	} {
		laws = append(laws, Law{"advertisement/switch/" + c.name, c.source, func(e *env) {
			n := e.neighbours()
			for _, setting := range c.switches {
				key, value, _ := strings.Cut(setting, "=")
				n.host.setSysctl(conf(kernel.IPv6, "in", key), value)
			}
			n.advertise(kernel.RouterAdvertisement{Router: time.Hour, Prefix: advertised, Valid: time.Hour})
			e.ok(e.Sleep(e.ctx, 100*time.Millisecond), "wait for what is on its way")
			n.believes(c.believed, "what was advertised, with %v", c.switches)
		}})
	}
	return laws
}

// neighbours are who says to be a router, and a host on the same link.
type neighbours struct {
	e            *env
	router, host *netns
	out, in      int // their links
}

func (e *env) neighbours() neighbours {
	router, host := e.netns("r"), e.netns("h")
	out, in := router.vethTo(host, "out", "in")
	router.setMAC(out, routerMAC)
	host.setMAC(in, ownMAC)
	return e.ready(neighbours{e, router, host, out, in})
}

// ready sets the links up, without duplicate address detection, and ports besides.
func (e *env) ready(n neighbours, ports ...int) neighbours {
	n.router.setSysctl(conf(kernel.IPv6, "out", "accept_dad"), "0")
	n.host.setSysctl(conf(kernel.IPv6, "in", "accept_dad"), "0")
	n.router.up(n.out)
	n.host.up(append(ports, n.in)...)
	n.router.awaitLocal("fe80::ff:fe00:1")
	n.host.awaitLocal("fe80::ff:fe00:2")
	return n
}

func (n neighbours) advertise(a kernel.RouterAdvertisement) {
	a.Link = n.out
	n.e.ok(n.router.Advertise(a), "advertise %s", a)
}

// believes waits until the host has of routers what it should.
func (n neighbours) believes(want []string, what string, args ...any) {
	eventually(n.e, n.believed, want, what, args...)
}

// believed are the addresses and routes that the host has made of advertisements.
func (n neighbours) believed() []string {
	list := []string{}
	for _, a := range n.host.addresses(n.in, kernel.IPv6) {
		if a.Scope == kernel.ScopeGlobal {
			list = append(list, "address "+a.Prefix.String())
		}
	}
	routes, err := n.host.Routes(kernel.IPv6)
	n.e.ok(err, "list the IPv6 routes")
	for _, r := range routes {
		switch {
		case r.Protocol == kernel.ProtoRA:
			line := fmt.Sprintf("router %s metric %d", r.Gateway, r.Metric)
			if r.MTU != 0 {
				line += fmt.Sprintf(" mtu %d", r.MTU)
			}
			list = append(list, line)
		case r.Table == kernel.TableMain && r.Dst.Addr().IsGlobalUnicast():
			list = append(list, "route "+r.Dst.String())
		}
	}
	slices.Sort(list)
	return list
}

// addressesOf are the addresses of a link out of a prefix.
func (n *netns) addressesOf(link int, prefix netip.Prefix) []string {
	list := []string{}
	for _, a := range n.addresses(link, kernel.IPv6) {
		if prefix.Contains(a.Prefix.Addr()) {
			list = append(list, a.Prefix.String())
		}
	}
	return list
}
