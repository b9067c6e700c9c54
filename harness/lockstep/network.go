package lockstep

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// Packets returns the generator of sequences that build a small network, probe it, change it, and probe it again.
func Packets(s Shape) *rapid.Generator[[]operation.Operation] {
	return rapid.Custom(func(t *rapid.T) []operation.Operation {
		n := &network{drawer: &drawer{t: t, shape: s}, six: !(&drawer{t: t}).percent(25)}
		n.build()
		for range 3 {
			n.phase()
		}
		return n.all
	})
}

// A network is one that is drawn: what was built, whether or not it is there still.
type network struct {
	*drawer
	spaces   []string // the node's own first
	routers  []string // the others that forward
	segments []*segment
	links    []wire
	members  []member
	routes   []string // lines behind "ip -n NS route add "
	rules    []string
	down     []wire
	filters  []filterPlace
	asked    []operation.Operation // the probes
	six      bool
	macs     byte
}

// A segment is a subnet: a bridge, or a cable.
type segment struct {
	number int
	router string // the namespace that has its first address
	link   string // the router's
	bridge bool
	used   int // addresses
}

// A wire is a link.
type wire struct {
	netns, name string
	port        bool // of a bridge
	bridge      bool
}

// A member is an address of a link.
type member struct {
	netns, link string
	prefix      netip.Prefix
}

func (s *segment) four(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(s.number), byte(n)}), 24)
}

func (s *segment) six(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 1, 7: byte(s.number), 15: byte(n)}), 64)
}

// settling is longer than Linux takes for what it does late: linkwatch takes a second. With it and probeWait no probe begins
// or ends three seconds after another one, when Linux gives up a neighbour that does not answer.
const settling = pause(1700 * time.Millisecond)

// line adds an operation by its line.
func (n *network) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	o, err := operation.Parse(line)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", line, err))
	}
	n.all = append(n.all, o)
}

func (n *network) mac() string {
	n.macs++
	return fmt.Sprintf("02:00:00:00:00:%02x", n.macs)
}

// build draws the network, of which most works, and what serves in it.
func (n *network) build() {
	n.spaces = []string{kernel.HostNetNS}
	for i := range 1 + n.below(4) {
		name := string(rune('a' + i))
		n.spaces = append(n.spaces, name)
		n.line("ip netns add %s", name)
	}
	for _, ns := range n.spaces {
		n.prepare(ns)
	}
	for i := range n.below(3) {
		n.bridge(i)
	}
	for _, pod := range n.spaces[1:] {
		n.attach(pod, true)
		if n.percent(15) {
			n.attach(pod, false)
		}
	}
	for _, pod := range n.spaces[1:] {
		if n.percent(20) {
			n.extraAddress(pod)
		}
	}
	n.filter()
	for _, ns := range n.spaces {
		n.serve(ns)
	}
	for range n.below(3) {
		n.change()
	}
}

// prepare makes a namespace fit for comparison: no duplicate address detection, which takes a second or two, and as many
// ICMP errors as are due. (net/ipv4/icmp.c: icmpv4_xrlim_allow.) Redirects, which count as errors, the simulation does not
// send.
func (n *network) prepare(ns string) {
	n.line("sysctl -n %s net/ipv6/conf/default/accept_dad=0", ns)
	n.line("sysctl -n %s net/ipv4/icmp_ratelimit=0", ns)
	n.line("sysctl -n %s net/ipv6/icmp/ratelimit=0", ns)
	n.line("sysctl -n %s net/ipv4/conf/all/send_redirects=0", ns)
	n.line("sysctl -n %s net/ipv4/conf/default/send_redirects=0", ns)
	if !n.percent(4) {
		n.line("ip -n %s link set lo up", ns)
	}
	if ns == kernel.HostNetNS || n.percent(30) {
		n.forward(ns)
	}
}

// bridge makes a segment that is a bridge of the node.
func (n *network) bridge(i int) {
	s := &segment{number: len(n.segments) + 1, router: kernel.HostNetNS, link: fmt.Sprint("br", i), bridge: true}
	n.segments = append(n.segments, s)
	filtering := ""
	if n.worthwhile(NounVLAN) && n.percent(20) {
		filtering = " vlan_filtering 1"
	}
	n.line("ip link add %s address %s up type bridge%s", s.link, n.mac(), filtering)
	n.links = append(n.links, wire{netns: s.router, name: s.link, bridge: true})
	n.addresses(s, s.router, s.link)
}

