package sim_test

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
	"github.com/cnilab/cnilab/sim"
)

// A fate is a story after which a packet ends, where that is seen, and why.
type fate struct {
	place  string
	reason sim.DropReason
	story  func(d *dropLab)
}

// A dropLab is a node with two pods on a bridge, 10.1.0.2 and 10.1.0.3, and one on another, 10.2.0.2, and a cable to
// another host.
type dropLab struct {
	*lab
	a, b, far kernel.NetNS
	cable     *sim.Cable
}

func newDropLab(t *testing.T) *dropLab {
	d := &dropLab{}
	d.lab, d.a, d.far = twoBridges(t)
	d.b = d.pod("b2", "cni0", "10.1.0.3/24", "10.1.0.1")
	other := d.world.AddHost("other")
	d.cable = must(d.world.Cable(sim.Plug{Host: d.host}, sim.Plug{Host: other}, sim.CableSpec{}))(t)
	there := must(other.Self())(t)
	t.Cleanup(there.Close)
	d.address(d.node, "eth0", "10.9.0.1/24")
	d.up(d.node, "eth0")
	d.up(there, "eth0")
	d.must(d.host.Sleep(background, 5*time.Second))
	return d
}

// ping sends one echo request whose answer nobody minds.
func (d *dropLab) ping(from kernel.NetNS, to string, size int) {
	_, _ = from.Ping(background, kernel.Ping{To: addr(to), Size: size, Timeout: 40 * time.Second})
}

func (d *dropLab) set(ns kernel.NetNS, key, value string) {
	d.t.Helper()
	d.must(ns.SetSysctl(key, value))
}

// neighbour lets a pod take this for the MAC of an address.
func (d *dropLab) neighbour(ns kernel.NetNS, link, ip, mac string) {
	d.t.Helper()
	d.must(ns.AddNeighbour(kernel.Neighbour{Link: d.index(ns, link), IP: addr(ip), MAC: must(net.ParseMAC(mac))(d.t)}))
}

func (d *dropLab) mtu(ns kernel.NetNS, link string, mtu int) {
	d.t.Helper()
	d.must(ns.ChangeLink(d.index(ns, link), kernel.LinkChange{MTU: &mtu}))
}

// send lets pod a send a frame to pod b with this between the MACs and the end.
func (d *dropLab) send(from string, rest ...byte) {
	frame := slices.Concat(must(d.b.LinkByName("eth0"))(d.t).MAC, must(net.ParseMAC(from))(d.t), rest)
	sim.Inject(d.a, "eth0", frame)
	d.must(d.world.Sleep(background, time.Second))
}

const someMAC = "02:00:00:00:00:99"

