//go:build linux

package linux

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Attributes of a bridge's port; include/uapi/linux/if_link.h.
const (
	brportMode     = 4 // IFLA_BRPORT_MODE: hairpin
	brportIsolated = 33
)

// ChangePort implements kernel.Ports.
func (ns *NetNS) ChangePort(link int, c kernel.PortChange) error {
	return ns.fail("port set", dev(link), ns.changePort(link, c))
}

func (ns *NetNS) changePort(link int, c kernel.PortChange) error {
	head, err := linkAt(link)
	if err != nil {
		return err
	}
	head.Family = unix.AF_BRIDGE
	settings := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	addSwitch(settings, brportMode, c.Hairpin)
	addSwitch(settings, brportIsolated, c.Isolated)
	return ns.change(unix.RTM_SETLINK, change, head, settings)
}

func addSwitch(settings *nl.RtAttr, kind int, on *bool) {
	if on != nil {
		settings.AddRtAttr(kind, nl.Uint8Attr(boolByte(*on)))
	}
}

func boolByte(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

// portOf reads the IFLA_INFO_SLAVE_DATA of a bridge's port.
func portOf(data []byte) (p kernel.Port) {
	attributes(data, func(kind uint16, value []byte) {
		switch kind {
		case brportMode:
			p.Hairpin = value[0] != 0
		case brportIsolated:
			p.Isolated = value[0] != 0
		}
	})
	return p
}