// addresses gives a link the next addresses of a segment.
func (n *network) addresses(s *segment, ns, link string) {
	s.used++
	if !n.percent(3) {
		n.address(ns, link, s.four(s.used))
	}
	if n.six && !n.percent(3) {
		n.address(ns, link, s.six(s.used))
	}
}

func (n *network) address(ns, link string, p netip.Prefix) {
	nodad := ""
	if p.Addr().Is6() {
		nodad = " nodad"
	}
	n.line("ip -n %s addr add %s dev %s%s", ns, p, link, nodad)
	n.members = append(n.members, member{ns, link, p})
}

// attach connects a pod with a segment, which may be a new one to the node or to another pod.
func (n *network) attach(pod string, first bool) {
	eth := fmt.Sprint("eth", n.count(pod))
	var bridges []*segment
	for _, s := range n.segments {
		if s.bridge {
			bridges = append(bridges, s)
		}
	}
	var s *segment
	if len(bridges) > 0 && n.percent(70) {
		s = pick(n.drawer, bridges...)
		n.plug(s, pod, eth)
	} else {
		s = n.cable(pod, eth)
	}
	n.addresses(s, pod, eth)
	if !first {
		return
	}
	n.routeTo(pod, "default", s.four(1).Addr())
	if n.six {
		n.routeTo(pod, "default", s.six(1).Addr())
	}
}

func (n *network) count(ns string) (links int) {
	for _, l := range n.links {
		if l.netns == ns {
			links++
		}
	}
	return links
}

// plug connects a pod with a bridge.
func (n *network) plug(s *segment, pod, eth string) {
	port := fmt.Sprint("p", len(n.links))
	n.line("ip link add %s address %s type veth peer name %s address %s netns %s", port, n.mac(), eth, n.mac(), pod)
	n.line("ip -n %s link set %s up", pod, eth)
	n.line("ip link set %s master %s", port, s.link)
	n.line("ip link set %s up", port)
	n.links = append(n.links, wire{netns: kernel.HostNetNS, name: port, port: true}, wire{netns: pod, name: eth})
}

// cable makes a segment of two: the node or a pod that is attached already, and a pod.
func (n *network) cable(pod, eth string) *segment {
	router := kernel.HostNetNS
	var before []string
	for _, ns := range n.routers {
		if ns != pod && n.count(ns) > 0 {
			before = append(before, ns)
		}
	}
	if len(before) > 0 && n.percent(60) {
		router = pick(n.drawer, before...)
	}
	s := &segment{number: len(n.segments) + 1, router: router, link: fmt.Sprint("c", len(n.links))}
	n.segments = append(n.segments, s)
	n.line("ip -n %s link add %s address %s type veth peer name %s address %s netns %s",
		router, s.link, n.mac(), eth, n.mac(), pod)
	n.line("ip -n %s link set %s up", pod, eth)
	n.line("ip -n %s link set %s up", router, s.link)
	n.links = append(n.links, wire{netns: router, name: s.link}, wire{netns: pod, name: eth})
	n.addresses(s, router, s.link)
	if router != kernel.HostNetNS {
		n.routeBy(router, s.four(0).Masked())
		if n.six {
			n.routeBy(router, s.six(0).Masked())
		}
	}
	return s
}

// routeBy has the node send by a pod what is for a subnet behind it.
func (n *network) routeBy(pod string, to netip.Prefix) {
	for _, m := range n.members {
		if m.netns == pod && m.prefix.Addr().Is4() == to.Addr().Is4() {
			n.routeTo(kernel.HostNetNS, to.String(), m.prefix.Addr())
			return
		}
	}
}

func (n *network) routeTo(ns, to string, via netip.Addr) {
	if !n.percent(2) {
		n.route(ns, fmt.Sprintf("%s via %s", to, via))
	}
}

func (n *network) route(ns, words string) {
	n.line("ip -n %s route add %s", ns, words)
	n.routes = append(n.routes, ns+" "+words)
}

// extraAddress gives a pod an address on lo, to which the node has a route.
func (n *network) extraAddress(pod string) {
	i := byte(slices.Index(n.spaces, pod))
	p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 2, 0, i}), 32)
	if n.six && n.percent(40) {
		p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 2, 15: i}), 128)
	}
	n.address(pod, "lo", p)
	n.routeBy(pod, p)
}

