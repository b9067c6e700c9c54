package sim

import (
	"net"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A mac is the address of an Ethernet device.
type mac [6]byte

func (m mac) hardwareAddr() net.HardwareAddr { return net.HardwareAddr(m[:]) }

func (m mac) String() string { return m.hardwareAddr().String() }

func (m mac) multicast() bool { return m[0]&1 != 0 }

// valid is is_valid_ether_addr of include/linux/etherdevice.h.
func (m mac) valid() bool { return !m.multicast() && m != mac{} }

// A link is a network device. Its kind is in which of peer, bridge, vlan, vxlan and card is set; a loopback device
// has none.
type link struct {
	ns    *namespace
	index int
	name  string
	kind  string
	alias string

	mtu    int
	oper   kernel.OperState
	mac    mac
	up     bool // IFF_UP
	lowOff bool // the lower layer has no carrier: __LINK_STATE_NOCARRIER
	active bool // its queues send: dev_activate
	fired  bool // linkwatch has to look at it: see fire
	gone   bool // unregistered

	promisc     bool  // IFF_PROMISC was asked for
	forVLANs    bool  // one of those who need it is the link itself: see filterFrames
	promiscuity int16 // how many need it: its vlans, and a few more

	peer   *link         // of a veth
	master *link         // the bridge it is a port of
	port   *port         // what the bridge knows of it, while it is a port
	bridge *bridge       // of a bridge
	vlan   *vlanLink     // of a vlan
	vlans  map[int]*link // what is on it of the kind vlan, by ID
	card   *card         // of the end of a cable
	vxlan  *vxlan        // of a vxlan

	addresses4 []*address // as inetdev keeps them: primaries by scope, then secondaries
	addresses6 []*address // as the IPv6 list keeps them: by scope
	neighbours map[netip.Addr]*neighbour
	conf4      *conf // net/ipv4/conf/NAME
	ip6        ip6   // the state of IPv6 on the link
}

func (l *link) world() *World { return l.ns.world() }

func (l *link) loopback() bool { return l.kind == "" && l.card == nil }

// noARP is IFF_NOARP: neighbours of the link need no MAC (drivers/net/dummy.c: dummy_setup). A vlan has it of its parent
// (net/8021q/vlan_dev.c: vlan_dev_init).
func (l *link) noARP() bool {
	return l.kind == kernel.KindDummy || l.vlan != nil && l.vlan.parent.noARP()
}

// carrier is netif_carrier_ok.
func (l *link) carrier() bool { return !l.lowOff }

// running is netif_running and netif_carrier_ok: frames can be sent and received.
func (l *link) running() bool { return l.up && l.carrier() }

// newDevice makes a link that is down, of no namespace yet.
func newDevice(kind, name string, mtu int) *link {
	return &link{
		kind: kind,
		name: name,
		mtu:  mtu,
		oper: kernel.OperUnknown,
	}
}

// describe is what a reader of the link is told. (net/core/rtnetlink.c: rtnl_fill_ifinfo.)
func (l *link) describe() kernel.Link {
	d := kernel.Link{
		Index: l.index, Name: l.name, Kind: l.kind, Alias: l.alias,
		MTU: l.mtu, MAC: l.mac.hardwareAddr(),
		Up: l.up, LowerUp: l.running(), Oper: l.reportedOper(),
		Promisc: l.promisc, Promiscuity: int(l.promiscuity),
	}
	if l.master != nil {
		d.Master, d.Port = l.master.index, l.port.flags
	}
	if l.peer != nil {
		d.Peer, d.PeerHere = l.peer.index, l.peer.ns == l.ns
	}
	if l.bridge != nil {
		d.Bridge = kernel.Bridge{Filtering: l.bridge.filtering, DefaultPVID: l.bridge.defaultPVID}
	}
	if l.vlan != nil {
		d.VLAN, d.Parent, d.ParentHere = l.vlan.id, l.vlan.parent.index, l.vlan.parent.ns == l.ns
	}
	if v := l.vxlan; v != nil {
		d.VXLAN = v.VXLAN
		if v.parent != nil {
			d.Parent, d.ParentHere = v.parent.index, v.home == l.ns
		}
	}
	return d
}

// reportedOper is rtnl_fill_ifinfo's IFLA_OPERSTATE: a link that is not running is DOWN, whatever its state was.
func (l *link) reportedOper() kernel.OperState {
	if !l.up {
		return kernel.OperDown
	}
	return l.oper
}
