package kerneltest

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func vxlanMutants() []mutant {
	eachVXLAN := func(f func(l *kernel.Link)) twist {
		return eachLink(func(l *kernel.Link) {
			if l.Kind == kernel.KindVXLAN {
				f(l)
			}
		})
	}
	return []mutant{
		{"vxlan/new", "takes the port of RFC 7348", eachVXLAN(func(l *kernel.Link) { l.VXLAN.Port = 4789 })},
		{"vxlan/id-invalid", "says EINVAL", confuse(intercept.LinkAdd, kernel.ERANGE, kernel.EINVAL)},
		{"vxlan/id-taken", "lets two have an ID", swallow(intercept.LinkAdd, kernel.EEXIST)},
		{"vxlan/parent-missing", "says EINVAL", confuse(intercept.LinkAdd, kernel.ENODEV, kernel.EINVAL)},
		{"vxlan/local", "takes it", swallow(intercept.LinkAdd, kernel.EAFNOSUPPORT)},
		{"vxlan/mtu", "leaves no room for its headers", eachVXLAN(func(l *kernel.Link) { l.MTU = max(l.MTU, 1400) })},
		{"vxlan/parent-deleted", "lets it stay", twist{DeleteLink: func(ns kernel.NetNS, index int) error {
			links, _ := ns.Links()
			if slices.ContainsFunc(links, func(l kernel.Link) bool { return l.Kind == kernel.KindVXLAN && l.Parent == index }) {
				return nil
			}
			return ns.DeleteLink(index)
		}}},
		{"vxlan/moved", "looks for the parent where the vxlan is", eachVXLAN(func(l *kernel.Link) { l.ParentHere = true })},
		{"vxlan/fdb", "forgets whichever host", twist{DeleteFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			all, _ := ns.FDB()
			for _, other := range all {
				if other.MAC.String() == e.MAC.String() {
					e.Dst = other.Dst
				}
			}
			return ns.DeleteFDB(e)
		}}},
		{"vxlan/fdb-refused", "says EINVAL", confuse(intercept.FDBAdd, kernel.EAFNOSUPPORT, kernel.EINVAL)},
		{"vxlan/packet", "sends all to the host itself", fdbAs(func(e *kernel.FDBEntry) {
			if e.Dst.IsValid() {
				e.Dst = netip.MustParseAddr("127.0.0.1")
			}
		})},
	}
}
