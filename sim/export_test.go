package sim

import "github.com/cnilab/cnilab/kernel"

// Inject lets a link of a simulated namespace send a frame as it is, as a packet socket of Linux does (AF_PACKET).
func Inject(ns kernel.NetNS, link string, frame []byte) {
	n := ns.(*handle)
	f, _ := parseFrame(frame)
	n.host.world.update(func() { n.ns.named(link).transmit(f) })
}
