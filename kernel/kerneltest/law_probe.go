package kerneltest

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// probeLaws are about packets: what a program in a namespace reaches. They are left out where Ping answers EOPNOTSUPP.
var probeLaws = []Law{
	{"probe/netns-closed", "the contract; fs/file.c fdget", func(e *env) {
		a, _ := e.cable()
		a.Close()
		e.refused(a.ping("10.0.0.2"), kernel.EBADF, "ping from a closed handle")
		_, err := a.call(kernel.TCP, "10.0.0.2:80")
		e.refused(err, kernel.EBADF, "call from a closed handle")
		_, err = a.Serve(service(kernel.TCP, "10.0.0.1:80"))
		e.refused(err, kernel.EBADF, "serve by a closed handle")
	}},
	{"probe/ping/own-address", "net/ipv4/route.c ip_route_output_key: RTN_LOCAL", func(e *env) {
		a, _ := e.cable()
		for _, ip := range []string{"127.0.0.1", "10.0.0.1", "::1", "fd00::1"} {
			e.ok(a.ping(ip), "ping the own address %s", ip)
		}
	}},
	{"probe/ping/other-end", "net/ipv4/icmp.c icmp_echo", func(e *env) {
		a, _ := e.cable()
		for _, ip := range []string{"10.0.0.2", "fd00::2"} {
			e.ok(a.ping(ip), "ping %s on the other end of a veth", ip)
		}
	}},
	{"probe/ping/answer", "net/ipv4/icmp.c icmp_reply", func(e *env) {
		a, _ := e.cable()
		got, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.2"), Size: 56})
		e.ok(err, "ping")
		equal(e, got.From, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), 0), "who answered")
	}},
	{"probe/ping/no-route", "net/ipv4/route.c ip_route_output_key: ENETUNREACH", func(e *env) {
		a, _ := e.cable()
		for _, ip := range []string{"10.9.0.1", "fd09::1"} {
			e.refused(a.ping(ip), kernel.ENETUNREACH, "ping %s, to which there is no route", ip)
		}
	}},
	{"probe/ping/nobody-answers", "net/ipv4/arp.c arp_error_report", func(e *env) {
		a, _ := e.cable()
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.77"), Timeout: 2 * Patience})
		e.refused(err, kernel.EHOSTUNREACH, "ping 10.0.0.77, which nobody on the link has")
	}},
	{"probe/ping/in-time", "the contract: ETIMEDOUT", func(e *env) {
		a, b := e.cable()
		e.ok(a.AddNeighbour(neighbour(a.link("v").Index, "10.0.0.77")), "add a neighbour with a MAC that nobody has")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.77"), Timeout: 100 * time.Millisecond})
		e.refused(err, kernel.ETIMEDOUT, "ping a neighbour that never answers")
		equal(e, len(b.names()), 1, "links of the other end")
	}},
	{"probe/ping/prohibited", "net/ipv4/fib_semantics.c fib_props", func(e *env) {
		a, _ := e.cable()
		for _, c := range []struct {
			ip   string
			kind kernel.RouteType
			want kernel.Errno
		}{
			{"10.1.0.1", kernel.Prohibit, kernel.EACCES},
			{"10.2.0.1", kernel.Blackhole, kernel.EINVAL},
			{"10.3.0.1", kernel.Unreachable, kernel.EHOSTUNREACH},
		} {
			r := kernel.Route{Dst: netip.MustParsePrefix(c.ip + "/32"), Type: c.kind}
			e.ok(a.AddRoute(r, kernel.Exclusive), "add a route of type %s", c.kind)
			e.refused(a.ping(c.ip), c.want, "ping by a route of type %s", c.kind)
		}
	}},
	{"probe/ping/from-absent", "net/ipv4/ping.c ping_bind", func(e *env) {
		a, _ := e.cable()
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.2"), From: netip.MustParseAddr("10.0.0.9")})
		e.refused(err, kernel.EADDRNOTAVAIL, "ping from an address that the namespace has not")
	}},
	{"probe/from-absent-first", "net/ipv4/af_inet.c __inet_bind, net/ipv6/af_inet6.c __inet6_bind", func(e *env) {
		a, _ := e.cable()
		for _, way := range [][2]string{{"10.0.0.9", "10.9.0.1"}, {"fd00::9", "fd09::1"}} {
			source, target, to := netip.MustParseAddr(way[0]), netip.MustParseAddr(way[1]), way[1]
			_, err := a.Ping(e.ctx, kernel.Ping{To: target, From: source})
			e.refused(err, kernel.EADDRNOTAVAIL, "ping %s, to which there is no route, from an absent address", to)
			for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
				c := call(transport, netip.AddrPortFrom(target, 80).String())
				c.From = source
				_, err = a.Call(e.ctx, c)
				e.refused(err, kernel.EADDRNOTAVAIL, "call %s by %s, likewise", to, transport)
			}
		}
	}},
	{"probe/ping/no-way-in-pieces", "net/ipv6/icmp.c icmpv6_notify: ipv6_skip_exthdr", func(e *env) {
		a, _ := e.cable()
		a.routeIn(kernel.TableMain, "fd09::/64", "fd00::2")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("fd09::1"), Size: 5000})
		e.refused(err, kernel.ENETUNREACH, "ping by IPv6, in pieces, by way of who has no way")
	}},
	{"probe/ping/too-long-for-the-peer", "drivers/net/veth.c veth_xmit; net/ipv4/ip_output.c ip_send_skb", func(e *env) {
		a, b := e.cable()
		for _, ip := range []string{"10.0.0.2", "fd00::2"} {
			e.ok(a.ping(ip), "ping %s, which has a MAC then", ip)
		}
		b.resize(b.link("w").Index, 1300)
		for _, ip := range []string{"10.0.0.2", "fd00::2"} {
			for _, size := range []int{1400, 2000} {
				_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr(ip), Size: size})
				e.refused(err, kernel.ENOBUFS, "ping %s with %d bytes, of which the other end takes 1300 at a time", ip, size)
			}
		}
	}},
	{"probe/ping/by-loopback", "net/ipv6/route.c fib6_is_reject: IFF_LOOPBACK", func(e *env) {
		a, _ := e.cable()
		a.giveAtOnce(a.link("lo").Index, "fd08::1/64")
		a.awaitLocal("fd08::1")
		e.ok(a.ping("fd08::1"), "ping an address of the loopback device")
		e.refused(a.ping("fd08::2"), kernel.ENETUNREACH, "ping one of its subnet")
	}},
	{"probe/ping/by-own-address", "net/ipv4/route.c rt_set_nexthop: nhc_scope is RT_SCOPE_LINK", func(e *env) {
		a, b := e.cable()
		b.give(b.link("w").Index, "10.9.0.1/32")
		a.routeIn(kernel.TableMain, "10.9.0.1/32", "10.0.0.1")
		e.ok(a.ping("10.9.0.1"), "ping by a route via the namespace's own address, which is no gateway")
	}},
	{"probe/ping/no-way-there", "net/ipv6/route.c ip6_pkt_discard; net/ipv4/route.c ip_error: IN_DEV_FORWARD", func(e *env) {
		a, _ := e.cable()
		a.routeIn(kernel.TableMain, "10.9.0.0/24", "10.0.0.2")
		a.routeIn(kernel.TableMain, "fd09::/64", "fd00::2")
		e.refused(a.ping("fd09::1"), kernel.ENETUNREACH, "ping by way of who has no way either and does not forward, by IPv6")
		e.refused(a.pingShort("10.9.0.1"), kernel.ETIMEDOUT, "the same by IPv4, where nothing is said")
	}},
	{"probe/ping/through-bridge", "net/bridge/br_input.c br_handle_frame_finish", func(e *env) {
		node, a, b := e.bridged()
		e.ok(a.ping("10.0.0.3"), "ping another namespace by way of a bridge")
		e.ok(b.ping("10.0.0.1"), "ping the bridge's own address")
		e.ok(node.ping("10.0.0.2"), "ping from the bridge's own address")
	}},
	{"probe/ping/routed", "net/ipv4/ip_forward.c ip_forward", func(e *env) {
		node, a, b := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "0")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.2.0.2"), Timeout: 200 * time.Millisecond})
		equal(e, err == nil, false, "whether a node that does not forward lets a ping through")
		node.setSysctl("net/ipv4/ip_forward", "1")
		e.ok(a.ping("10.2.0.2"), "ping another subnet by way of a node that forwards")
		e.ok(b.ping("10.1.0.2"), "ping back")
	}},
	{"probe/ping/default-ttl", "include/net/route.h ip4_dst_hoplimit; net/ipv6/output_core.c ip6_dst_hoplimit", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/ip_default_ttl", "9")
		b.setSysctl("net/ipv6/conf/w/hop_limit", "7")
		for _, c := range []struct {
			ip   string
			want int
		}{{"10.0.0.2", 9}, {"fd00::2", 7}} {
			got, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr(c.ip)})
			e.ok(err, "ping %s", c.ip)
			equal(e, got.TTL, c.want, "the TTL of what %s answers", c.ip)
		}
	}},
	{"probe/ping/ignored", "net/ipv4/icmp.c icmp_echo: icmp_echo_ignore_all", func(e *env) {
		a, b := e.cable()
		b.setSysctl("net/ipv4/icmp_echo_ignore_all", "1")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.2"), Timeout: 200 * time.Millisecond})
		e.refused(err, kernel.ETIMEDOUT, "ping who does not answer")
		_, err = a.call(kernel.UDP, "10.0.0.2:80")
		e.refused(err, kernel.ECONNREFUSED, "call him by UDP, where nothing listens")
		e.ok(a.ping("fd00::2"), "ping him by IPv6")
		b.setSysctl("net/ipv4/icmp_echo_ignore_all", "0")
		e.ok(a.ping("10.0.0.2"), "ping him when he answers again")
	}},
	{"probe/ping/from-loopback", "net/ipv4/route.c __mkroute_output: IN_DEV_ROUTE_LOCALNET", func(e *env) {
		a, _ := e.cable()
		ping := kernel.Ping{
			To: netip.MustParseAddr("10.0.0.2"), From: netip.MustParseAddr("127.0.0.1"), Timeout: 200 * time.Millisecond,
		}
		_, err := a.Ping(e.ctx, ping)
		e.refused(err, kernel.EINVAL, "ping another machine from a loopback address")
		a.setSysctl("net/ipv4/conf/v/route_localnet", "1")
		_, err = a.Ping(e.ctx, ping)
		e.refused(err, kernel.ETIMEDOUT, "ping it by a link that may have such packets, which the other end drops")
	}},
	{"probe/link-local", "net/ipv6/tcp_ipv6.c tcp_v6_connect; include/net/ipv6.h __ipv6_addr_needs_scope_id", func(e *env) {
		a, b := e.cable()
		its := kernel.Address{Link: b.link("w").Index, Prefix: netip.MustParsePrefix("fe80::5/64"), NoDAD: true}
		e.ok(b.AddAddress(its), "add fe80::5")
		for _, c := range []struct {
			ip         string
			ping, call kernel.Errno
		}{
			{"fe80::5", kernel.EINVAL, kernel.EINVAL},
			{"fe80::5%absent", kernel.ENODEV, kernel.ENODEV},
			{"fe80::5%v", 0, kernel.ECONNREFUSED},
			{"fd00::2", 0, kernel.ECONNREFUSED},
		} {
			if err := a.ping(c.ip); c.ping == 0 {
				e.ok(err, "ping %s", c.ip)
			} else {
				e.refused(err, c.ping, "ping %s", c.ip)
			}
			for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
				_, err := a.call(transport, "["+c.ip+"]:80")
				e.refused(err, c.call, "call %s by %s, where nothing listens", c.ip, transport)
			}
		}
	}},
	{"probe/call/default-ttl", "net/ipv4/ip_output.c __ip_queue_xmit: ip_select_ttl", func(e *env) {
		node, a, b := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "1")
		b.serve(kernel.UDP, "10.2.0.2:80")
		a.setSysctl("net/ipv4/ip_default_ttl", "1")
		_, err := a.call(kernel.UDP, "10.2.0.2:80")
		e.refused(err, kernel.EHOSTUNREACH, "call beyond a router with a TTL of 1")
		a.setSysctl("net/ipv4/ip_default_ttl", "2")
		_, err = a.call(kernel.UDP, "10.2.0.2:80")
		e.ok(err, "call beyond a router with a TTL of 2")
	}},
	{"probe/ping/link-down", "net/ipv4/route.c", func(e *env) {
		a, _ := e.cable()
		a.down(a.link("v").Index)
		e.refused(a.ping("10.0.0.2"), kernel.ENETUNREACH, "ping by a link that is down")
	}},
	{"probe/call/answered", "net/ipv4/tcp_ipv4.c, net/ipv4/udp.c; the contract", func(e *env) {
		a, b := e.cable()
		for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			b.serve(transport, "10.0.0.2:80")
			got, err := a.call(transport, "10.0.0.2:80")
			e.ok(err, "call a %s service", transport)
			equal(e, []any{string(got.Payload), got.Seen.Addr()}, []any{payload, netip.MustParseAddr("10.0.0.1")},
				"what came back of a %s call, and whom the service saw", transport)
		}
	}},
	{"probe/call/refused", "net/ipv4/tcp_ipv4.c tcp_v4_send_reset, net/ipv4/icmp.c: port unreachable", func(e *env) {
		a, _ := e.cable()
		for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			for _, to := range []string{"10.0.0.2:80", "[fd00::2]:80"} {
				_, err := a.call(transport, to)
				e.refused(err, kernel.ECONNREFUSED, "call %s by %s, where nothing listens", to, transport)
			}
		}
	}},
	{"probe/call/no-route", "net/ipv4/route.c ip_route_output_key: ENETUNREACH", func(e *env) {
		a, _ := e.cable()
		_, err := a.call(kernel.TCP, "10.9.0.1:80")
		e.refused(err, kernel.ENETUNREACH, "call an address to which there is no route")
	}},
	{
		"probe/serve/taken",
		"net/ipv4/inet_connection_sock.c inet_csk_get_port, net/ipv4/udp.c udp_v4_get_port", func(e *env) {
			_, b := e.cable()
			for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
				b.serve(transport, "10.0.0.2:80")
				_, err := b.Serve(service(transport, "10.0.0.2:80"))
				e.refused(err, kernel.EADDRINUSE, "serve %s where something listens", transport)
			}
		},
	},
	{"probe/serve/address-absent", "net/ipv4/af_inet.c __inet_bind", func(e *env) {
		_, b := e.cable()
		_, err := b.Serve(service(kernel.TCP, "10.0.0.9:80"))
		e.refused(err, kernel.EADDRNOTAVAIL, "serve at an address that the namespace has not")
	}},
	{"probe/serve/stopped", "net/ipv4/tcp.c inet_csk_listen_stop", func(e *env) {
		a, b := e.cable()
		stop, err := b.Serve(service(kernel.TCP, "10.0.0.2:80"))
		e.ok(err, "serve")
		stop()
		_, err = a.call(kernel.TCP, "10.0.0.2:80")
		e.refused(err, kernel.ECONNREFUSED, "call a service that was stopped")
	}},
}

