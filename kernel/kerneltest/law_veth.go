package kerneltest

import (
	"errors"

	"github.com/cnilab/cnilab/kernel"
)

// vethLaws are about pairs.
var vethLaws = []Law{
	{"veth/add/both-ends", "drivers/net/veth.c veth_newlink", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		equal(e, []string{ns.at(v).Kind, ns.at(w).Kind}, []string{kernel.KindVeth, kernel.KindVeth},
			"kinds of both ends")
		equal(e, []int{ns.at(v).Peer, ns.at(w).Peer}, []int{w, v}, "indexes that the ends have for each other")
		equal(e, []bool{ns.at(v).PeerHere, ns.at(w).PeerHere}, []bool{true, true}, "whether the other end is here")
	}},
	{"veth/add/peer-first", "drivers/net/veth.c veth_newlink: the peer is registered first", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		equal(e, []int{w, v}, []int{2, 3}, "indexes of the peer and the link itself, made in one request")
	}},
	{"veth/add/peer-name-taken", "drivers/net/veth.c veth_newlink: register_netdevice(peer)", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br")
		e.refused(ns.AddLink(pair("v", "br", nil)), kernel.EEXIST, "add a veth with the peer name taken")
		equal(e, ns.names(), []string{"br"}, "links after the refusal")
	}},
	{"veth/add/peer-of-same-name", "drivers/net/veth.c veth_newlink", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddLink(pair("v", "v", nil)), kernel.EEXIST, "add a veth with a peer of the same name")
		equal(e, ns.names(), []string{}, "links after the refusal")
	}},
	{"veth/add/peer-mtu-limits", "net/core/rtnetlink.c rtnl_create_link: dev_validate_mtu", func(e *env) {
		ns := e.netns("a")
		spec := pair("v", "w", nil)
		spec.Peer.MTU = kernel.MinMTU - 1
		e.refused(ns.AddLink(spec), kernel.EINVAL, "add a veth whose peer has MTU %d", spec.Peer.MTU)
		equal(e, ns.names(), []string{}, "links after the refusal")
	}},
	{
		"veth/add/peer-mac-invalid",
		"net/core/rtnetlink.c rtnl_newlink: rtnl_link_ops.validate of the peer", func(e *env) {
			ns := e.netns("a")
			spec := pair("v", "w", nil)
			spec.Peer.MAC = mac("01:00:00:00:00:01")
			e.refused(ns.AddLink(spec), kernel.EADDRNOTAVAIL, "add a veth whose peer has a multicast MAC")
			equal(e, ns.names(), []string{}, "links after the refusal")
		},
	},
	{"veth/add/peer-name-invalid", "net/core/dev.c dev_valid_name", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddLink(pair("v", "a/b", nil)), kernel.EINVAL, "add a veth with a peer named a/b")
		equal(e, ns.names(), []string{}, "links after the refusal")
	}},
	{"veth/add/both-names-wrong", "net/core/rtnetlink.c rtnl_newlink; drivers/net/veth.c veth_newlink", func(e *env) {
		ns := e.netns("a")
		ns.bridge("v")
		if err := ns.AddLink(pair("v", "a/b", nil)); !errors.Is(err, kernel.EEXIST) { // which is looked at first differs
			e.refused(err, kernel.EINVAL, "add a veth with a name that is taken, and a peer named a/b")
		}
		equal(e, ns.names(), []string{"v"}, "links after the refusal")
	}},
	{"veth/add/peer-elsewhere", "net/core/rtnetlink.c rtnl_newlink: the peer's IFLA_NET_NS_FD", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		v, w := a.vethTo(b, "v", "w")
		equal(e, []int{a.at(v).Peer, b.at(w).Peer}, []int{w, v}, "indexes that the ends have for each other")
		equal(e, []bool{a.at(v).PeerHere, b.at(w).PeerHere}, []bool{false, false}, "whether the other end is here")
		equal(e, [][]string{a.names(), b.names()}, [][]string{{"v"}, {"w"}}, "links of both namespaces")
	}},
	{"veth/add/same-name-elsewhere", "net/core/dev.c dev_get_valid_name: names are per namespace", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		e.ok(a.AddLink(pair("eth0", "eth0", b)), "add a veth whose peer has the same name in another namespace")
		equal(e, [][]string{a.names(), b.names()}, [][]string{{"eth0"}, {"eth0"}}, "links of both namespaces")
	}},
	{"veth/add/peer-name-taken-elsewhere", "drivers/net/veth.c veth_newlink: register_netdevice(peer)", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.bridge("eth0")
		e.refused(a.AddLink(pair("v", "eth0", b)), kernel.EEXIST, "add a veth whose peer's name is taken there")
		equal(e, a.names(), []string{}, "links after the refusal")
	}},
	{"veth/add/peer-netns-closed", "net/core/net_namespace.c get_net_ns_by_fd", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		b.Close()
		e.refused(a.AddLink(pair("v", "w", b)), kernel.EBADF, "add a veth into a namespace whose handle is closed")
		equal(e, a.names(), []string{}, "links after the refusal")
	}},
	{"veth/add/all-in-one-request", "drivers/net/veth.c veth_newlink; measured on 6.18.44", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		br := a.bridge("br")
		e.ok(a.AddLink(kernel.LinkSpec{
			Name: "v", Kind: kernel.KindVeth, MTU: 1400, MAC: mac(macLow), Master: br, Up: true,
			Peer: kernel.PeerSpec{Name: "eth0", MTU: 1300, MAC: mac(macHigh), NetNS: b.NetNS},
		}), "add a veth with all that one request can say")
		v, w := a.link("v"), b.link("eth0")
		equal(e, []any{v.MTU, v.MAC, v.Master, v.Up}, []any{1400, mac(macLow), br, true},
			"MTU, MAC, master, UP of the link")
		equal(e, []any{w.MTU, w.MAC, w.Master, w.Up}, []any{1300, mac(macHigh), 0, false}, "the same of its peer")
	}},
	{"veth/delete/takes-peer", "drivers/net/veth.c veth_dellink", func(e *env) {
		ns := e.netns("a")
		_, w := ns.veth("v", "w")
		e.ok(ns.DeleteLink(w), "delete the peer of a veth")
		equal(e, ns.names(), []string{}, "links after it")
	}},
	{"veth/delete/takes-peer-elsewhere", "drivers/net/veth.c veth_dellink", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		_, w := a.vethTo(b, "v", "w")
		e.ok(b.DeleteLink(w), "delete the end of a veth that is in b")
		equal(e, [][]string{a.names(), b.names()}, [][]string{{}, {}}, "links of both namespaces after it")
	}},
}
