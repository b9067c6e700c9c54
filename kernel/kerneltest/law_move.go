package kerneltest

import "github.com/cnilab/cnilab/kernel"

// moveLaws are about links that change their namespace.
var moveLaws = []Law{
	{"move/there-and-not-here", "net/core/dev.c __dev_change_net_namespace", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		v, w := a.veth("v", "w")
		a.setMAC(w, macMid)
		a.move(w, b)
		equal(e, [][]string{a.names(), b.names()}, [][]string{{"v"}, {"w"}}, "links of both namespaces")
		equal(e, b.link("w").MAC, mac(macMid), "MAC of the link that was moved")
		equal(e, []any{a.at(v).Peer, a.at(v).PeerHere}, []any{b.link("w").Index, false},
			"what the other end says of its peer")
	}},
	{"move/stays", "net/core/rtnetlink.c do_setlink: net_eq(dev_net(dev), tgt_net)", func(e *env) {
		a := e.netns("a")
		br := a.bridge("br")
		e.ok(a.ChangeLink(br, kernel.LinkChange{NetNS: a.NetNS}), "move a bridge to the namespace that it is in")
	}},
	{"move/goes-down", "net/core/dev.c __dev_change_net_namespace: dev_close", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		_, w := a.veth("v", "w")
		a.up(w)
		a.move(w, b)
		equal(e, b.link("w").Up, false, "flag UP of a link that was moved while up")
	}},
	{"move/loses-addresses", "net/core/dev.c __dev_change_net_namespace: NETDEV_UNREGISTER", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		_, w := a.veth("v", "w")
		a.give(w, "10.0.0.1/24")
		a.move(w, b)
		equal(e, b.prefixes(b.link("w").Index, kernel.IPv4), []string{}, "addresses of a link that was moved")
	}},
	{"move/leaves-bridge", "net/bridge/br.c br_device_event: NETDEV_UNREGISTER", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		port := a.port(a.bridge("br"), macLow)
		a.move(port, b)
		equal(e, []int{b.link("p01").Master, b.link("p01").Promiscuity}, []int{0, 0},
			"master and promiscuity of a port that was moved")
	}},
	{"move/name-taken", "net/core/dev.c __dev_change_net_namespace: dev_get_valid_name", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.bridge("w")
		_, w := a.veth("v", "w")
		e.refused(a.ChangeLink(w, kernel.LinkChange{NetNS: b.NetNS}), kernel.EEXIST,
			"move a link to where its name is taken")
		equal(e, a.link("w").Index, w, "index of the link, still here")
	}},
	{"move/with-new-name", "net/core/rtnetlink.c do_setlink: IFLA_IFNAME with IFLA_NET_NS_FD", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.bridge("w")
		_, w := a.veth("v", "w")
		e.ok(a.ChangeLink(w, kernel.LinkChange{NetNS: b.NetNS, Name: new("eth0")}),
			"move a link with a new name to where the old one is taken")
		equal(e, b.names(), []string{"w", "eth0"}, "links there")
	}},
	{"move/new-name-taken", "net/core/dev.c __dev_change_net_namespace: dev_get_valid_name", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.bridge("w")
		b.bridge("eth0")
		_, w := a.veth("v", "w")
		e.refused(a.ChangeLink(w, kernel.LinkChange{NetNS: b.NetNS, Name: new("eth0")}), kernel.EEXIST,
			"move a link with a new name to where both names are taken")
	}},
	{"move/keeps-free-index", "net/core/dev.c __dev_change_net_namespace: dev_index_reserve", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.bridge("br")
		v, _ := a.veth("v", "w") // 4, after br and w
		a.move(v, b)
		equal(e, b.link("v").Index, v, "index of a link that was moved to where its index is free")
	}},
	{"move/new-index-where-taken", "net/core/dev.c __dev_change_net_namespace: dev_index_reserve", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.bridge("br") // 2
		_, w := a.veth("v", "w")
		a.move(w, b)
		equal(e, []int{w, b.link("w").Index}, []int{2, 3},
			"indexes of a link, before and after it was moved to where 2 is taken")
	}},
	{"move/to-where-it-is", "net/core/dev.c __dev_change_net_namespace: net_eq", func(e *env) {
		a := e.netns("a")
		v, _ := a.veth("v", "w")
		a.up(v)
		e.ok(a.ChangeLink(v, kernel.LinkChange{NetNS: a.NetNS}), "move a link to the namespace it is in")
		equal(e, a.at(v).Up, true, "flag UP of a link that was moved nowhere")
	}},
	{"move/netns-closed", "net/core/net_namespace.c get_net_ns_by_fd", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		v, _ := a.veth("v", "w")
		b.Close()
		e.refused(a.ChangeLink(v, kernel.LinkChange{NetNS: b.NetNS}), kernel.EBADF, "move a link by a closed handle")
	}},
	{"move/loopback", "net/core/dev.c __dev_change_net_namespace: netns_immutable", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		e.refused(a.ChangeLink(a.link("lo").Index, kernel.LinkChange{NetNS: b.NetNS}), kernel.EINVAL, "move lo")
	}},
	{"move/bridge", "net/core/dev.c __dev_change_net_namespace: netns_immutable", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		e.refused(a.ChangeLink(a.bridge("br"), kernel.LinkChange{NetNS: b.NetNS}), kernel.EINVAL, "move a bridge")
	}},
}

// move moves a link to another namespace.
func (n *netns) move(link int, to *netns) { n.set(link, kernel.LinkChange{NetNS: to.NetNS}) }