// payload is what laws send to a service.
const payload = "ask me no questions"

// cable makes two namespaces with a veth between them, ready to talk: 10.0.0.1 and fd00::1 in a, 10.0.0.2 and fd00::2
// in b. Their loopback devices are up: by them Linux tells a socket that nobody answers.
func (e *env) cable() (a, b *netns) {
	a, b = e.netns("a"), e.netns("b")
	e.needsProbes(a)
	v, w := a.vethTo(b, "v", "w")
	a.up(v, a.link("lo").Index)
	b.up(w, b.link("lo").Index)
	a.oper(v, kernel.OperUp, "veth, both ends up")
	b.oper(w, kernel.OperUp, "veth, both ends up")
	a.give(v, "10.0.0.1/24")
	b.give(w, "10.0.0.2/24")
	a.giveAtOnce(v, "fd00::1/64")
	b.giveAtOnce(w, "fd00::2/64")
	a.awaitLocal("fd00::1")
	b.awaitLocal("fd00::2")
	return a, b
}

// bridged makes a node with a bridge, 10.0.0.1, and two pods that are its ports, 10.0.0.2 and 10.0.0.3.
func (e *env) bridged() (node, a, b *netns) {
	node, a, b = e.netns("node"), e.netns("a"), e.netns("b")
	e.needsProbes(node)
	br := node.bridge("br")
	node.up(br)
	node.give(br, "10.0.0.1/24")
	node.attach(br, a, "10.0.0.2/24")
	node.attach(br, b, "10.0.0.3/24")
	node.oper(br, kernel.OperUp, "bridge with running ports")
	return node, a, b
}

