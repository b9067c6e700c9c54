package lockstep

import (
	"fmt"
	"net"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

const (
	// crowdEvery is how many sequences there are for one crowd: one takes as long as a hundred others.
	crowdEvery = 1200

	// maxPorts is how many ports a bridge takes (net/bridge/br_private.h BR_MAX_PORTS, of which 0 is none).
	maxPorts = 1023

	// crowded is more operations than a sequence has that is no crowd.
	crowded = 500
)

// crowd fills a bridge and asks for more ports. The links stay down, since both ends of each veth are ports.
func (d *drawer) crowd() {
	d.add(operation.LinkAdd{NetNS: kernel.HostNetNS, Spec: kernel.LinkSpec{
		Name: "br0", Kind: kernel.KindBridge, MAC: net.HardwareAddr{2, 0, 0, 2, 0, 0}, Up: d.percent(50),
	}})
	for i := range maxPorts / 2 {
		d.add(enslaved(crowdVeth(i), "br0"))
		d.add(setMaster(crowdVeth(i).Spec.Peer.Name, "br0"))
	}
	d.add(enslaved(crowdVeth(maxPorts/2), "br0")) // the peer, p1023, is none
	for range 12 {
		d.add(d.inCrowd())
	}
}

// crowdVeth makes the ports p0 and p1, p2 and p3, and so on.
func crowdVeth(i int) operation.LinkAdd {
	end := func(port int) (string, net.HardwareAddr) {
		return fmt.Sprintf("p%d", port), net.HardwareAddr{2, 0, 0, 3, byte(port >> 8), byte(port)}
	}
	o := operation.LinkAdd{NetNS: kernel.HostNetNS, Spec: kernel.LinkSpec{Kind: kernel.KindVeth}}
	o.Spec.Name, o.Spec.MAC = end(2 * i)
	o.Spec.Peer.Name, o.Spec.Peer.MAC = end(2*i + 1)
	return o
}

func enslaved(o operation.LinkAdd, master string) operation.LinkAdd {
	o.Master = &master
	return o
}

func setMaster(link, master string) operation.LinkSet {
	return operation.LinkSet{NetNS: kernel.HostNetNS, Link: link, Master: &master}
}

// inCrowd draws what is asked once the bridge is full: mostly for one port more, and now and then for one less.
func (d *drawer) inCrowd() operation.Operation {
	port := fmt.Sprintf("p%d", d.below(maxPorts))
	switch n := d.below(100); {
	case n < 60:
		o := enslaved(crowdVeth(maxPorts+d.below(5)), "br0")
		o.Spec.Up = d.percent(30)
		return o
	case n < 75:
		return setMaster(fmt.Sprintf("p%d", maxPorts), "br0")
	case n < 82:
		return setMaster(port, "br0") // it is one already
	case n < 90:
		o := setMaster(fmt.Sprintf("p%d", maxPorts), "br0")
		o.Change.Up, o.Change.MTU = new(true), new(1400) // set before the port is refused
		return o
	case n < 95:
		return operation.LinkSet{NetNS: kernel.HostNetNS, Link: port, Change: kernel.LinkChange{Master: new(0)}}
	default:
		return operation.LinkDelete{NetNS: kernel.HostNetNS, Link: port}
	}
}