// headerFrom is an IPv4 header from an address to 10.1.0.3, with the ether type in front.
func headerFrom(src [4]byte) []byte {
	h := []byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, src[0], src[1], src[2], src[3], 10, 1, 0, 3}
	sum := 0
	for i := 0; i < len(h); i += 2 {
		sum += int(h[i])<<8 | int(h[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	h[10], h[11] = byte(sum>>8), byte(sum)
	return append([]byte{0x08, 0x00}, h...)
}

// Each reason for which a packet can end has a way to it, and is seen where it does.
var fates = []fate{
	{"node/host/vb2", sim.DropTooLong, func(d *dropLab) { d.mtu(d.node, "vb2", 1000); d.ping(d.a, "10.1.0.3", 1400) }},
	{"node/b2/eth0", sim.DropReassembly, func(d *dropLab) { d.mtu(d.node, "vb2", 1000); d.ping(d.a, "10.1.0.3", 1600) }},
	{"node/b2/eth0", sim.DropOtherHost, func(d *dropLab) {
		d.neighbour(d.a, "eth0", "10.1.0.9", someMAC)
		d.ping(d.a, "10.1.0.9", 56)
	}},
	{"node/host/va", sim.DropControlFrame, func(d *dropLab) {
		d.neighbour(d.a, "eth0", "10.1.0.9", "01:80:c2:00:00:01")
		d.ping(d.a, "10.1.0.9", 56)
	}},
	{"node/b2/eth0", sim.DropUnhandled, func(d *dropLab) { d.send(someMAC, 0x88, 0xcc) }},
	{"node/host/cni0", sim.DropBadHeader, func(d *dropLab) { d.send(someMAC, 0x08, 0x00, 0x45) }},
	{"node/b2/eth0", sim.DropInvalidSource, func(d *dropLab) { d.send(someMAC, headerFrom([4]byte{224, 0, 0, 1})...) }},
	{"node/b2/eth0", sim.DropLocalNet, func(d *dropLab) { d.send(someMAC, headerFrom([4]byte{127, 0, 0, 1})...) }},
	{"node/b2/eth0", sim.DropLocalSource, func(d *dropLab) { d.send(someMAC, headerFrom([4]byte{10, 1, 0, 3})...) }},
	{"node/host/va", sim.DropInvalidMAC, func(d *dropLab) { d.send("01:00:00:00:00:01", 0x08, 0x00) }},
	{"node/b2/eth0", sim.DropReversePath, func(d *dropLab) {
		d.set(d.b, "net/ipv4/conf/all/rp_filter", "1")
		d.must(d.b.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")}))
		d.send(someMAC, headerFrom([4]byte{192, 0, 2, 1})...)
	}},
	{"node/host/cni0", sim.DropNotForwarding, func(d *dropLab) { d.ping(d.a, "10.2.0.2", 56) }},
	{"node/host/cni0", sim.DropNoRoute, func(d *dropLab) { d.forward(); d.ping(d.a, "192.0.2.1", 56) }},
	{"node/host/eth0", sim.DropNeighbourFailed, func(d *dropLab) { d.ping(d.node, "10.9.0.7", 56) }},
	{"node/a/eth0", sim.DropNeighbourQueue, func(d *dropLab) { d.mtu(d.a, "eth0", 100); d.ping(d.a, "10.1.0.7", 20_000) }},
	{"node/b2", sim.DropNoRouteOut, func(d *dropLab) {
		d.must(d.b.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")}))
		d.forward()
		d.ping(d.far, "10.1.0.3", 56)
	}},
	{"node/host/cni0", sim.DropNetfilter, func(d *dropLab) {
		d.forward()
		chain := kernel.FilterChange{Do: kernel.AddTable, Family: kernel.FilterIP, Table: "t"}
		table := chain
		chain.Do, chain.Chain = kernel.AddChain, "fwd"
		chain.Base = &kernel.BaseChain{Type: "filter", Hook: "forward", Policy: kernel.Drop}
		d.must(d.node.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{table, chain}))
		d.ping(d.a, "10.2.0.2", 56)
	}},
	{"node/host/va", sim.DropPortDisabled, func(d *dropLab) { d.down(d.node, "cni0"); d.ping(d.a, "10.1.0.3", 56) }},
	{"node/a/eth0", sim.DropDeviceNotReady, func(d *dropLab) { d.down(d.node, "va"); d.ping(d.a, "10.1.0.3", 56) }},
	{"node/host/va", sim.DropNotSpecified, func(d *dropLab) {
		d.must(d.node.ChangeBridge(d.index(d.node, "cni0"), kernel.BridgeChange{Filtering: new(true)}))
		d.must(d.node.DeleteVLANs(kernel.VLANRange{Link: d.index(d.node, "va"), First: 1}))
		d.ping(d.a, "10.1.0.3", 56)
	}},
	{"node/host/vx", sim.DropNoTarget, func(d *dropLab) {
		d.must(d.node.AddLink(kernel.LinkSpec{
			Name: "vx", Kind: kernel.KindVXLAN, Parent: d.index(d.node, "eth0"), Up: true, VXLAN: kernel.VXLAN{ID: 1},
		}))
		d.address(d.node, "vx", "10.8.0.1/24")
		d.ping(d.node, "10.8.0.2", 56)
	}},
	{"node/host/eth0", sim.DropQueueFull, func(d *dropLab) {
		d.must(d.cable.Change(sim.CableSpec{Rate: 1000, Limit: 1}))
		d.neighbour(d.node, "eth0", "10.9.0.2", someMAC)
		d.ping(d.node, "10.9.0.2", 10_000)
	}},
	{"node/host/eth0", sim.DropQueuePurged, func(d *dropLab) {
		d.must(d.cable.Change(sim.CableSpec{Rate: 1000}))
		d.neighbour(d.node, "eth0", "10.9.0.2", someMAC)
		cut := d.world.Go(func() { d.must(d.world.Sleep(background, time.Millisecond)); d.cable.Become(cable.Cut) })
		d.ping(d.node, "10.9.0.2", 10_000)
		d.must(cut())
	}},
}

func TestDropReasons(t *testing.T) {
	for _, f := range fates {
		t.Run(string(f.reason), func(t *testing.T) {
			d := newDropLab(t)
			seen := map[string]bool{}
			stop := d.world.Watch(func(s sim.Sight) {
				if s.Event == sim.Dropped {
					seen[fmt.Sprint(s.Place, " ", s.Reason)] = true
				}
			})
			f.story(d)
			stop()
			if want := fmt.Sprint(f.place, " ", f.reason); !seen[want] {
				t.Errorf("not seen: %s, but %q", want, slices.Sorted(maps.Keys(seen)))
			}
		})
	}
}

// What is watched is told in the order of the world's time, and nothing once that is stopped.
func TestWatchStops(t *testing.T) {
	l, a, _ := twoPods(t)
	var at []time.Time
	stop := l.world.Watch(func(s sim.Sight) { at = append(at, s.At) })
	must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
	if n := len(at); n == 0 || !slices.IsSortedFunc(at, time.Time.Compare) {
		t.Errorf("%d sights, in order: %v", n, at)
	}
	stop()
	n := len(at)
	must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
	if len(at) != n {
		t.Errorf("%d sights more after the end", len(at)-n)
	}
}
