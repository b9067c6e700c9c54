package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// Addresses is kernel.Addresses'.
func (n *handle) Addresses(link int) (list []kernel.Address, err error) {
	err = n.do("address list", "", func() *refusal {
		for _, l := range n.ns.chosen(link) {
			for _, a := range append(append([]*address(nil), l.addresses4...), l.addresses6...) {
				list = append(list, a.describe())
			}
		}
		return nil
	})
	return list, err
}

// chosen returns the link with the index, or all for 0.
func (ns *namespace) chosen(index int) []*link {
	if index == 0 {
		return ns.sorted()
	}
	if l := ns.link(index); l != nil {
		return []*link{l}
	}
	return nil
}

// AddAddress is kernel.Addresses'.
func (n *handle) AddAddress(a kernel.Address) error {
	return n.do("address add", a.Prefix.String()+" dev "+n.label(a.Link), func() *refusal {
		return n.ns.addAddress(a)
	})
}

// addAddress is RTM_NEWADDR with NLM_F_CREATE|NLM_F_EXCL.
func (ns *namespace) addAddress(a kernel.Address) *refusal {
	if !a.Prefix.IsValid() {
		return refuse(kernel.EINVAL) // rtm_to_ifaddr, inet6_rtm_newaddr: no IFA_LOCAL
	}
	nothing := a.Prefix.Addr() == netip.IPv4Unspecified() // no IFA_LOCAL, which is no error
	if nothing && ns.world().config.Profile.Features.NoAddressUnasked {
		return nil // inet_rtm_newaddr
	}
	l := ns.link(a.Link)
	if l == nil {
		return refuse(kernel.ENODEV)
	}
	fresh := &address{Address: kernel.Address{Prefix: a.Prefix, Broadcast: a.Broadcast, Scope: a.Scope, NoDAD: a.NoDAD}}
	if a.Prefix.Addr().Is4() {
		if nothing && l.conf4 != nil {
			return nil // __inet_insert_ifa
		}
		fresh.NoDAD = false
		if a.Broadcast.IsValid() && a.Broadcast.IsUnspecified() {
			fresh.Broadcast = netip.Addr{} // ifa_broadcast of 0 is none: inet_fill_ifaddr
		}
		return l.addAddress4(fresh)
	}
	return l.addAddress6(fresh)
}

// DeleteAddress is kernel.Addresses'.
func (n *handle) DeleteAddress(a kernel.Address) error {
	return n.do("address delete", a.Prefix.String()+" dev "+n.label(a.Link), func() *refusal {
		return n.ns.deleteAddress(a)
	})
}

// deleteAddress is RTM_DELADDR.
func (ns *namespace) deleteAddress(a kernel.Address) *refusal {
	l := ns.link(a.Link)
	switch {
	case !a.Prefix.IsValid():
		return refuse(kernel.EINVAL)
	case l == nil:
		return refuse(kernel.ENODEV)
	case a.Prefix.Addr().Is4():
		return l.deleteAddress4(a.Prefix)
	}
	return l.deleteAddress6(a.Prefix)
}
