package kerneltest

import "github.com/cnilab/cnilab/kernel"

// bridgedRejectLaws are about what a pod is told of what a bridge may not forward.
var bridgedRejectLaws = []Law{
	{"bridged/reject", "net/ipv4/netfilter/nf_reject_ipv4.c nf_send_unreach; net/bridge/br_nf_core.c br_netfilter_rtable_init", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.iptables("-A FORWARD -j REJECT")
		for _, by := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			b.serve(by, "10.0.0.3:80")
			_, err := a.call(by, "10.0.0.3:80")
			e.refused(err, kernel.ECONNREFUSED, "call by %s what is rejected", by)
		}
		node.take(node.link("br").Index, "10.0.0.1/24")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.3:80"))
		e.refused(err, kernel.ETIMEDOUT, "call it, where the node has no address and no route to say so")
	}},
	{"bridged/reject/reset", "net/ipv4/netfilter/nf_reject_ipv4.c nf_send_reset: nf_bridge_get_physindev", func(e *env) {
		node, a, b := e.bridgedLinks()
		br := node.link("br").Index
		node.iptables("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset", "-P OUTPUT DROP")
		b.serve(kernel.TCP, "10.0.0.3:80")
		_, err := a.call(kernel.TCP, "10.0.0.3:80")
		e.refused(err, kernel.ECONNREFUSED, "call what is rejected by a reset, where the node may send nothing of its own")
		v, _ := node.veth("v", "w")
		node.up(v, node.link("w").Index)
		node.oper(v, kernel.OperUp, "veth, both ends up")
		node.take(br, "10.0.0.1/24")
		_, err = a.Call(e.ctx, call(kernel.TCP, "10.0.0.3:80"))
		e.refused(err, kernel.ETIMEDOUT, "call it, where the node has no route to the pod")
		node.via(v, "0.0.0.0/0", "")
		_, err = a.call(kernel.TCP, "10.0.0.3:80")
		e.refused(err, kernel.ECONNREFUSED, "call it, where the node's route to the pod is by another link")
	}},
	{"bridged/reject/reset-untranslated", "net/ipv4/netfilter/nf_reject_ipv4.c nf_send_reset: dev_queue_xmit, not ip_local_out", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p tcp -j DNAT --to-destination 10.0.0.3")
		node.iptables("-A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset", "-A FORWARD -p tcp --dport 81 -j REJECT")
		b.serve(kernel.TCP, "10.0.0.3:80")
		_, err := a.call(kernel.TCP, "10.0.0.3:80")
		e.refused(err, kernel.ECONNREFUSED, "call a pod, which is rejected by a reset")
		_, err = a.Call(e.ctx, call(kernel.TCP, "10.0.0.1:80"))
		e.refused(err, kernel.ETIMEDOUT, "call the node instead of the pod, where the reset comes from the pod")
		_, err = a.call(kernel.TCP, "10.0.0.1:81")
		e.refused(err, kernel.ECONNREFUSED, "call it where it is rejected by an error, which is translated")
	}},
	{"bridged/reject/reset-of-the-routed", "net/ipv4/netfilter/nf_reject_ipv4.c nf_send_reset: nf_bridge_get_physindev", func(e *env) {
		node, a, b := e.routedLab()
		e.needsBridgeNetfilter(node.netns)
		node.iptables("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset", "-P OUTPUT DROP")
		b.serve(kernel.TCP, "10.2.0.2:80")
		_, err := a.call(kernel.TCP, "10.2.0.2:80")
		e.refused(err, kernel.ECONNREFUSED, "call a pod of another bridge, where the node may send nothing of its own")
		node.setSysctl(callIPTables, "0")
		_, err = a.Call(e.ctx, call(kernel.TCP, "10.2.0.2:80"))
		e.refused(err, kernel.ETIMEDOUT, "call it where chains are asked about routed packets alone")
	}},
}
