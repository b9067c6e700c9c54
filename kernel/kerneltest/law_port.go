package kerneltest

import (
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// portLaws are about how a bridge treats its ports.
var portLaws = []Law{
	{"port/absent", "net/core/rtnetlink.c rtnl_bridge_setlink: __dev_get_by_index", func(e *env) {
		ns := e.netns("a")
		for _, index := range []int{-1, 0, 4711} {
			e.refused(ns.ChangePort(index, hairpin(true)), kernel.ENODEV, "change the port %d, which is not there", index)
		}
	}},
	{"port/no-port", "net/core/rtnetlink.c rtnl_bridge_setlink: netdev_master_upper_dev_get", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		e.refused(ns.ChangePort(v, hairpin(true)), kernel.EOPNOTSUPP, "change a veth that is no port")
		e.refused(ns.ChangePort(ns.bridge("br"), hairpin(true)), kernel.EOPNOTSUPP, "change a bridge as if it were a port")
	}},
	{"port/new", "net/bridge/br_if.c new_nbp", func(e *env) {
		ns := e.netns("a")
		equal(e, ns.at(ns.port(ns.bridge("br"), macLow)).Port, kernel.Port{}, "settings of a new port")
	}},
	{"port/hairpin", "net/bridge/br_netlink.c br_setport: IFLA_BRPORT_MODE", func(e *env) {
		ns := e.netns("a")
		p := ns.port(ns.bridge("br"), macLow)
		for _, on := range []bool{true, false} {
			ns.setPort(p, hairpin(on))
			equal(e, ns.at(p).Port.Hairpin, on, "hairpin mode of the port")
		}
	}},
	{"port/hairpin/off", "net/bridge/br_forward.c should_deliver: skb->dev != p->dev", func(e *env) {
		node, x := e.sentBack()
		node.setPort(node.link("v-p").Index, hairpin(true))
		node.setPort(node.link("v-p").Index, hairpin(false))
		e.refused(x.pingBack(), kernel.ETIMEDOUT, "ping what only its own port leads to, with hairpin mode off")
	}},
	{"port/hairpin/on", "net/bridge/br_forward.c should_deliver: BR_HAIRPIN_MODE", func(e *env) {
		node, x := e.sentBack()
		node.setPort(node.link("v-p").Index, hairpin(true))
		e.refused(x.pingBack(), kernel.EHOSTUNREACH, "ping what only its own port leads to, with hairpin mode on")
	}},
	{"port/isolated", "net/bridge/br_netlink.c br_setport: IFLA_BRPORT_ISOLATED", func(e *env) {
		ns := e.netns("a")
		p := ns.port(ns.bridge("br"), macLow)
		for _, on := range []bool{true, false} {
			ns.setPort(p, isolated(on))
			equal(e, ns.at(p).Port.Isolated, on, "isolation of the port")
		}
	}},
	{"port/one-at-a-time", "net/bridge/br_netlink.c br_setport: attributes that are absent", func(e *env) {
		ns := e.netns("a")
		p := ns.port(ns.bridge("br"), macLow)
		ns.setPort(p, hairpin(true))
		ns.setPort(p, isolated(true))
		equal(e, ns.at(p).Port, kernel.Port{Hairpin: true, Isolated: true}, "port after one setting and then the other")
	}},
	{"port/by-name", "net/core/rtnetlink.c rtnl_link_slave_info_fill", func(e *env) {
		ns := e.netns("a")
		p := ns.port(ns.bridge("br"), macLow)
		ns.setPort(p, hairpin(true))
		equal(e, ns.link(ns.at(p).Name).Port, kernel.Port{Hairpin: true}, "port as a look at its link by name shows it")
	}},
	{"port/ends-with-master", "net/bridge/br_if.c del_nbp", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		p := ns.port(br, macLow)
		ns.setPort(p, kernel.PortChange{Hairpin: new(true), Isolated: new(true)})
		ns.enslave(p, 0)
		equal(e, ns.at(p).Port, kernel.Port{}, "port settings of a link that has left its bridge")
		ns.enslave(p, br)
		equal(e, ns.at(p).Port, kernel.Port{}, "port settings of a link that has come back")
	}},
	{"port/survives-down", "net/bridge/br_stp_if.c br_stp_disable_port", func(e *env) {
		ns := e.netns("a")
		p := ns.port(ns.bridge("br"), macLow)
		ns.setPort(p, isolated(true))
		ns.up(p)
		ns.set(p, kernel.LinkChange{Up: new(false)})
		equal(e, ns.at(p).Port, kernel.Port{Isolated: true}, "settings of a port that went up and down")
	}},
	{"port/isolated/from-each-other", "net/bridge/br_private.h br_skb_isolated", func(e *env) {
		node, a, _ := e.bridged()
		node.isolate("v-a", "v-b")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.3"), Timeout: 300 * time.Millisecond})
		e.refused(err, kernel.ETIMEDOUT, "ping from one isolated port to another")
	}},
	{"port/isolated/not-from-the-bridge", "net/bridge/br_private.h br_skb_isolated: src_port_isolated", func(e *env) {
		node, a, _ := e.bridged()
		node.isolate("v-a", "v-b")
		e.ok(a.ping("10.0.0.1"), "ping the bridge from an isolated port")
		e.ok(node.ping("10.0.0.2"), "ping an isolated port's pod from the bridge")
	}},
	{"port/isolated/not-from-others", "net/bridge/br_private.h br_skb_isolated: BR_ISOLATED of both", func(e *env) {
		node, a, _ := e.bridged()
		node.isolate("v-a")
		e.ok(a.ping("10.0.0.3"), "ping a port that is not isolated from one that is")
	}},
}

