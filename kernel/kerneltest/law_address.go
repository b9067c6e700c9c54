package kerneltest

import (
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// addressLaws are about addresses that are given and taken.
var addressLaws = []Law{
	{"address/v4/given", "net/ipv4/devinet.c inet_fill_ifaddr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		a := on(v, "10.0.0.1/24")
		a.Broadcast = netip.MustParseAddr("10.0.0.255")
		e.ok(ns.AddAddress(a), "add an address with a broadcast address")
		equal(e, ns.addresses(v, kernel.IPv4), []kernel.Address{a}, "addresses of the link")
	}},
	{"address/v4/no-broadcast-unless-given", "net/ipv4/devinet.c inet_rtm_newaddr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		equal(e, ns.addresses(v, kernel.IPv4), []kernel.Address{on(v, "10.0.0.1/24")}, "addresses of the link")
	}},
	{"address/v4/scope-given", "net/ipv4/devinet.c inet_rtm_newaddr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		a := on(v, "169.254.0.1/16")
		a.Scope = kernel.ScopeLink
		e.ok(ns.AddAddress(a), "add an address of scope link")
		equal(e, ns.address(v, "169.254.0.1/16").Scope, kernel.ScopeLink, "its scope")
	}},
	{"address/v4/twice", "net/ipv4/devinet.c inet_rtm_newaddr: find_matching_ifa", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		e.refused(ns.AddAddress(on(v, "10.0.0.1/24")), kernel.EEXIST, "add an address again")
	}},
	{"address/v4/other-prefix-length", "net/ipv4/devinet.c find_matching_ifa: the mask counts", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		e.ok(ns.AddAddress(on(v, "10.0.0.1/16")), "add an address again with another prefix length")
	}},
	{"address/v4/on-two-links", "net/ipv4/devinet.c __inet_insert_ifa", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		e.ok(ns.AddAddress(on(w, "10.0.0.1/24")), "add the address that one link has to another")
	}},
	{"address/v4/link-absent", "net/ipv4/devinet.c inet_validate_rtm, inet_rtm_deladdr", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddAddress(on(absent, "10.0.0.1/24")), kernel.ENODEV, "add an address to a link that is not there")
		e.refused(ns.DeleteAddress(on(absent, "10.0.0.1/24")), kernel.ENODEV,
			"delete one from a link that is not there")
	}},
	{"address/v4/none", "net/ipv4/devinet.c inet_rtm_newaddr, rtm_to_ifaddr", func(e *env) {
		ns := e.netns("a")
		e.mayBeRefused(ns.AddAddress(on(absent, "0.0.0.0/0")), kernel.ENODEV, "add no address to a link that is not there")
	}},
	{"address/v4/deleted", "net/ipv4/devinet.c inet_rtm_deladdr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		ns.take(v, "10.0.0.1/24")
		equal(e, ns.prefixes(v, kernel.IPv4), []string{}, "addresses after the only one was deleted")
	}},
	{"address/v4/delete-absent", "net/ipv4/devinet.c inet_rtm_deladdr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		e.refused(ns.DeleteAddress(on(v, "10.0.0.2/24")), kernel.EADDRNOTAVAIL,
			"delete an address that the link has not")
		e.refused(ns.DeleteAddress(on(v, "10.0.0.1/25")), kernel.EADDRNOTAVAIL, "delete one with another prefix length")
	}},
	{"address/v4/secondary", "net/ipv4/devinet.c __inet_insert_ifa: IFA_F_SECONDARY", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		for _, step := range []struct {
			address   string
			secondary bool
		}{
			{"10.0.0.1/24", false}, {"10.0.0.2/24", true}, {"10.0.0.3/25", false}, {"10.0.1.1/24", false},
		} {
			ns.give(v, step.address)
			equal(e, ns.address(v, step.address).Secondary, step.secondary, "flag secondary of %s", step.address)
		}
	}},
	{"address/v4/secondaries-go-with-primary", "net/ipv4/devinet.c __inet_del_ifa", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv4, "v", "promote_secondaries"), "0")
		ns.give(v, "10.0.0.1/24")
		ns.give(v, "10.0.0.2/24")
		ns.give(v, "10.1.0.1/24")
		ns.take(v, "10.0.0.1/24")
		equal(e, ns.prefixes(v, kernel.IPv4), []string{"10.1.0.1/24"}, "addresses after a primary was deleted")
	}},
	{"address/v4/secondary-promoted", "net/ipv4/devinet.c __inet_del_ifa: promote_secondaries", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv4, "v", "promote_secondaries"), "1")
		ns.give(v, "10.0.0.1/24")
		ns.give(v, "10.0.0.2/24")
		ns.take(v, "10.0.0.1/24")
		equal(e, ns.addresses(v, kernel.IPv4), []kernel.Address{on(v, "10.0.0.2/24")},
			"addresses after the primary was deleted")
	}},
	{"address/v4/order", "net/ipv4/devinet.c __inet_insert_ifa: primaries first", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		for _, a := range []string{"10.0.0.1/24", "10.0.0.2/24", "10.1.0.1/24"} {
			ns.give(v, a)
		}
		equal(e, ns.prefixes(v, kernel.IPv4), []string{"10.0.0.1/24", "10.1.0.1/24", "10.0.0.2/24"},
			"addresses in order")
	}},
	{"address/v6/twice", "net/ipv6/addrconf.c ipv6_add_addr: ipv6_chk_same_addr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.giveAtOnce(v, "fd00::1/64")
		e.refused(ns.AddAddress(on(v, "fd00::1/64")), kernel.EEXIST, "add an address again")
	}},
	{
		"address/v6/other-prefix-length",
		"net/ipv6/addrconf.c ipv6_chk_same_addr: the length does not count", func(e *env) {
			ns := e.netns("a")
			v, _ := ns.veth("v", "w")
			ns.giveAtOnce(v, "fd00::1/64")
			e.refused(ns.AddAddress(on(v, "fd00::1/80")), kernel.EEXIST, "add it again with another prefix length")
		},
	},
	{"address/v6/on-two-links", "net/ipv6/addrconf.c ipv6_chk_same_addr: the link counts", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.giveAtOnce(v, "fd00::1/64")
		e.ok(ns.AddAddress(on(w, "fd00::1/64")), "add the address that one link has to another")
	}},
	{"address/v6/link-absent", "net/ipv6/addrconf.c inet6_rtm_newaddr, inet6_addr_del", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddAddress(on(absent, "fd00::1/64")), kernel.ENODEV, "add an address to a link that is not there")
		e.refused(ns.DeleteAddress(on(absent, "fd00::1/64")), kernel.ENODEV, "delete one from a link that is not there")
	}},
	{"address/v6/deleted", "net/ipv6/addrconf.c inet6_addr_del", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.giveAtOnce(v, "fd00::1/64")
		ns.take(v, "fd00::1/64")
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "addresses after the only one was deleted")
	}},
	{"address/v6/delete-absent", "net/ipv6/addrconf.c inet6_addr_del", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.giveAtOnce(v, "fd00::1/64")
		e.refused(ns.DeleteAddress(on(v, "fd00::2/64")), kernel.EADDRNOTAVAIL,
			"delete an address that the link has not")
		e.refused(ns.DeleteAddress(on(v, "fd00::1/80")), kernel.EADDRNOTAVAIL, "delete one with another prefix length")
	}},
	{"address/v6/invalid", "net/ipv6/addrconf.c inet6_addr_add, ipv6_add_addr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		e.refused(ns.AddAddress(on(v, "ff02::5/64")), kernel.EADDRNOTAVAIL, "add a multicast address")
		e.refused(ns.AddAddress(on(v, "::/64")), kernel.EADDRNOTAVAIL, "add the unspecified address")
		e.refused(ns.AddAddress(on(v, "::1/128")), kernel.EADDRNOTAVAIL, "add the loopback address to a veth")
	}},
	{"address/v6/disabled", "net/ipv6/addrconf.c addrconf_add_dev: disable_ipv6", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv6, "v", "disable_ipv6"), "1")
		e.refused(ns.AddAddress(on(v, "fd00::1/64")), kernel.EACCES, "add an address where IPv6 is disabled")
	}},
	{"address/v6/order", "net/ipv6/addrconf.c ipv6_link_dev_addr: the newest first, wider scopes first", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		for _, a := range []string{"fd00::1/64", "fe80::5/64", "fd00::2/64"} {
			ns.giveAtOnce(v, a)
		}
		equal(e, ns.prefixes(v, kernel.IPv6), []string{"fd00::2/64", "fd00::1/64", "fe80::5/64"}, "addresses in order")
	}},
	{"address/list/by-link-and-family", "net/core/rtnetlink.c rtnl_dump_all; the contract's order", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.giveAtOnce(w, "fd00::1/64")
		ns.giveAtOnce(v, "fd00::2/64")
		ns.give(w, "10.0.0.1/24")
		ns.give(v, "10.0.0.2/24")
		all, err := ns.Addresses(0)
		e.ok(err, "list the addresses of all links")
		got := []string{}
		for _, a := range all {
			got = append(got, ns.at(a.Link).Name+" "+a.Prefix.String())
		}
		equal(e, got, []string{"w 10.0.0.1/24", "w fd00::1/64", "v 10.0.0.2/24", "v fd00::2/64"},
			"addresses of all links")
	}},
	{"address/list/link-absent", "the contract: a link that is not there has no addresses", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		list, err := ns.Addresses(absent)
		e.ok(err, "list the addresses of a link that is not there")
		equal(e, len(list), 0, "number of them")
	}},
}

