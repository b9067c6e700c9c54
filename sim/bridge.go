package sim

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A bridge is what makes a link one.
type bridge struct {
	ports     []*link // newest first, as br->port_list
	numbers   []byte  // 1 for each that a port has; none has 0
	fdb       fdb     // what it has learnt
	pinnedMAC bool    // the address was set: NET_ADDR_SET
	pinnedMTU bool    // the MTU was set: BROPT_MTU_SET_BY_USER

	filtering   bool // BROPT_VLAN_ENABLED
	defaultPVID int
	vlans       vlanGroup // its own memberships, as if it were one of its ports
}

// A port is what a bridge knows of one of its ports.
type port struct {
	number     int32 // from 1
	forwarding bool  // BR_STATE_FORWARDING; else BR_STATE_DISABLED
	promisc    bool  // BR_PROMISC: see managePromiscuity
	flags      kernel.Port
	learnt     int32 // entries of the bridge that forget drops
	vlans      vlanGroup
}

// maxPorts is BR_MAX_PORTS less number 0, which no port has.
const maxPorts = 1023

func (c Config) bridgePorts() int { return cmp.Or(c.BridgePorts, maxPorts) }

// setMaster makes the link a port of the bridge with the index, or with 0 of none. A link that was a port of another
// bridge is not any more, even when it cannot become one of this. (net/core/rtnetlink.c: do_set_master.)
func (l *link) setMaster(index int) *refusal {
	if l.master != nil {
		if l.master.index == index {
			return nil
		}
		l.master.removePort(l)
	}
	if index == 0 {
		return nil
	}
	master := l.ns.link(index)
	switch {
	case master == nil:
		return refuse(kernel.EINVAL) // do_set_master: __dev_get_by_index
	case master.bridge == nil:
		return refuse(kernel.EOPNOTSUPP) // do_set_master: no ndo_add_slave
	}
	return master.addPort(l)
}

// addPort is net/bridge/br_if.c: br_add_if.
func (l *link) addPort(p *link) *refusal {
	if p.loopback() || !p.mac.valid() {
		return refuse(kernel.EINVAL)
	}
	if p.bridge != nil {
		return refuse(kernel.ELOOP, "Can not enslave a bridge to a bridge")
	}
	number, r := l.bridge.freeNumber(l.world().config.bridgePorts())
	if r != nil {
		return r
	}
	if p.isOn(l) {
		return refuse(kernel.EBUSY) // netdev_master_upper_dev_link: __netdev_has_upper_dev
	}
	p.master, p.port = l, &port{number: number}
	l.bridge.take(number)
	l.bridge.ports = slices.Insert(l.bridge.ports, 0, p)
	if len(l.bridge.ports) > 2 { // the others take all already
		p.takeAllFrames(true)
	} else {
		l.managePromiscuity() // nbp_update_port_count
	}
	l.addLocal(p, p.mac, 0)
	l.joinDefault(p)
	if len(l.bridge.ports) == 1 || bytes.Compare(p.mac[:], l.mac[:]) < 0 {
		l.recalculateMAC()
	}
	p.filterFrames()
	p.checkPort()
	if p.mtu != l.mtu {
		l.adjustMTU()
	}
	return nil
}

// freeNumber is net/bridge/br_if.c: find_portno.
func (b *bridge) freeNumber(most int) (int32, *refusal) {
	if b.numbers == nil {
		b.numbers = []byte{1}
	}
	n := bytes.IndexByte(b.numbers, 0)
	if n < 0 {
		n = len(b.numbers)
	}
	if n > most {
		return 0, refuse(kernel.EXFULL)
	}
	return int32(n), nil
}

// take notes that a port has a number now.
func (b *bridge) take(number int32) {
	if int(number) == len(b.numbers) {
		b.numbers = append(b.numbers, 0)
	}
	b.numbers[number] = 1
}

// removePort is net/bridge/br_if.c: br_del_if.
func (l *link) removePort(p *link) {
	l.bridge.ports = slices.DeleteFunc(l.bridge.ports, func(other *link) bool { return other == p })
	l.forgetPort(p)
	p.takeAllFrames(false)
	l.bridge.numbers[p.port.number] = 0
	p.master, p.port = nil, nil
	p.filterFrames()
	l.managePromiscuity() // nbp_update_port_count
	l.adjustMTU()
	l.recalculateMAC()
	l.selectCarrier()
}

// recalculateMAC gives a bridge the lowest MAC of its ports, and none without ports, unless it was set by hand.
// (net/bridge/br_stp_if.c: br_stp_recalculate_bridge_id.)
func (l *link) recalculateMAC() {
	if l.bridge.pinnedMAC {
		return
	}
	var lowest mac
	for _, p := range l.bridge.ports {
		if lowest == (mac{}) || bytes.Compare(p.mac[:], lowest[:]) < 0 {
			lowest = p.mac
		}
	}
	l.changeBridgeMAC(lowest)
}

// changeBridgeMAC is net/bridge/br_stp_if.c: br_stp_change_bridge_id. It also looks for ports that forward, so that a
// bridge that never had one loses its carrier by it.
func (l *link) changeBridgeMAC(m mac) {
	if m == l.mac {
		return
	}
	l.ownMACChanges(m)
	l.changeMAC(m)
	l.selectCarrier()
}

// adjustMTU gives a bridge the least MTU of its ports, unless it was set by hand. (net/bridge/br_if.c:
// br_mtu_auto_adjust.)
func (l *link) adjustMTU() {
	if l.bridge.pinnedMTU {
		return
	}
	least := 0
	for _, p := range l.bridge.ports {
		if least == 0 || p.mtu < least {
			least = p.mtu
		}
	}
	if least == 0 {
		least = defaultMTU
	}
	if least < kernel.MinMTU || least > kernel.MaxMTU {
		return // dev_validate_mtu: dev_set_mtu refuses it, and nobody looks
	}
	l.changeMTU(least)
}

// checkPort makes a port of a running bridge forward while it runs itself. (net/bridge/br_if.c:
// br_port_carrier_check; without STP a port forwards at once: br_stp.c: br_make_forwarding.)
func (l *link) checkPort() {
	runs := l.up && l.operUp()
	if l.master == nil || !l.master.up || l.port.forwarding == runs {
		return
	}
	l.port.forwarding = runs
	if !runs {
		l.master.bridge.forget(l, 0) // br_stp_disable_port
	}
	l.master.selectCarrier()
}

// startPorts is net/bridge/br_stp_if.c: br_stp_enable_bridge. A bridge without ports keeps the carrier that it has from
// the beginning.
func (l *link) startPorts() {
	for _, p := range l.bridge.ports {
		p.checkPort()
	}
}

// stopPorts is net/bridge/br_stp_if.c: br_stp_disable_bridge.
func (l *link) stopPorts() {
	for _, p := range l.bridge.ports {
		if p.port.forwarding {
			p.port.forwarding = false
			l.bridge.forget(p, 0)
			l.selectCarrier()
		}
	}
}

// selectCarrier gives a bridge a carrier while one of its ports forwards. (net/bridge/br_stp.c: br_port_state_selection.)
func (l *link) selectCarrier() {
	l.setCarrier(slices.ContainsFunc(l.bridge.ports, func(p *link) bool { return p.port.forwarding }))
}
