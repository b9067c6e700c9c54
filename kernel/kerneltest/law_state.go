package kerneltest

import "github.com/cnilab/cnilab/kernel"

// stateLaws are about carrier and operational state. Linux sets the state some time after its cause.
var stateLaws = []Law{
	{"state/veth/down", "net/core/link_watch.c rfc2863_policy", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.oper(v, kernel.OperDown, "veth that is down")
		equal(e, ns.at(v).LowerUp, false, "carrier of a veth that is down")
	}},
	{"state/veth/peer-down", "net/core/link_watch.c default_operstate: iflink differs", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.oper(v, kernel.OperLowerLayerDown, "veth that is up, its peer down")
		equal(e, ns.at(v).LowerUp, false, "carrier of a veth whose peer is down")
	}},
	{"state/veth/made-as-port", "net/core/link_watch.c linkwatch_event: waits for the request's end", func(e *env) {
		// The peer's index is looked up where the veth is, and is the bridge's there. A bridge has a carrier until it
		// has looked for a port that forwards.
		alone, port := e.netns("alone"), e.netns("port")
		add := func(ns *netns, peer string, port bool) int {
			spec := pair("v", "w", e.netns(peer))
			spec.Up = true
			if br := ns.bridge("br"); port {
				spec.Master = br
			}
			e.ok(ns.AddLink(spec), "add a veth that is up")
			return ns.link("v").Index
		}
		alone.oper(add(alone, "b", false), kernel.OperDown, "veth beside a bridge that has never had a port")
		port.oper(add(port, "c", true), kernel.OperLowerLayerDown, "veth made a port of a bridge that is down")
	}},
	{"state/veth/both-up", "drivers/net/veth.c veth_open", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		for _, end := range []int{v, w} {
			ns.oper(end, kernel.OperUp, "veth, both ends up")
			equal(e, ns.at(end).LowerUp, true, "carrier of a veth, both ends up")
		}
	}},
	{"state/veth/peer-set-down", "drivers/net/veth.c veth_close", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		ns.oper(v, kernel.OperUp, "veth, both ends up")
		ns.down(w)
		ns.oper(v, kernel.OperLowerLayerDown, "veth whose peer was set down")
		ns.oper(w, kernel.OperDown, "veth that was set down")
	}},
	{
		"state/bridge/never-had-a-port",
		"net/bridge/br_device.c br_dev_setup: carrier is on until a port says otherwise", func(e *env) {
			ns := e.netns("a")
			br := ns.bridge("br")
			ns.up(br)
			ns.oper(br, kernel.OperUnknown, "bridge that never had a port, up")
			equal(e, ns.at(br).LowerUp, true, "carrier of a bridge that never had a port")
		},
	},
	{
		"state/bridge/port-down",
		"net/bridge/br_if.c br_add_if, net/bridge/br_stp.c br_port_state_selection", func(e *env) {
			ns := e.netns("a")
			br := ns.bridge("br")
			ns.up(br)
			ns.port(br, macLow)
			ns.oper(br, kernel.OperDown, "bridge whose only port is down")
			equal(e, ns.at(br).LowerUp, false, "carrier of a bridge whose only port is down")
		},
	},
	{"state/bridge/port-without-carrier", "net/bridge/br_stp_if.c br_stp_enable_port", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		ns.up(br, port)
		ns.oper(port, kernel.OperLowerLayerDown, "port whose peer is down")
		ns.oper(br, kernel.OperDown, "bridge whose only port has no carrier")
	}},
	{"state/bridge/port-with-carrier", "net/bridge/br_stp.c br_port_state_selection: netif_carrier_on", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		ns.up(br, port, ns.at(port).Peer)
		ns.oper(br, kernel.OperUp, "bridge with a running port")
		equal(e, ns.at(br).LowerUp, true, "carrier of a bridge with a running port")
	}},
	{
		"state/bridge/last-running-port-leaves",
		"net/bridge/br_stp.c br_port_state_selection: netif_carrier_off", func(e *env) {
			ns := e.netns("a")
			br := ns.bridge("br")
			port := ns.port(br, macLow)
			ns.up(br, port, ns.at(port).Peer)
			ns.oper(br, kernel.OperUp, "bridge with a running port")
			ns.enslave(port, 0)
			ns.oper(br, kernel.OperDown, "bridge that its running port has left")
		},
	},
	{"state/bridge/peer-set-down", "net/bridge/br_if.c br_port_carrier_check", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		port := ns.port(br, macLow)
		ns.up(br, port, ns.at(port).Peer)
		ns.oper(br, kernel.OperUp, "bridge with a running port")
		ns.down(ns.at(port).Peer)
		ns.oper(br, kernel.OperDown, "bridge when its port has lost its carrier")
	}},
	{"state/loopback/up", "drivers/net/loopback.c: no operational state", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.up(lo)
		ns.oper(lo, kernel.OperUnknown, "lo that is up")
		equal(e, ns.at(lo).LowerUp, true, "carrier of lo")
	}},
}
