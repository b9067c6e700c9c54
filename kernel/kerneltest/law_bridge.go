package kerneltest

import (
	"net"

	"github.com/cnilab/cnilab/kernel"
)

// bridgeLaws are about what a bridge has from its ports.
var bridgeLaws = []Law{
	{"bridge/mac/lowest-port", "net/bridge/br_stp_if.c br_stp_recalculate_bridge_id", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		for _, step := range []struct{ port, want string }{{macMid, macMid}, {macHigh, macMid}, {macLow, macLow}} {
			ns.port(br, step.port)
			equal(e, ns.at(br).MAC, mac(step.want), "MAC of the bridge once it has a port with %s", step.port)
		}
	}},
	{"bridge/mac/port-changes-its-own", "net/bridge/br.c br_device_event: NETDEV_CHANGEADDR", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macHigh)
		ns.setMAC(port, macLow)
		equal(e, ns.at(br).MAC, mac(macLow), "MAC of the bridge once its only port has got another")
	}},
	{"bridge/mac/empty-again", "net/bridge/br_stp_if.c br_stp_recalculate_bridge_id: br_mac_zero", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.enslave(ns.port(br, macMid), 0)
		equal(e, ns.at(br).MAC, mac("00:00:00:00:00:00"), "MAC of the bridge when its last port has left")
	}},
	{"bridge/mac/port-deleted", "net/bridge/br_if.c br_del_if", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.port(br, macHigh)
		e.ok(ns.DeleteLink(ns.port(br, macLow)), "delete the port with the lowest MAC")
		equal(e, ns.at(br).MAC, mac(macHigh), "MAC of the bridge with the other port")
	}},
	{"bridge/mac/pinned", "net/bridge/br_device.c br_set_mac_address: NET_ADDR_SET", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.setMAC(br, macMid)
		ns.enslave(ns.port(br, macLow), 0)
		equal(e, ns.at(br).MAC, mac(macMid), "MAC of a bridge that was set, after a lower port has come and gone")
	}},
	{"bridge/mac/pinned-by-its-own", "net/core/dev.c netif_set_mac_address: NET_ADDR_SET", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		own := ns.at(br).MAC.String()
		ns.setMAC(br, own)
		ns.port(br, macLow)
		equal(e, ns.at(br).MAC, mac(own), "MAC of a bridge that was set to the one it had, after a lower port has come")
	}},
	{"bridge/mac/pinned-at-creation", "net/core/rtnetlink.c rtnl_create_link: NET_ADDR_SET", func(e *env) {
		ns := e.netns("a")
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge, MAC: mac(macMid)}),
			"add a bridge with a MAC")
		br := ns.link("br").Index
		ns.port(br, macLow)
		equal(e, ns.at(br).MAC, mac(macMid), "MAC of a bridge made with one, after a lower port has come")
	}},
	{"bridge/mtu/lowest-port", "net/bridge/br_if.c br_mtu_auto_adjust", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.resize(ns.port(br, macLow), 1400)
		equal(e, ns.at(br).MTU, 1400, "MTU of the bridge whose only port has 1400")
		ns.port(br, macHigh)
		equal(e, ns.at(br).MTU, 1400, "MTU of the bridge with another port that has 1500")
	}},
	{"bridge/mtu/grows", "net/bridge/br_if.c br_mtu_min", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.resize(ns.port(br, macLow), 9000)
		equal(e, ns.at(br).MTU, 9000, "MTU of the bridge whose only port has 9000")
	}},
	{"bridge/mtu/empty-again", "net/bridge/br_if.c br_mtu_auto_adjust: ETH_DATA_LEN", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		ns.resize(port, 1400)
		ns.enslave(port, 0)
		equal(e, ns.at(br).MTU, 1500, "MTU of the bridge when its last port has left")
	}},
	{"bridge/mtu/pinned", "net/bridge/br_device.c br_change_mtu: BROPT_MTU_SET_BY_USER", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.resize(br, 1450)
		ns.resize(ns.port(br, macLow), 1400)
		equal(e, ns.at(br).MTU, 1450, "MTU of a bridge that was set, with a port of 1400")
	}},
	{"bridge/delete/frees-ports", "net/bridge/br_if.c br_dev_delete", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		e.ok(ns.DeleteLink(br), "delete a bridge with a port")
		equal(e, []int{ns.at(port).Master, ns.at(port).Promiscuity}, []int{0, 0}, "master and promiscuity of the port")
	}},
}

