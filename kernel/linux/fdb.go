//go:build linux

package linux

import (
	"bytes"
	"cmp"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// FDB implements kernel.FDB. It reads the links as well, to tell what is for their own MACs.
func (ns *NetNS) FDB() ([]kernel.FDBEntry, error) {
	entries, err := ns.fdb()
	return entries, ns.fail("fdb list", "", err)
}

func (ns *NetNS) fdb() (entries []kernel.FDBEntry, err error) {
	links, err := ns.Links()
	if err != nil {
		return nil, err
	}
	own := ownMACs(links)
	err = ns.dump(unix.RTM_GETNEIGH, func(m []byte) {
		e, bridge := parseFDB(m)
		if e.Dst.IsValid() || bridge != 0 && !own[bridge][string(e.MAC)] {
			entries = append(entries, e)
		}
	}, &ndMsg{family: unix.AF_BRIDGE})
	slices.SortFunc(entries, func(a, b kernel.FDBEntry) int {
		return cmp.Or(a.Link-b.Link, a.VLAN-b.VLAN, bytes.Compare(a.MAC, b.MAC))
	})
	return entries, err
}

// ownMACs returns the MACs of bridges and their ports, by the index of the bridge.
func ownMACs(links []kernel.Link) map[int]map[string]bool {
	own := map[int]map[string]bool{}
	note := func(bridge int, mac net.HardwareAddr) {
		if own[bridge] == nil {
			own[bridge] = map[string]bool{}
		}
		own[bridge][string(mac)] = true
	}
	for _, l := range links {
		if l.Kind == kernel.KindBridge {
			note(l.Index, l.MAC)
		}
		if l.Master != 0 {
			note(l.Master, l.MAC)
		}
	}
	return own
}

// parseFDB reads an RTM_NEWNEIGH message of the family AF_BRIDGE, which fdb_fill_info of the bridge writes. Of a vxlan
// (vxlan_fdb_info) it has a destination. What other links filter by (nlmsg_populate_fdb_fill) has neither.
func parseFDB(m []byte) (e kernel.FDBEntry, bridge int) {
	head := parseNdMsg(m)
	e.Link, e.State = head.link, fdbState(head.state)
	attributes(m[sizeofNdMsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.NDA_LLADDR:
			e.MAC = net.HardwareAddr(slices.Clone(value))
		case unix.NDA_DST:
			e.Dst = addrOf(value)
		case unix.NDA_VLAN:
			e.VLAN = int(uint16Of(value))
		case unix.NDA_MASTER:
			bridge = intOf(value)
		}
	})
	return e, bridge
}

// fdbState reads what fdb_to_nud writes.
func fdbState(state uint16) kernel.FDBState {
	switch state {
	case unix.NUD_PERMANENT:
		return kernel.FDBPermanent
	case unix.NUD_NOARP:
		return kernel.FDBStatic
	}
	return kernel.FDBDynamic
}

// AddFDB implements kernel.FDB.
func (ns *NetNS) AddFDB(e kernel.FDBEntry) error {
	return ns.fail("fdb add", describeFDB(e), ns.sendFDB(unix.RTM_NEWNEIGH, create, e))
}

// DeleteFDB implements kernel.FDB.
func (ns *NetNS) DeleteFDB(e kernel.FDBEntry) error {
	return ns.fail("fdb delete", describeFDB(e), ns.sendFDB(unix.RTM_DELNEIGH, change, e))
}

func (ns *NetNS) sendFDB(kind, flags int, e kernel.FDBEntry) error {
	states := map[kernel.FDBState]uint16{
		"": unix.NUD_PERMANENT, kernel.FDBPermanent: unix.NUD_PERMANENT,
		kernel.FDBStatic: unix.NUD_NOARP, kernel.FDBDynamic: unix.NUD_REACHABLE,
	}
	state, known := states[e.State]
	switch {
	case e.Link <= 0:
		return unix.ENODEV // the kernel: EINVAL for 0, as of a request without a link
	case !known:
		return because(unix.EINVAL, "no such state of an entry: "+string(e.State))
	}
	head := &ndMsg{family: unix.AF_BRIDGE, link: e.Link, state: state, flags: unix.NTF_MASTER}
	parts := []nl.NetlinkRequestData{head, nl.NewRtAttr(unix.NDA_LLADDR, e.MAC)}
	if e.Dst.IsValid() {
		if err := ns.checkVXLANEntry(e); err != nil {
			return err
		}
		head.flags = unix.NTF_SELF
		parts = append(parts, attrAddr(unix.NDA_DST, e.Dst))
	}
	if e.VLAN != 0 {
		parts = append(parts, nl.NewRtAttr(unix.NDA_VLAN, nl.Uint16Attr(vlanID(e.VLAN))))
	}
	return ns.change(kind, flags, parts...)
}

func describeFDB(e kernel.FDBEntry) string { return e.MAC.String() + " " + dev(e.Link) }
