//go:build linux

package linux

import (
	"net/netip"
	"sort"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Addresses implements kernel.Addresses.
func (ns *NetNS) Addresses(link int) ([]kernel.Address, error) {
	var all []kernel.Address
	head := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	head.Index = uint32(link)
	err := ns.dump(unix.RTM_GETADDR, func(m []byte) {
		if a, ok := parseAddress(m); ok && (link == 0 || a.Link == link) {
			all = append(all, a)
		}
	}, head)
	if is(err, unix.ENODEV) {
		err = nil // inet_dump_addr: no link has the index
	}
	// The kernel dumps one family after the other, each by link.
	sort.SliceStable(all, func(i, j int) bool { return all[i].Link < all[j].Link })
	return all, ns.fail("address list", dev(link), err)
}

// AddAddress implements kernel.Addresses.
func (ns *NetNS) AddAddress(a kernel.Address) error {
	return ns.fail("address add", describeAddress(a), ns.addAddress(a))
}

func (ns *NetNS) addAddress(a kernel.Address) error {
	parts, err := addressParts(a)
	if err != nil {
		return err
	}
	if a.Broadcast.IsValid() {
		parts = append(parts, attrAddr(unix.IFA_BROADCAST, a.Broadcast))
	}
	if a.NoDAD {
		parts = append(parts, attrUint32(unix.IFA_FLAGS, unix.IFA_F_NODAD))
	}
	return ns.change(unix.RTM_NEWADDR, create, parts...)
}

// DeleteAddress implements kernel.Addresses.
func (ns *NetNS) DeleteAddress(a kernel.Address) error {
	return ns.fail("address delete", describeAddress(a), ns.deleteAddress(a))
}

func (ns *NetNS) deleteAddress(a kernel.Address) error {
	parts, err := addressParts(a)
	if err != nil {
		return err
	}
	return ns.change(unix.RTM_DELADDR, change, parts...)
}

// addressParts name an address of a link.
func addressParts(a kernel.Address) ([]nl.NetlinkRequestData, error) {
	if !a.Prefix.IsValid() {
		return nil, because(unix.EINVAL, "no address given")
	}
	ip := a.Prefix.Addr()
	head := nl.NewIfAddrmsg(int(family(ip)))
	head.Index = uint32(a.Link)
	head.Prefixlen = uint8(a.Prefix.Bits())
	head.Scope = uint8(a.Scope)
	return []nl.NetlinkRequestData{head, attrAddr(unix.IFA_LOCAL, ip), attrAddr(unix.IFA_ADDRESS, ip)}, nil
}

func describeAddress(a kernel.Address) string { return a.Prefix.String() + " " + dev(a.Link) }

// parseAddress reads an RTM_NEWADDR message; inet_fill_ifaddr and inet6_fill_ifaddr write it.
func parseAddress(m []byte) (kernel.Address, bool) {
	head := nl.DeserializeIfAddrmsg(m)
	a := kernel.Address{Link: int(head.Index), Scope: kernel.Scope(head.Scope)}
	var local, address netip.Addr
	flags := uint32(head.Flags)
	attributes(m[head.Len():], func(kind uint16, value []byte) {
		switch kind {
		case unix.IFA_LOCAL:
			local = addrOf(value)
		case unix.IFA_ADDRESS:
			address = addrOf(value)
		case unix.IFA_BROADCAST:
			a.Broadcast = addrOf(value)
		case unix.IFA_FLAGS:
			flags = uint32Of(value)
		}
	})
	if !local.IsValid() {
		local = address // IPv6 without a peer has IFA_ADDRESS alone
	}
	a.Prefix = netip.PrefixFrom(local, int(head.Prefixlen))
	setAddressFlags(&a, flags)
	return a, head.Family == unix.AF_INET || head.Family == unix.AF_INET6
}

func setAddressFlags(a *kernel.Address, flags uint32) {
	a.NoDAD = flags&unix.IFA_F_NODAD != 0
	a.Tentative = flags&unix.IFA_F_TENTATIVE != 0
	a.DADFailed = flags&unix.IFA_F_DADFAILED != 0
	// The same bit means "temporary" to IPv6.
	a.Secondary = a.Prefix.Addr().Is4() && flags&unix.IFA_F_SECONDARY != 0
}