// forward has a namespace forward before it has addresses: what is done late to those may find it forwarding already, and
// then Linux joins their anycast address twice. (net/ipv6/addrconf.c: dev_forward_change, __ipv6_ifa_notify.)
func (n *network) forward(ns string) {
	if ns != kernel.HostNetNS {
		n.routers = append(n.routers, ns)
	}
	if !n.percent(4) {
		n.line("sysctl -n %s net/ipv4/ip_forward=1", ns)
	}
	if n.six && !n.percent(4) {
		n.line("sysctl -n %s net/ipv6/conf/all/forwarding=1", ns)
	}
}

const (
	served   = 80
	unserved = 81
	virtual8 = 8080 // what rules translate
)

func (n *network) serve(ns string) {
	for _, t := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		if !n.percent(6) {
			at := netip.AddrPortFrom(netip.IPv6Unspecified(), served)
			n.all = append(n.all, serve{ns, kernel.Service{Transport: t, At: at}})
		}
	}
}

// phase probes what there is, and changes it for the next phase.
func (n *network) phase() {
	n.all = append(n.all, settling)
	again := slices.Clone(n.asked)
	for range 5 + n.below(5) {
		p := n.probe()
		if len(again) > 0 && n.percent(50) {
			p = pick(n.drawer, again...)
		}
		n.asked = append(n.asked, p)
		n.all = append(n.all, p)
	}
	for range 1 + n.below(3) {
		n.change()
	}
}

// Addresses that nobody has at first.
var (
	virtuals = []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd09::1")}
	nowheres = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	loops    = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
)

// target draws whom to ask.
func (n *network) target() netip.Addr {
	for range 4 {
		if a := n.anyTarget(); n.six || a.Is4() {
			return a
		}
	}
	return virtuals[0]
}

func (n *network) anyTarget() netip.Addr {
	switch k := n.below(100); {
	case k < 6:
		return pick(n.drawer, virtuals...)
	case k < 8:
		return pick(n.drawer, nowheres...)
	case k < 10:
		return pick(n.drawer, loops...)
	case k < 14 && len(n.segments) > 0:
		s := pick(n.drawer, n.segments...)
		return pick(n.drawer, s.four(77).Addr(), s.six(77).Addr())
	case len(n.members) > 0:
		return pick(n.drawer, n.members...).prefix.Addr()
	}
	return pick(n.drawer, virtuals...)
}

// source draws from which address of its own a namespace asks; mostly as the routes say.
func (n *network) source(ns string, to netip.Addr) netip.Addr {
	if !n.percent(15) {
		return netip.Addr{}
	}
	var own []netip.Addr
	for _, m := range n.members {
		if m.netns == ns && m.prefix.Addr().Is4() == to.Is4() {
			own = append(own, m.prefix.Addr())
		}
	}
	if len(own) == 0 {
		return netip.Addr{}
	}
	return pick(n.drawer, own...)
}

// probe draws a question.
func (n *network) probe() operation.Operation {
	ns, to := pick(n.drawer, n.spaces...), n.target()
	from := n.source(ns, to)
	if n.percent(40) {
		p := kernel.Ping{To: to, From: from, Timeout: probeWait}
		if n.percent(20) {
			p.Size = pick(n.drawer, 1, 1000, 1372, 1440, 1453, 1473, 2000, 5000)
		}
		if n.percent(6) {
			p.TTL = pick(n.drawer, 1, 2, 3)
		}
		return echo{ns, p}
	}
	port := pick(n.drawer, served, served, served, served, served, unserved, virtual8)
	if slices.Contains(virtuals, to) {
		port = pick(n.drawer, served, virtual8, virtual8)
	}
	return call{ns, kernel.Call{
		Transport: pick(n.drawer, kernel.TCP, kernel.UDP), To: netip.AddrPortFrom(to, uint16(port)),
		From: from, Timeout: probeWait,
	}}
}

// sayableRuleset adds a change of netfilter, if a line can say it.
func (n *network) sayableRuleset(o operation.RulesetChange) {
	if again, err := operation.Parse(o.String()); err == nil && reflect.DeepEqual(again, o) {
		n.all = append(n.all, o)
	}
}
