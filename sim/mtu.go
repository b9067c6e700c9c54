package sim

import "github.com/cnilab/cnilab/kernel"

// defaultMTU is ETH_DATA_LEN.
const defaultMTU = 1500

// minIPv6MTU is IPV6_MIN_MTU.
const minIPv6MTU = 1280

// checkMTU is net/core/dev.c: dev_validate_mtu. Loopback devices and dummies have no limits
// (max_mtu is 0), a vlan no lower one.
func checkMTU(kind string, mtu int) *refusal {
	switch {
	case (kind == "" || kind == kernel.KindDummy) && mtu >= 0:
		return nil
	case kind == kernel.KindVLAN && mtu >= 0 && mtu <= kernel.MaxMTU:
		return nil
	}
	return checkMTUWithin(mtu, kernel.MinMTU, kernel.MaxMTU)
}

func checkMTUWithin(mtu, least, most int) *refusal {
	switch {
	case mtu < least:
		return refuse(kernel.EINVAL, "mtu less than device minimum")
	case mtu > most:
		return refuse(kernel.EINVAL, "mtu greater than device maximum")
	}
	return nil
}

// checkMTU is dev_validate_mtu for a link that is there: a card has limits of its own.
func (l *link) checkMTU(mtu int) *refusal {
	if l.card != nil {
		return checkMTUWithin(mtu, minCardMTU, maxCardMTU)
	}
	return checkMTU(l.kind, mtu)
}

// setMTU is what a user asks for. (net/core/dev.c: netif_set_mtu_ext; net/bridge/br_device.c: br_change_mtu.)
func (l *link) setMTU(mtu int) *refusal {
	if mtu == l.mtu {
		return nil
	}
	if r := l.checkMTU(mtu); r != nil {
		return r
	}
	if l.bridge != nil {
		l.bridge.pinnedMTU = true
	}
	if l.vlan != nil && mtu > l.vlan.parent.mtu {
		return refuse(kernel.ERANGE) // vlan_dev_change_mtu
	}
	if l.vxlan != nil {
		if r := l.vxlan.checkMTUChange(mtu); r != nil {
			return r
		}
	}
	l.changeMTU(mtu)
	return nil
}

// changeMTU sets a valid MTU and tells who has to know (NETDEV_CHANGEMTU).
func (l *link) changeMTU(mtu int) {
	if l.mtu == mtu {
		return
	}
	l.mtu = mtu
	if l.master != nil {
		l.master.adjustMTU()
	}
	l.tellVLANsOfMTU()
	l.ip4MTUChanged()
	l.ip6MTUChanged()
}
