package kerneltest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// limitLaws are about how many ICMP errors a receiver gets. That they are asked for in a row means: in less time than it takes
// until he may get one more.
var limitLaws = []Law{
	{"limit/defaults", "net/ipv4/icmp.c icmp_sk_init", func(e *env) {
		ns := e.netns("a")
		equal(e, ns.sysctl("net/ipv4/icmp_ratelimit"), "1000", "icmp_ratelimit")
		equal(e, ns.sysctl("net/ipv4/icmp_ratemask"), "6168", "icmp_ratemask: kinds 3, 4, 11, 12")
	}},
	{"limit/six-in-a-row", "net/ipv4/inetpeer.c inet_peer_xrlim_allow: XRLIM_BURST_FACTOR", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", rare)
		a.isTold(6, "10.0.0.1", "10.0.0.2", "of a port where nobody listens")
	}},
	{"limit/per-receiver", "net/ipv4/icmp.c icmpv4_xrlim_allow: inet_getpeer_v4", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", rare)
		a.give(a.link("v").Index, "10.0.0.3/24")
		a.isTold(6, "10.0.0.1", "10.0.0.2", "of a port where nobody listens")
		a.isTold(6, "10.0.0.3", "10.0.0.2", "while another one is told no more")
	}},
	{"limit/one-more-later", "net/ipv4/inetpeer.c inet_peer_xrlim_allow: rate_tokens", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", "2000")
		a.isTold(6, "10.0.0.1", "10.0.0.2", "of a port where nobody listens")
		e.ok(e.Sleep(e.ctx, 2*time.Second), "wait until there may be one more")
		a.isTold(1, "10.0.0.1", "10.0.0.2", "after some time")
	}},
	{"limit/a-minute's-worth", "net/ipv4/inetpeer.c inet_getpeer: rate_last", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", "20000")
		a.isTold(3, "10.0.0.1", "10.0.0.2", "by who was silent for as long as anybody remembers")
	}},
	{"limit/off", "net/ipv4/icmp.c: sysctl_icmp_ratelimit", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", "0")
		a.isToldAll("10.0.0.1", "10.0.0.2", "where nothing is limited")
	}},
	{"limit/other-kinds", "net/ipv4/icmp.c icmpv4_mask_allow", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", rare)
		b.setSysctl("net/ipv4/icmp_ratemask", "6160")
		a.isToldAll("10.0.0.1", "10.0.0.2", "where this kind is not limited")
	}},
	{"limit/oneself", "net/ipv4/icmp.c icmpv4_xrlim_allow: IFF_LOOPBACK", func(e *env) {
		a, _ := e.cable()
		a.setSysctl("net/ipv4/icmp_ratelimit", rare)
		a.isToldAll("10.0.0.1", "10.0.0.1", "by oneself")
	}},
	{"limit/echoes", "net/ipv4/icmp.c icmp_reply: ICMP_ECHOREPLY is none of the kinds", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", rare)
		for range inARow {
			e.ok(a.ping("10.0.0.2"), "ping again")
		}
	}},
	{"limit/resets", "net/ipv4/tcp_ipv4.c tcp_v4_send_reset: no ICMP", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_ratelimit", rare)
		for range inARow {
			_, err := a.call(kernel.TCP, "10.0.0.2:80")
			e.refused(err, kernel.ECONNREFUSED, "call where nobody listens")
		}
	}},
	{"limit/no-way-costs-twice", "net/ipv4/route.c ip_error: ip_rt_error_burst", func(e *env) {
		node, a, _ := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "1")
		a.isTold(2, "10.1.0.2", "10.9.0.1", "by a router that has no way")
	}},
	// That ip_error has just left something to the receiver counts where the limit is 0 as long as no time goes by, on 6.18;
	// on 6.1 each error that is sent takes all.
	{"limit/no-way-while-off", "net/ipv4/inetpeer.c inet_peer_xrlim_allow: rate_tokens", func(e *env) {
		node, a, _ := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "1")
		node.setSysctl("net/ipv4/icmp_ratelimit", "0")
		told := 0
		for range inARow {
			c := call(kernel.UDP, "10.9.0.1:80")
			c.Timeout = 50 * time.Millisecond
			if _, err := a.Call(e.ctx, c); kernel.ErrnoOf(err) == kernel.ENETUNREACH {
				told++
			}
		}
		equal(e, told == 1 || told == 5, true, "whether a router without a way says so once or five times, not %d times", told)
	}},
	{"limit/expired", "net/ipv4/ip_forward.c ip_forward: ICMP_TIME_EXCEEDED by icmp_send", func(e *env) {
		node, a, _ := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "1")
		node.setSysctl("net/ipv4/icmp_ratelimit", rare)
		ping := kernel.Ping{To: netip.MustParseAddr("10.2.0.2"), TTL: 1, Timeout: 400 * time.Millisecond}
		for i := range 6 {
			_, err := a.Ping(e.ctx, ping)
			e.refused(err, kernel.EHOSTUNREACH, "ping %d with a TTL of 1", i+1)
		}
		_, err := a.Ping(e.ctx, ping)
		e.refused(err, kernel.ETIMEDOUT, "ping 7 with a TTL of 1")
	}},
	{"limit/ipv6", "net/ipv6/icmp.c icmpv6_xrlim_allow", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv6/icmp/ratelimit", rare)
		a.isTold(6, "fd00::1", "fd00::2", "by IPv6")
	}},
	{"limit/ipv6-off", "net/ipv6/icmp.c: icmpv6_time", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv6/icmp/ratelimit", "0")
		a.isToldAll("fd00::1", "fd00::2", "by IPv6, where nothing is limited")
	}},
}

const (
	rare   = "10000" // milliseconds: longer than it takes to ask for all
	inARow = 8
)

// isTold demands that of so many errors in a row, all get through, and the next one does not.
func (n *netns) isTold(times int, from, to, what string) {
	for i := range times {
		n.e.isError(n.callFrom(from, to), "call %d %s", i+1, what)
	}
	n.e.refused(n.callFrom(from, to), kernel.ETIMEDOUT, "call %d %s", times+1, what)
}

func (n *netns) isToldAll(from, to, what string) {
	for i := range inARow {
		n.e.isError(n.callFrom(from, to), "call %d %s", i+1, what)
	}
}

// isError demands what comes of an ICMP error, whichever.
func (e *env) isError(err error, what string, args ...any) {
	if err == nil {
		e.breach("%s: want an error that was told, got success", fmt.Sprintf(what, args...))
	}
	if kernel.ErrnoOf(err) == kernel.ETIMEDOUT {
		e.breach("%s: want an error that was told, got %w", fmt.Sprintf(what, args...), err)
	}
}

// callFrom calls a port by UDP.
func (n *netns) callFrom(from, to string) error {
	c := call(kernel.UDP, netip.AddrPortFrom(netip.MustParseAddr(to), 80).String())
	c.From = netip.MustParseAddr(from)
	_, err := n.Call(n.e.ctx, c)
	return err
}