// autoAddressLaws are about addresses that Linux gives, checks and takes away by itself.
var autoAddressLaws = []Law{
	{"address/auto/loopback", "net/ipv4/devinet.c inetdev_event, net/ipv6/addrconf.c init_loopback", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.up(lo)
		v4, v6 := on(lo, "127.0.0.1/8"), on(lo, "::1/128")
		v4.Scope, v6.Scope = kernel.ScopeHost, kernel.ScopeHost
		equal(e, ns.addresses(lo, kernel.IPv4), []kernel.Address{v4}, "IPv4 addresses of lo that was set up")
		got := ns.addresses(lo, kernel.IPv6)
		for i := range got {
			got[i].NoDAD = false // the kernel need not say how it gave the address
		}
		equal(e, got, []kernel.Address{v6}, "IPv6 addresses of lo that was set up")
	}},
	{"address/auto/link-local", "net/ipv6/addrconf.c addrconf_dev_config: EUI-64", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.setMAC(v, "02:00:5e:10:20:30")
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a veth that is down")
		ns.up(v, w)
		eventually(e, func() []string { return ns.prefixes(v, kernel.IPv6) }, []string{"fe80::5eff:fe10:2030/64"},
			"IPv6 addresses of a veth with carrier")
		equal(e, ns.address(v, "fe80::5eff:fe10:2030/64").Scope, kernel.ScopeLink, "scope of the link-local address")
	}},
	{"address/auto/link-local-needs-carrier", "net/ipv6/addrconf.c addrconf_notify: addrconf_link_ready", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.oper(v, kernel.OperLowerLayerDown, "veth that is up, its peer down")
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a veth without carrier")
	}},
	{"address/auto/no-link-local-where-disabled", "net/ipv6/addrconf.c addrconf_notify: disable_ipv6", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv6, "v", "disable_ipv6"), "1")
		ns.up(v, w)
		ns.oper(v, kernel.OperUp, "veth, both ends up")
		ns.linkLocal(w)
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a veth with IPv6 disabled")
	}},
	{"address/auto/link-local-goes-with-up", "net/ipv6/addrconf.c addrconf_ifdown", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		ns.linkLocal(v)
		ns.down(v)
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a veth that was set down")
	}},
	{"address/auto/disabling-takes-them-away", "net/ipv6/addrconf.c dev_disable_change", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.giveAtOnce(v, "fd00::1/64")
		ns.setSysctl(conf(kernel.IPv6, "v", "disable_ipv6"), "1")
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses after IPv6 was disabled")
	}},
	{"address/v4/survives-down", "net/ipv4/fib_frontend.c fib_disable_ip", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		ns.down(v)
		equal(e, ns.prefixes(v, kernel.IPv4), []string{"10.0.0.1/24"}, "IPv4 addresses of a veth that was set down")
	}},
	{"address/v6/lost-with-down", "net/ipv6/addrconf.c addrconf_ifdown: keep_addr_on_down is 0", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.giveAtOnce(v, "fd00::1/64")
		ns.down(v)
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a veth that was set down")
	}},
	{"address/dad/tentative-first", "net/ipv6/addrconf.c addrconf_dad_begin", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		ns.give(v, "fd00::1/64")
		equal(e, ns.address(v, "fd00::1/64").Tentative, true, "flag tentative of an address just given")
	}},
	{"address/dad/ends", "net/ipv6/addrconf.c addrconf_dad_completed", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		start := e.Now()
		ns.give(v, "fd00::1/64")
		eventually(e, func() bool { return ns.address(v, "fd00::1/64").Tentative }, false, "flag tentative")
		if took := e.Now().Sub(start); took < dadTime/2 || took > 4*dadTime {
			e.breach("time that duplicate address detection takes: want about %s, got %s", dadTime, took)
		}
	}},
	{"address/dad/waits-for-carrier", "net/ipv6/addrconf.c addrconf_dad_begin: IF_READY", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "fd00::1/64")
		e.ok(e.Sleep(e.ctx, 3*dadTime), "sleep")
		equal(e, ns.address(v, "fd00::1/64").Tentative, true, "flag tentative of an address on a veth without carrier")
		ns.up(w)
		eventually(e, func() bool { return ns.address(v, "fd00::1/64").Tentative }, false,
			"flag tentative with carrier")
	}},
	{"address/dad/switched-off", "net/ipv6/addrconf.c addrconf_dad_begin: accept_dad < 1", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv6, "v", "accept_dad"), "0")
		ns.up(v, w)
		ns.oper(v, kernel.OperUp, "veth, both ends up")
		start := e.Now()
		ns.give(v, "fd00::1/64")
		eventually(e, func() bool { return ns.address(v, "fd00::1/64").Tentative }, false, "flag tentative")
		if took := e.Now().Sub(start); took > dadTime/2 { // addrconf_dad_work is not at once, but needs no probe
			e.breach("time until an address given with accept_dad 0 is usable: want next to none, got %s", took)
		}
	}},
	{"address/dad/switched-off-for-the-address", "net/ipv6/addrconf.c addrconf_dad_begin: IFA_F_NODAD", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		ns.giveAtOnce(v, "fd00::1/64")
		got := ns.address(v, "fd00::1/64")
		equal(e, []bool{got.NoDAD, got.Tentative}, []bool{true, false}, "flags nodad and tentative")
	}},
	{"address/dad/own-solicitation-back", "net/ipv6/ndisc.c ndisc_recv_ns: dad_nonce, RFC 7527", func(e *env) {
		node, pod := e.netns("node"), e.netns("pod")
		br := node.bridge("br")
		v, eth0 := node.vethTo(pod, "v", "eth0")
		node.enslave(v, br)
		node.setPort(v, hairpin(true))
		node.up(br, v)
		pod.up(eth0)
		pod.oper(eth0, kernel.OperUp, "veth, both ends up")
		node.oper(br, kernel.OperUp, "bridge with a running port")
		pod.give(eth0, "fd00::1/64")
		checked := func(address string) func() [2]bool {
			return func() [2]bool { a := pod.address(eth0, address); return [2]bool{a.Tentative, a.DADFailed} }
		}
		eventually(e, checked("fd00::1/64"), [2]bool{false, false}, "flags tentative and dadfailed")
		for _, which := range []string{"all", "eth0"} {
			pod.setSysctl(conf(kernel.IPv6, which, "enhanced_dad"), "0")
		}
		pod.give(eth0, "fd00::2/64")
		eventually(e, checked("fd00::2/64"), [2]bool{true, true}, "flags tentative and dadfailed without nonces")
	}},
	{"address/dad/fails", "net/ipv6/addrconf.c addrconf_dad_failure", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		v, w := a.vethTo(b, "v", "w")
		a.up(v)
		b.up(w)
		a.giveAtOnce(v, "fd00::1/64")
		b.give(w, "fd00::1/64")
		eventually(e, func() bool { return b.address(w, "fd00::1/64").DADFailed }, true,
			"flag dadfailed of an address that the other end of the veth has")
	}},
}

// linkLocal waits until a link has a link-local address.
func (n *netns) linkLocal(link int) {
	eventually(n.e, func() int { return len(n.prefixes(link, kernel.IPv6)) }, 1,
		"number of IPv6 addresses of link %d", link)
}

// dadTime is what duplicate address detection takes where the sysctls have their defaults: one probe and one
// RETRANS_TIMER, after a random delay of up to MAX_RTR_SOLICITATION_DELAY for the first address of a link.
const dadTime = time.Second
