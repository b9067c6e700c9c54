package kerneltest

import (
	"fmt"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// solicitationLaws are about how a host asks for routers of IPv6. What asks is seen by what a router learns of who does: it
// has an entry for him, which is taken away to see whether he asks again.
var solicitationLaws = []Law{
	{"solicitation/asks", "net/ipv6/addrconf.c addrconf_dad_completed; net/ipv6/ndisc.c ndisc_recv_rs", func(e *env) {
		e.asking().asked("a host with a link-local address")
	}},
	{"solicitation/behind-detection", "net/ipv6/addrconf.c addrconf_dad_completed", func(e *env) {
		n := e.asking("accept_dad=1", "dad_transmits=3")
		n.silent(500*time.Millisecond, "while it looks for duplicates")
		n.asked("a host with an address that is nobody else's")
	}},
	{"solicitation/again", "net/ipv6/addrconf.c addrconf_rs_timer, rfc3315_s14_backoff_update", func(e *env) {
		n := e.asking("router_solicitation_interval=1")
		n.asked("a host with a link-local address")
		n.silent(500*time.Millisecond, "within the interval")
		n.asked("once nobody has answered for a second")
		n.silent(1500*time.Millisecond, "within twice the interval")
		n.asked("once nobody has answered for two more")
	}},
	{"solicitation/at-most", "net/ipv6/addrconf.c addrconf_rs_timer: rtr_solicits", func(e *env) {
		n := e.asking("router_solicitation_interval=1", "router_solicitations=2")
		n.asked("for the first time")
		n.asked("for the second time")
		n.silent(3*time.Second, "after it has asked twice")
	}},
	{"solicitation/longest-interval", "net/ipv6/addrconf.c rfc3315_s14_backoff_update: rtr_solicit_max_interval", func(e *env) {
		n := e.asking("router_solicitation_interval=1", "router_solicitation_max_interval=1")
		n.asked("for the first time")
		start := e.Now()
		for range 3 {
			n.asked("once more")
		}
		equal(e, e.Now().Sub(start) < 5*time.Second, true, "three times in less than five seconds: the interval does not grow")
	}},
	{"solicitation/answered", "net/ipv6/ndisc.c ndisc_router_discovery: IF_RA_RCVD", func(e *env) {
		n := e.asking("router_solicitation_interval=1")
		n.asked("a host with a link-local address")
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		n.silent(1500*time.Millisecond, "that has heard of a router")
		n.host.down(n.in)
		n.host.up(n.in)
		n.asked("that is up anew, and knows nobody")
	}},
	{"solicitation/told-unasked", "net/ipv6/ndisc.c ndisc_router_discovery: accept_ra, before IF_RA_RCVD", func(e *env) {
		n := e.asking("router_solicitation_interval=1")
		n.asked("a host with a link-local address")
		n.host.setSysctl(conf(kernel.IPv6, "in", "accept_ra"), "0")
		n.advertise(kernel.RouterAdvertisement{Router: time.Hour})
		e.ok(e.Sleep(e.ctx, 100*time.Millisecond), "wait for what is on its way")
		n.host.setSysctl(conf(kernel.IPv6, "in", "accept_ra"), "1")
		n.asked("that did not listen when a router spoke")
	}},
	{"solicitation/another-address", "net/ipv6/addrconf.c ipv6_lonely_lladdr", func(e *env) {
		n := e.asking()
		n.asked("a host with a link-local address")
		n.host.giveAtOnce(n.in, "fe80::9/64")
		n.host.awaitLocal("fe80::9")
		n.silent(500*time.Millisecond, "that has got another link-local address")
	}},
	{"solicitation/first-by-hand", "net/ipv6/addrconf.c addrconf_dad_completed: IFA_LINK", func(e *env) {
		n := e.asking("addr_gen_mode=1")
		n.router.awaitLocal("fe80::ff:fe00:1")
		n.host.giveAtOnce(n.in, "2001:db8::9/64")
		n.host.awaitLocal("2001:db8::9")
		n.silent(300*time.Millisecond, "without a link-local address")
		n.host.giveAtOnce(n.in, "fe80::ff:fe00:2/64")
		n.asked("that has got one by hand")
	}},
	{"solicitation/heard-by-routers", "net/ipv6/ndisc.c ndisc_recv_rs: forwarding", func(e *env) {
		n := e.asking("router_solicitation_interval=1")
		n.asked("a host with a link-local address")
		n.router.setSysctl(conf(kernel.IPv6, "out", "forwarding"), "0")
		n.silent(1500*time.Millisecond, "whom nobody hears who is a router")
	}},
	{"solicitation/switch/off", "net/ipv6/addrconf.c addrconf_dad_completed: rtr_solicits", func(e *env) {
		e.asking("router_solicitations=0").silent(500*time.Millisecond, "with router_solicitations=0")
	}},
	{"solicitation/switch/unbelieving", "net/ipv6/addrconf.c addrconf_dad_completed: ipv6_accept_ra", func(e *env) {
		e.asking("accept_ra=0").silent(500*time.Millisecond, "with accept_ra=0")
	}},
	{"solicitation/switch/by-router", "include/net/ipv6.h ipv6_accept_ra", func(e *env) {
		e.asking("forwarding=1").silent(500*time.Millisecond, "that forwards")
	}},
	{"solicitation/switch/by-router-all-the-same", "include/net/ipv6.h ipv6_accept_ra", func(e *env) {
		e.asking("forwarding=1", "accept_ra=2").asked("a router that believes others")
	}},
	{"solicitation/switch/believes-no-longer", "net/ipv6/addrconf.c addrconf_rs_timer: ipv6_accept_ra", func(e *env) {
		n := e.asking("router_solicitation_interval=1")
		n.asked("a host with a link-local address")
		n.host.setSysctl(conf(kernel.IPv6, "in", "accept_ra"), "0")
		n.silent(1500*time.Millisecond, "that believes nobody any more")
	}},
	{"solicitation/defaults", "net/ipv6/addrconf.c ipv6_devconf: RTR_SOLICITATION_INTERVAL, RFC 7559", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		for key, want := range map[string]string{
			"router_solicitations": "-1", "router_solicitation_delay": "1", "router_solicitation_interval": "4",
			"router_solicitation_max_interval": "3600",
		} {
			equal(e, ns.sysctl(conf(kernel.IPv6, "v", key)), want, "value of %s", key)
		}
	}},
	{"solicitation/out-of-range", "net/ipv6/addrconf.c addrconf_sysctl; kernel/sysctl.c do_proc_dointvec_jiffies_conv", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		e.refused(ns.SetSysctl(conf(kernel.IPv6, "v", "router_solicitations"), "-2"), kernel.EINVAL, "set router_solicitations to -2")
		e.ok(ns.SetSysctl(conf(kernel.IPv6, "v", "router_solicitations"), "-1"), "set it to -1")
		for _, key := range []string{"router_solicitation_delay", "router_solicitation_interval", "router_solicitation_max_interval"} {
			for _, value := range []string{"2147483647", "-2147483648"} { // more than there are jiffies
				e.refused(ns.SetSysctl(conf(kernel.IPv6, "v", key), value), kernel.EINVAL, "set %s to %s", key, value)
			}
			e.ok(ns.SetSysctl(conf(kernel.IPv6, "v", key), "2147483"), "set %s to 2147483", key)
		}
	}},
}

