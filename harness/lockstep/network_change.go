package lockstep

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// change draws something that breaks a network or mends it.
func (n *network) change() {
	changes := []struct {
		weight int
		draw   func()
	}{
		{12, n.changeUp},
		{9, n.changeAddress},
		{8, n.loseRoute},
		{12, n.detour},
		{9, n.policy},
		{7, n.neighbour},
		{18, n.setting},
		{7, n.portMode},
		{6, n.resize},
		{18, n.filterChange},
		{4, n.replug},
		{2, n.renumber},
		{1, n.cut},
	}
	total := 0
	for _, c := range changes {
		total += c.weight
	}
	k := n.below(total)
	for _, c := range changes {
		if k -= c.weight; k < 0 {
			c.draw()
			return
		}
	}
}

// wire draws a link that fits, if there is one.
func (n *network) wire(fits func(wire) bool) (wire, bool) {
	var all []wire
	for _, l := range n.links {
		if fits(l) {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return wire{}, false
	}
	return pick(n.drawer, all...), true
}

func anyWire(wire) bool      { return true }
func isPortWire(l wire) bool { return l.port }

// changeUp sets a link down, or one up that was set down before. Whether Linux sees that a carrier was lost for a moment, and
// when it sees one come back, is a matter of timing (net/core/link_watch.c): both get the time that it takes.
func (n *network) changeUp() {
	if len(n.down) > 0 && n.percent(60) {
		l := pick(n.drawer, n.down...)
		n.all = append(n.all, settling)
		n.line("ip -n %s link set %s up", l.netns, l.name)
		n.all = append(n.all, settling)
		n.down = slices.DeleteFunc(n.down, func(o wire) bool { return o == l })
		return
	}
	l, ok := n.wire(anyWire)
	if !ok || n.percent(5) {
		l = wire{netns: pick(n.drawer, n.spaces...), name: "lo"}
	}
	n.line("ip -n %s link set %s down", l.netns, l.name)
	n.down = append(n.down, l)
}

// changeAddress takes an address away, gives it back, or gives a link one more.
func (n *network) changeAddress() {
	if len(n.members) == 0 {
		return
	}
	m := pick(n.drawer, n.members...)
	switch k := n.below(10); {
	case k < 4:
		n.line("ip -n %s addr del %s dev %s", m.netns, m.prefix, m.link)
	case k < 6:
		n.address(m.netns, m.link, m.prefix)
	case k < 7 && len(n.segments) > 0:
		s := pick(n.drawer, n.segments...)
		s.used++
		n.address(m.netns, m.link, pick(n.drawer, s.four(s.used), s.six(s.used)))
	default: // one that others may have
		other := pick(n.drawer, n.members...)
		bits := pick(n.drawer, other.prefix.Bits(), other.prefix.Addr().BitLen())
		n.address(m.netns, m.link, netip.PrefixFrom(other.prefix.Addr(), bits))
	}
}

// loseRoute takes a route away, or gives it back.
func (n *network) loseRoute() {
	if len(n.routes) == 0 {
		return
	}
	ns, words, _ := strings.Cut(pick(n.drawer, n.routes...), " ")
	n.line("ip -n %s route %s %s", ns, pick(n.drawer, "del", "del", "add"), words)
}

// destination draws where a route or rule may lead to.
func (n *network) destination() netip.Prefix {
	switch k := n.below(10); {
	case k < 4 && len(n.segments) > 0:
		s := pick(n.drawer, n.segments...)
		return pick(n.drawer, s.four(0), s.six(0)).Masked()
	case k < 8 && len(n.members) > 0:
		a := pick(n.drawer, n.members...).prefix.Addr()
		return netip.PrefixFrom(a, a.BitLen())
	}
	a := pick(n.drawer, virtuals...)
	return netip.PrefixFrom(a, pick(n.drawer, a.BitLen(), 24))
}

// gateway draws an address of the same family that a route may lead by.
func (n *network) gateway(four bool) (netip.Addr, bool) {
	var all []netip.Addr
	for _, m := range n.members {
		if m.prefix.Addr().Is4() == four {
			all = append(all, m.prefix.Addr())
		}
	}
	if len(all) == 0 {
		return netip.Addr{}, false
	}
	return pick(n.drawer, all...), true
}

// otherTable is the table of routes that rules lead to.
const otherTable = 100

// detour adds a route of another kind.
func (n *network) detour() {
	ns, to := pick(n.drawer, n.spaces...), n.destination().Masked()
	table := ""
	if n.percent(30) {
		table = fmt.Sprintf(" table %d", otherTable)
	}
	if n.percent(20) {
		table += fmt.Sprintf(" metric %d", pick(n.drawer, 1, 100, 2000))
	}
	switch k := n.below(10); {
	case k < 3:
		n.route(ns, fmt.Sprintf("%s %s%s", pick(n.drawer, "blackhole", "unreachable", "prohibit", "throw"), to, table))
	case k < 5:
		if l, ok := n.wire(func(l wire) bool { return l.netns == ns && !l.port }); ok {
			n.route(ns, fmt.Sprintf("%s dev %s%s", to, l.name, table))
		}
	default:
		if via, ok := n.gateway(to.Addr().Is4()); ok {
			mtu := ""
			if n.percent(15) {
				mtu = fmt.Sprintf(" mtu %d", pick(n.drawer, 1300, 1400, 600))
			}
			n.route(ns, fmt.Sprintf("%s via %s%s%s", to, via, table, mtu))
		}
	}
}

// policy adds a rule of routing, or takes one away.
func (n *network) policy() {
	if len(n.rules) > 0 && n.percent(35) {
		ns, words, _ := strings.Cut(pick(n.drawer, n.rules...), " ")
		n.line("ip -n %s rule del %s", ns, words)
		return
	}
	ns := pick(n.drawer, n.spaces...)
	words := "family " + pick(n.drawer, "IPv4", "IPv4", "IPv6")
	if n.percent(15) {
		words += " not"
	}
	switch n.below(5) {
	case 0, 1:
		p := n.destination()
		words = strings.Replace(words, "IPv4", map[bool]string{true: "IPv4", false: "IPv6"}[p.Addr().Is4()], 1)
		words = strings.Replace(words, "IPv6", map[bool]string{true: "IPv4", false: "IPv6"}[p.Addr().Is4()], 1)
		words += fmt.Sprintf(" %s %s", pick(n.drawer, "from", "to"), p.Masked())
	case 2:
		words += " fwmark " + pick(n.drawer, "0x1", "0x1/0x1", "0x2/0xf")
	case 3:
		l, ok := n.wire(func(l wire) bool { return l.netns == ns })
		if !ok || n.percent(20) {
			l.name = "lo"
		}
		words += " iif " + l.name
	}
	words += fmt.Sprintf(" priority %d", pick(n.drawer, 10, 100, 1000, 32766, 40000))
	words += pick(n.drawer, " table 100", " table 100", " table 100", " table main", " table local",
		" type blackhole", " type unreachable", " type prohibit")
	n.line("ip -n %s rule add %s", ns, words)
	n.rules = append(n.rules, ns+" "+words)
}

// neighbour says something right or wrong of who has an address.
func (n *network) neighbour() {
	l, ok := n.wire(func(l wire) bool { return !l.port })
	to := n.target()
	if !ok {
		return
	}
	if n.percent(20) {
		n.line("ip -n %s neigh del %s dev %s", l.netns, to, l.name)
		return
	}
	n.line("ip -n %s neigh add %s lladdr 02:00:00:00:00:%02x dev %s", l.netns, to, 1+n.below(int(n.macs)+2), l.name)
}

// settings are the sysctls that packets depend on, with the values that are tried. LINK stands for a link, or for all.
var settings = []struct {
	key    string
	values []string
}{
	{"net/ipv4/ip_forward", []string{"0", "1", "1"}},
	{"net/ipv6/conf/all/forwarding", []string{"0", "1", "1"}},
	{"net/ipv4/conf/LINK/forwarding", []string{"0", "1"}},
	{"net/ipv4/conf/LINK/rp_filter", []string{"0", "1", "1", "2"}},
	{"net/ipv4/conf/LINK/rp_filter", []string{"1", "2"}},
	{"net/ipv4/conf/LINK/arp_ignore", []string{"0", "1", "2", "3", "8"}},
	{"net/ipv4/conf/LINK/arp_announce", []string{"0", "1", "2"}},
	{"net/ipv4/conf/LINK/arp_filter", []string{"0", "1"}},
	{"net/ipv4/conf/LINK/proxy_arp", []string{"0", "1", "1"}},
	{"net/ipv4/conf/LINK/accept_local", []string{"0", "1", "1"}},
	{"net/ipv4/conf/LINK/route_localnet", []string{"0", "1", "1"}},
	{"net/ipv4/conf/LINK/src_valid_mark", []string{"0", "1"}},
	{"net/ipv4/conf/LINK/accept_redirects", []string{"0", "1"}},
	{"net/ipv4/conf/LINK/ignore_routes_with_linkdown", []string{"0", "1"}},
	{"net/ipv4/conf/LINK/drop_gratuitous_arp", []string{"0", "1"}},
	{"net/ipv4/icmp_echo_ignore_all", []string{"0", "1"}},
	{"net/ipv4/ip_default_ttl", []string{"1", "2", "64"}},
	{"net/ipv6/conf/LINK/forwarding", []string{"0", "1"}},
	{"net/ipv6/conf/LINK/disable_ipv6", []string{"0", "1"}},
	{"net/ipv6/conf/LINK/hop_limit", []string{"1", "2", "64"}},
	{"net/ipv6/conf/LINK/accept_redirects", []string{"0", "1"}},
	{"net/ipv6/conf/LINK/ignore_routes_with_linkdown", []string{"0", "1"}},
}

// bridgeSettings say whether netfilter is asked about what bridges forward.
var bridgeSettings = []string{
	"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-arptables",
}

// setting changes a sysctl.
func (n *network) setting() {
	ns := pick(n.drawer, n.spaces...)
	if n.worthwhile(NounBridged) && n.percent(12) {
		n.line("sysctl -n %s %s=%d", ns, pick(n.drawer, bridgeSettings...), n.below(2))
		return
	}
	link := "all"
	if l, ok := n.wire(func(l wire) bool { return l.netns == ns && !l.port }); ok && n.percent(60) {
		link = l.name
	}
	s := pick(n.drawer, settings...)
	n.line("sysctl -n %s %s=%s", ns, strings.Replace(s.key, "LINK", link, 1), pick(n.drawer, s.values...))
}

// portMode changes how a bridge treats a port.
func (n *network) portMode() {
	l, ok := n.wire(isPortWire)
	if !ok {
		return
	}
	if n.worthwhile(NounVLAN) && n.percent(50) {
		n.vlan(l)
		return
	}
	mode := pick(n.drawer, "hairpin", "isolated", "isolated")
	n.line("bridge link set dev %s %s %s", l.name, mode, pick(n.drawer, "on", "on", "off"))
}

// vlan changes what a bridge does about VLANs.
func (n *network) vlan(port wire) {
	b, ok := n.wire(func(l wire) bool { return l.bridge })
	if !ok {
		return
	}
	switch n.below(4) {
	case 0:
		n.line("ip link set %s type bridge vlan_filtering %d", b.name, n.below(2))
	case 1:
		n.line("bridge vlan del vid %d dev %s", pick(n.drawer, 1, 1, 10), port.name)
	case 2:
		as := pick(n.drawer, " pvid untagged self", " untagged self", " self")
		n.line("bridge vlan add vid %d dev %s%s", pick(n.drawer, 1, 10), b.name, as)
	default:
		as := pick(n.drawer, " pvid untagged", " pvid untagged", " untagged", " pvid", "")
		n.line("bridge vlan add vid %d dev %s%s", pick(n.drawer, 1, 10), port.name, as)
	}
}

// resize changes an MTU.
func (n *network) resize() {
	if l, ok := n.wire(anyWire); ok {
		n.line("ip -n %s link set %s mtu %d", l.netns, l.name, pick(n.drawer, 1280, 1300, 1400, 1400, 1492, 1500, 9000, 1000))
	}
}

// replug takes a port off its bridge, or puts it on one.
func (n *network) replug() {
	port, ok := n.wire(isPortWire)
	bridge, has := n.wire(func(l wire) bool { return l.bridge })
	switch {
	case !ok || !has:
	case n.percent(50):
		n.line("ip link set %s nomaster", port.name)
	default:
		n.line("ip link set %s master %s", port.name, bridge.name)
	}
}

// renumber gives a link another MAC, which others do not hear of.
func (n *network) renumber() {
	if l, ok := n.wire(anyWire); ok {
		n.line("ip -n %s link set %s address %s", l.netns, l.name, n.mac())
	}
}

// cut deletes a link.
func (n *network) cut() {
	if l, ok := n.wire(func(l wire) bool { return l.netns != kernel.HostNetNS || l.port }); ok {
		n.line("ip -n %s link del %s", l.netns, l.name)
	}
}