// port makes a veth with a MAC, makes it a port of the bridge, and returns its index. The peer is named after it.
func (n *netns) port(bridge int, address string) int {
	name := "p" + address[len(address)-2:]
	v, _ := n.veth(name, name+"x")
	n.setMAC(v, address)
	n.enslave(v, bridge)
	return v
}

// masterLaws are about who may be a port of whom.
var masterLaws = []Law{
	{"master/set", "net/core/rtnetlink.c do_set_master", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		equal(e, ns.at(port).Master, br, "master of a port")
		ns.enslave(port, 0)
		equal(e, ns.at(port).Master, 0, "master of a port that was freed")
	}},
	{"master/none-to-none", "net/core/rtnetlink.c do_set_master", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		e.ok(ns.ChangeLink(v, kernel.LinkChange{Master: new(0)}), "take the master of a link that has none")
	}},
	{"master/same-again", "net/core/rtnetlink.c do_set_master", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		e.ok(ns.ChangeLink(port, kernel.LinkChange{Master: &br}), "make a port of the bridge its port again")
		equal(e, ns.at(port).Promiscuity, 1, "promiscuity of the port")
	}},
	{"master/another", "net/core/rtnetlink.c do_set_master: ndo_del_slave first", func(e *env) {
		ns := e.netns("a")
		br, other := ns.bridge("br"), ns.bridge("other")
		port := ns.port(br, macLow)
		ns.enslave(port, other)
		equal(e, []int{ns.at(port).Master, ns.at(port).Promiscuity}, []int{other, 1},
			"master and promiscuity of the port")
		equal(e, ns.at(br).MAC, mac("00:00:00:00:00:00"), "MAC of the bridge that it left")
	}},
	{"master/absent", "net/core/rtnetlink.c do_set_master: __dev_get_by_index", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		e.refused(ns.ChangeLink(v, kernel.LinkChange{Master: new(absent)}), kernel.EINVAL,
			"set a master that is not there")
	}},
	{"master/no-bridge", "net/core/rtnetlink.c do_set_master: no ndo_add_slave", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		e.refused(ns.ChangeLink(v, kernel.LinkChange{Master: &w}), kernel.EOPNOTSUPP,
			"make a veth the port of its peer")
		e.refused(ns.ChangeLink(v, kernel.LinkChange{Master: &v}), kernel.EOPNOTSUPP, "make a veth its own port")
	}},
	{"master/bridge-under-bridge", "net/bridge/br_if.c br_add_if: br_dev_xmit", func(e *env) {
		ns := e.netns("a")
		br, other := ns.bridge("br"), ns.bridge("other")
		e.refused(ns.ChangeLink(br, kernel.LinkChange{Master: &other}), kernel.ELOOP,
			"make a bridge the port of another")
		e.refused(ns.ChangeLink(br, kernel.LinkChange{Master: &br}), kernel.ELOOP, "make a bridge its own port")
	}},
	{"master/loopback-under-bridge", "net/bridge/br_if.c br_add_if: IFF_LOOPBACK", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		e.refused(ns.ChangeLink(ns.link("lo").Index, kernel.LinkChange{Master: &br}), kernel.EINVAL,
			"make lo the port of a bridge")
	}},
	{"master/bridge-full", "net/bridge/br_if.c find_portno: BR_MAX_PORTS", func(e *env) {
		const ports = 1023
		ns := e.netns("a")
		br := ns.bridge("br")
		spec := kernel.LinkSpec{Kind: kernel.KindVeth, Master: br}
		for i := range ports {
			spec.MAC = net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)}
			spec.Name, spec.Peer.Name = numbered("v", i), numbered("w", i)
			e.ok(ns.AddLink(spec), "add port %d of the bridge", i+1)
		}
		spec.Name, spec.Peer.Name, spec.MAC = "v", "w", nil
		e.refused(ns.AddLink(spec), kernel.EXFULL, "add port %d of the bridge", ports+1)
	}},
}
