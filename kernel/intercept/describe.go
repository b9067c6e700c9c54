package intercept

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// words collects the words of a description, in the order of ip(8).
type words []string

func (w *words) add(when bool, format string, args ...any) {
	if when {
		*w = append(*w, fmt.Sprintf(format, args...))
	}
}

func (w words) String() string { return strings.Join(w, " ") }

// link returns the name of a link of this namespace.
func (n *netns) link(index int) string { return n.line.names.link(n.ID(), index) }

// onLink returns "dev eth0", or nothing for index 0, which stands for all links.
func (n *netns) onLink(index int) string {
	if index == 0 {
		return ""
	}
	return "dev " + n.link(index)
}

func (n *netns) describeSpec(s kernel.LinkSpec) string {
	w := words{s.Name}
	w.add(s.MAC != nil, "address %s", s.MAC)
	w.add(s.MTU != 0, "mtu %d", s.MTU)
	w.add(s.Master != 0, "master %s", n.link(s.Master))
	w.add(s.Up, "up")
	w.add(s.Parent != 0, "link %s", n.link(s.Parent))
	w.add(s.Kind != "", "type %s", s.Kind)
	w.add(s.Kind == kernel.KindVLAN, "id %d", s.VLAN)
	w.add(s.Kind == kernel.KindVXLAN, "id %d", s.VXLAN.ID)
	w.add(s.VXLAN.Local.IsValid(), "local %s", s.VXLAN.Local)
	w.add(s.VXLAN.Port != 0, "dstport %d", s.VXLAN.Port)
	addBridge(&w, s.Bridge)
	w.add(s.Peer.Name != "", "peer %s", s.Peer.Name)
	w.add(s.Peer.MAC != nil, "address %s", s.Peer.MAC)
	w.add(s.Peer.MTU != 0, "mtu %d", s.Peer.MTU)
	if s.Peer.NetNS != nil {
		w.add(true, "netns %s", s.Peer.NetNS.Name())
	}
	return w.String()
}

func (n *netns) describeChange(index int, c kernel.LinkChange) string {
	w := words{n.link(index)}
	if c.NetNS != nil {
		w.add(true, "netns %s", c.NetNS.Name())
	}
	set(&w, "name %s", c.Name)
	w.add(c.MAC != nil, "address %s", c.MAC)
	set(&w, "mtu %d", c.MTU)
	set(&w, "alias %q", c.Alias)
	if c.Master != nil {
		w.add(*c.Master == 0, "nomaster")
		w.add(*c.Master != 0, "master %s", n.link(*c.Master))
	}
	if c.Promisc != nil {
		w.add(true, "promisc %s", onOff(*c.Promisc))
	}
	if c.Up != nil {
		w.add(*c.Up, "up")
		w.add(!*c.Up, "down")
	}
	return w.String()
}

func (n *netns) describePort(link int, c kernel.PortChange) string {
	w := words{n.link(link)}
	if c.Hairpin != nil {
		w.add(true, "hairpin %s", onOff(*c.Hairpin))
	}
	if c.Isolated != nil {
		w.add(true, "isolated %s", onOff(*c.Isolated))
	}
	return w.String()
}

func (n *netns) describeBridge(index int, c kernel.BridgeChange) string {
	w := words{n.link(index)}
	addBridge(&w, c)
	return w.String()
}

func addBridge(w *words, c kernel.BridgeChange) {
	if c.Filtering != nil {
		w.add(true, "vlan_filtering %s", onOff(*c.Filtering))
	}
	set(w, "vlan_default_pvid %d", c.DefaultPVID)
}

func (n *netns) describeVLANs(v kernel.VLANRange) string {
	w := words{v.IDs()}
	w.add(true, "dev %s", n.link(v.Link))
	w.add(v.PVID, "pvid")
	w.add(v.Untagged, "untagged")
	w.add(v.Self, "self")
	return w.String()
}

func (n *netns) describeFDB(e kernel.FDBEntry) string {
	w := words{e.MAC.String()}
	w.add(true, "dev %s", n.link(e.Link))
	w.add(e.VLAN != 0, "vlan %d", e.VLAN)
	w.add(e.Dst.IsValid(), "dst %s", e.Dst)
	w.add(e.State != "", "%s", e.State)
	return w.String()
}

// set adds the words for a field of a change that is to be set.
func set[T any](w *words, format string, field *T) {
	if field != nil {
		w.add(true, format, *field)
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (n *netns) describeAddress(a kernel.Address) string {
	w := words{a.Prefix.String()}
	w.add(a.Broadcast.IsValid(), "broadcast %s", a.Broadcast)
	w.add(a.NoDAD, "nodad")
	w.add(true, "dev %s", n.link(a.Link))
	return w.String()
}

func (n *netns) describeRoute(r kernel.Route) string {
	var w words
	w.add(r.Type != "" && r.Type != kernel.Unicast, "%s", r.Type)
	w.add(true, "%s", r.Dst)
	w.add(r.Gateway.IsValid(), "via %s", r.Gateway)
	w.add(r.Link != 0, "dev %s", n.link(r.Link))
	w.add(r.Source.IsValid(), "src %s", r.Source)
	w.add(r.Metric != 0, "metric %d", r.Metric)
	w.add(r.MTU != 0, "mtu %d", r.MTU)
	w.add(r.AdvMSS != 0, "advmss %d", r.AdvMSS)
	w.add(r.Table != 0, "table %d", r.Table)
	w.add(r.OnLink, "onlink")
	for _, hop := range r.NextHops {
		w.add(true, "nexthop")
		w.add(hop.Gateway.IsValid(), "via %s", hop.Gateway)
		w.add(hop.Link != 0, "dev %s", n.link(hop.Link))
		w.add(hop.Weight != 0, "weight %d", hop.Weight)
		w.add(hop.OnLink, "onlink")
	}
	return w.String()
}

func describeRule(r kernel.Rule) string {
	w := words{r.Family.String()}
	w.add(r.Not, "not")
	w.add(r.From.IsValid(), "from %s", r.From)
	w.add(r.To.IsValid(), "to %s", r.To)
	w.add(r.In != "", "iif %s", printable(r.In))
	w.add(r.Out != "", "oif %s", printable(r.Out))
	w.add(r.Mark != 0 || r.Mask != 0, "fwmark %#x/%#x", r.Mark, r.Mask)
	w.add(r.Priority != kernel.AnyPriority, "priority %d", r.Priority)
	w.add(r.Action != "" && r.Action != kernel.ToTable, "%s", r.Action)
	w.add(r.Table != 0, "table %d", r.Table)
	return w.String()
}

// printable is a name that may have anything in it, on one line.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

func (n *netns) describeNeighbour(e kernel.Neighbour) string {
	w := words{e.IP.String()}
	w.add(len(e.MAC) > 0, "lladdr %s", net.HardwareAddr(e.MAC))
	w.add(true, "dev %s", n.link(e.Link))
	return w.String()
}

func describeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) string {
	return string(b) + " " + kernel.DescribeFilterChanges(b, changes)
}