// routed makes a node with two bridges, 10.1.0.1 and 10.2.0.1, and a pod at each, 10.1.0.2 and 10.2.0.2.
func (e *env) routed() (node, a, b *netns) {
	node, a, b = e.netns("node"), e.netns("a"), e.netns("b")
	e.needsProbes(node)
	for i, pod := range []*netns{a, b} {
		br := node.bridge(numbered("br", i+1))
		node.up(br)
		node.give(br, numbered("10.", i+1)+".0.1/24")
		eth0 := node.attach(br, pod, numbered("10.", i+1)+".0.2/24")
		pod.via(eth0, "0.0.0.0/0", numbered("10.", i+1)+".0.1")
		node.oper(br, kernel.OperUp, "bridge with a running port")
	}
	return node, a, b
}

// attach makes a veth from a port of the bridge to eth0 in the pod, and gives eth0 an address.
func (n *netns) attach(bridge int, pod *netns, address string) (eth0 int) {
	name := strings.TrimPrefix(pod.path, n.e.bindPath(""))
	spec := pair("v-"+name, "eth0", pod)
	spec.Master, spec.MAC = bridge, net.HardwareAddr{2, 0, 0, 0, 1, name[0]} // the bridge takes the lowest
	n.e.ok(n.AddLink(spec), "add the veth %s as a port", spec.Name)
	v, w := n.link(spec.Name).Index, pod.link("eth0").Index
	n.up(v)
	pod.up(w)
	pod.oper(w, kernel.OperUp, "veth, both ends up")
	pod.give(w, address)
	return w
}

// needsProbes leaves the law out where the backend has no packets.
func (e *env) needsProbes(ns *netns) {
	if errors.Is(ns.ping("127.0.0.1"), kernel.EOPNOTSUPP) {
		panic(leftOut("the backend has no packet plane"))
	}
}

func (n *netns) ping(ip string) error {
	_, err := n.Ping(n.e.ctx, kernel.Ping{To: netip.MustParseAddr(ip)})
	return err
}

func service(transport kernel.Transport, at string) kernel.Service {
	return kernel.Service{Transport: transport, At: netip.MustParseAddrPort(at)}
}

// serve has a service answer until the law ends.
func (n *netns) serve(transport kernel.Transport, at string) {
	stop, err := n.Serve(service(transport, at))
	n.e.ok(err, "serve %s at %s", transport, at)
	n.e.atEnd(func() error { stop(); return nil })
}

func (n *netns) call(transport kernel.Transport, to string) (kernel.Answer, error) {
	return n.Call(n.e.ctx, kernel.Call{Transport: transport, To: netip.MustParseAddrPort(to), Payload: []byte(payload)})
}