// asking are neighbours of which the router forwards, and the host has settings of IPv6, KEY=VALUE, since before it was up.
func (e *env) asking(settings ...string) neighbours {
	router, host := e.netns("r"), e.netns("h")
	out, in := router.vethTo(host, "out", "in")
	router.setMAC(out, routerMAC)
	host.setMAC(in, ownMAC)
	router.setSysctl(conf(kernel.IPv6, "out", "accept_dad"), "0")
	router.setSysctl(conf(kernel.IPv6, "out", "forwarding"), "1")
	host.setSysctl(conf(kernel.IPv6, "in", "accept_dad"), "0")
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		host.setSysctl(conf(kernel.IPv6, "in", key), value)
	}
	router.up(out)
	host.up(in)
	return neighbours{e, router, host, out, in}
}

// heard are whom the router knows.
func (n neighbours) heard() []string {
	all, err := n.router.Neighbours(n.out)
	n.e.ok(err, "list the neighbours of the router")
	list := []string{}
	for _, entry := range all {
		list = append(list, fmt.Sprint(entry.IP, " ", entry.MAC, " ", entry.State))
	}
	return list
}

// asked waits until the router has heard of the host, and has it forget him.
func (n neighbours) asked(who string) {
	const host = "fe80::ff:fe00:2"
	eventually(n.e, n.heard, []string{host + " " + ownMAC + " STALE"}, "whom the router has heard of: %s", who)
	n.e.ok(n.router.DeleteNeighbour(neighbour(n.out, host)), "forget who has asked")
}

// silent sees to it that the host asks for no router for a time.
func (n neighbours) silent(time time.Duration, who string) {
	n.e.ok(n.e.Sleep(n.e.ctx, time), "wait")
	equal(n.e, n.heard(), []string{}, "whom the router has heard of: a host %s", who)
}