// sentBack makes a node with a bridge, the pod p at its port v-p, and x behind p. p routes 10.9.0.0/24 to a neighbour
// at the bridge that has p's own MAC. A bridge that sends such packets back by the port they came from has them go round
// until their time to live is over, and p tells x so; from any other bridge nothing is heard.
func (e *env) sentBack() (node, x *netns) {
	node, p, x := e.netns("node"), e.netns("p"), e.netns("x")
	e.needsProbes(node)
	br := node.bridge("br")
	node.up(br)
	eth0 := node.attach(br, p, "10.0.0.2/24")
	node.oper(br, kernel.OperUp, "bridge with a running port")
	near, far := p.vethTo(x, "v-x", "eth0")
	p.up(near)
	x.up(far, x.link("lo").Index)
	x.oper(far, kernel.OperUp, "veth, both ends up")
	p.give(near, "10.1.0.1/24")
	x.give(far, "10.1.0.2/24")
	x.via(far, "0.0.0.0/0", "10.1.0.1")
	p.setSysctl("net/ipv4/ip_forward", "1")
	self := kernel.Neighbour{Link: eth0, IP: netip.MustParseAddr("10.0.0.77"), MAC: p.at(eth0).MAC}
	e.ok(p.AddNeighbour(self), "add a neighbour with the link's own MAC")
	p.via(eth0, "10.9.0.0/24", "10.0.0.77")
	return node, x
}

func (n *netns) pingBack() error {
	_, err := n.Ping(n.e.ctx, kernel.Ping{To: netip.MustParseAddr("10.9.0.1"), Timeout: 300 * time.Millisecond})
	return err
}

func hairpin(on bool) kernel.PortChange  { return kernel.PortChange{Hairpin: &on} }
func isolated(on bool) kernel.PortChange { return kernel.PortChange{Isolated: &on} }

func (n *netns) setPort(link int, c kernel.PortChange) {
	n.e.ok(n.ChangePort(link, c), "change the port of link %d", link)
}

func (n *netns) isolate(names ...string) {
	for _, name := range names {
		n.setPort(n.link(name).Index, isolated(true))
	}
}
