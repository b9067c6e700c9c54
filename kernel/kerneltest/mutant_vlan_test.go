package kerneltest

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func vlanMutants() []mutant {
	unfiltered := addAs(func(s *kernel.LinkSpec) { s.Bridge.Filtering = nil })
	return []mutant{
		{"vlan/new-bridge", "filters from the beginning", addAs(func(s *kernel.LinkSpec) {
			if s.Name == "br" {
				s.Bridge.Filtering = new(true)
			}
		})},
		{"vlan/new-port", "has no VLAN for new ports", hideVLAN(func(ns kernel.NetNS, v kernel.VLAN) bool { return !isBridge(ns, v.Link) })},
		{"vlan/at-creation", "does not look at it then", unfiltered},
		{"vlan/at-creation/no-default", "takes 0 for the usual one", addAs(func(s *kernel.LinkSpec) { s.Bridge.DefaultPVID = nil })},
		{"vlan/at-creation/invalid", "says ERANGE", confuse(intercept.LinkAdd, kernel.EINVAL, kernel.ERANGE)},
		{"vlan/change/filtering", "cannot stop it", changeBridgeAs(func(c *kernel.BridgeChange) { only(&c.Filtering, true) })},
		{"vlan/change/refused", "looks for the bridge before it looks at the change", twist{
			ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
				if !isBridge(ns, index) {
					c.DefaultPVID = nil
				}
				return ns.ChangeBridge(index, c)
			},
		}},
		{"vlan/default/moves", "changes nothing for those that are there", keepVLANs()},
		{"vlan/default/not-touched", "makes all ports members of it", twist{ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
			links, _ := ns.Links()
			for _, l := range links {
				if l.Master == index {
					if err := ns.AddVLANs(kernel.VLANRange{Link: l.Index, First: *c.DefaultPVID, PVID: true, Untagged: true}); err != nil {
						return err
					}
				}
			}
			return ns.ChangeBridge(index, c)
		}}},
		{"vlan/default/kept-by-hand", "ends all memberships in the old one", twist{ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
			links, _ := ns.Links()
			for _, l := range links {
				if l.Master == index {
					if err := ns.DeleteVLANs(kernel.VLANRange{Link: l.Index, First: 1}); err != nil {
						return err
					}
				}
			}
			return ns.ChangeBridge(index, c)
		}}},
		{"vlan/add/port", "keeps the first PVID", joinAs(func(v *kernel.VLANRange) { v.PVID = false })},
		{"vlan/add/self", "takes the ports' VLANs for the bridge's", twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			l, _ := linkAt(ns, v.Link)
			if l.Master != 0 {
				if err := ns.AddVLANs(kernel.VLANRange{Link: l.Master, Self: true, First: v.First}); err != nil {
					return err
				}
				return ns.AddVLANs(v)
			}
			v.Untagged = false
			return ns.AddVLANs(v)
		}}},
		{"vlan/add/again", "never takes anything off", joinAs(func(v *kernel.VLANRange) { v.Untagged = true })},
		{"vlan/add/range", "adds the ends of it", twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			last := v
			v.Last, last.First, last.Last = 0, v.Last, 0
			if err := ns.AddVLANs(v); err != nil {
				return err
			}
			return ns.AddVLANs(last)
		}}},
		{"vlan/add/invalid", "takes VLAN 4095 for none", swallow(intercept.VLANAdd, kernel.EINVAL)},
		{"vlan/add/no-place", "looks at the ID first", twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			if v.First == 0 {
				return &kernel.Error{Op: "vlan add", Errno: kernel.EINVAL}
			}
			return ns.AddVLANs(v)
		}}},
		{"vlan/delete/port", "deletes the first of a range", twist{DeleteVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			v.Last = 0
			return ns.DeleteVLANs(v)
		}}},
		{"vlan/delete/absent", "says ENOENT", twist{DeleteVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			if v.First == 99 {
				return &kernel.Error{Op: "vlan delete", Errno: kernel.ENOENT}
			}
			return ns.DeleteVLANs(v)
		}}},
		{"vlan/delete/self", "keeps the bridge's own", pretend(intercept.Every(intercept.VLANDelete))},
		{"vlan/ends-with-master", "remembers them", rememberVLANs()},
		{"vlan/bridge-deleted", "remembers them", rememberVLANs()},
		{"vlan/survives", "forgets them when the bridge stops to filter", twist{ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
			vlans, _ := ns.VLANs()
			for _, v := range vlans {
				if v.ID == 10 {
					if err := ns.DeleteVLANs(kernel.VLANRange{Link: v.Link, First: v.ID}); err != nil {
						return err
					}
				}
			}
			return ns.ChangeBridge(index, c)
		}}},
		{"vlan/dump", "lists them by ID", twist{ShowVLANs: func(_ kernel.NetNS, list []kernel.VLAN) []kernel.VLAN {
			slices.SortStableFunc(list, func(a, b kernel.VLAN) int { return a.ID - b.ID })
			return list
		}}},
		{"vlan/packet/apart", "does not filter", changeBridgeAs(func(c *kernel.BridgeChange) { c.Filtering = nil })},
		{"vlan/packet/not-filtering", "filters at all times", changeBridgeAs(func(c *kernel.BridgeChange) { only(&c.Filtering, true) })},
		{"vlan/packet/no-pvid", "takes VLAN 1 for it", joinAs(func(v *kernel.VLANRange) { v.PVID = true })},
		{"vlan/packet/tagged", "sends all frames without a tag", joinAs(func(v *kernel.VLANRange) { v.Untagged = true })},
	}
}

func hideVLAN(which func(ns kernel.NetNS, v kernel.VLAN) bool) twist {
	return twist{ShowVLANs: func(ns kernel.NetNS, list []kernel.VLAN) []kernel.VLAN {
		return slices.DeleteFunc(list, func(v kernel.VLAN) bool { return which(ns, v) })
	}}
}

func isBridge(ns kernel.NetNS, index int) bool {
	l, _ := linkAt(ns, index)
	return l.Kind == kernel.KindBridge
}

// changeBridgeAs is the twist that changes bridges as if other changes had been asked for.
func changeBridgeAs(f func(c *kernel.BridgeChange)) twist {
	return twist{ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
		f(&c)
		return ns.ChangeBridge(index, c)
	}}
}

// joinAs is the twist that adds VLANs as if others had been asked for.
func joinAs(f func(v *kernel.VLANRange)) twist {
	return twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
		f(&v)
		return ns.AddVLANs(v)
	}}
}

// keepVLANs shows the memberships that there were when a bridge was changed first.
func keepVLANs() twist {
	var then []kernel.VLAN
	return twist{
		ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
			if then == nil {
				then, _ = ns.VLANs()
			}
			return ns.ChangeBridge(index, c)
		},
		ShowVLANs: func(_ kernel.NetNS, list []kernel.VLAN) []kernel.VLAN {
			if then == nil {
				return list
			}
			return slices.Clone(then)
		},
	}
}

// rememberVLANs shows memberships for ever.
func rememberVLANs() twist {
	t := twist{}
	seen := map[kernel.VLAN]bool{}
	note := func(ns kernel.NetNS) {
		vlans, _ := ns.VLANs()
		for _, v := range vlans {
			seen[v] = true
		}
	}
	t.ChangeLink = func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		note(ns)
		return ns.ChangeLink(index, c)
	}
	t.DeleteLink = func(ns kernel.NetNS, index int) error {
		note(ns)
		return ns.DeleteLink(index)
	}
	t.ShowVLANs = func(_ kernel.NetNS, list []kernel.VLAN) []kernel.VLAN {
		for v := range seen {
			if !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
		return list
	}
	return t
}

func vlanLinkMutants() []mutant {
	eachTag := func(f func(l *kernel.Link)) twist {
		return eachLink(func(l *kernel.Link) {
			if l.Kind == kernel.KindVLAN {
				f(l)
			}
		})
	}
	return []mutant{
		{"vlanlink/new", "chooses a MAC for it", eachTag(func(l *kernel.Link) { l.MAC = mac(macHigh) })},
		{"vlanlink/id-invalid", "says EINVAL", confuse(intercept.LinkAdd, kernel.ERANGE, kernel.EINVAL)},
		{"vlanlink/id-taken", "lets a link have two of an ID", swallow(intercept.LinkAdd, kernel.EEXIST)},
		{"vlanlink/parent-missing", "says ENODEV for none, too", confuse(intercept.LinkAdd, kernel.EINVAL, kernel.ENODEV)},
		{"vlanlink/mtu", "says EINVAL", confuse(intercept.LinkSet, kernel.ERANGE, kernel.EINVAL)},
		{"vlanlink/mtu-of-parent", "validates it", eachTag(func(l *kernel.Link) { l.MTU = min(l.MTU, kernel.MaxMTU) })},
		{"vlanlink/up-needs-parent", "waits for the parent", swallow(intercept.LinkSet, kernel.ENETDOWN)},
		{"vlanlink/carrier", "has a carrier at all times", eachTag(func(l *kernel.Link) { l.Oper = kernel.OperUp })},
		{"vlanlink/mac", "keeps the first one", eachTag(keepFirstMAC())},
		{"vlanlink/parent-deleted", "lets them stay", twist{DeleteLink: func(ns kernel.NetNS, index int) error {
			l, _ := linkAt(ns, index)
			links, _ := ns.Links()
			if !slices.ContainsFunc(links, func(other kernel.Link) bool { return other.Parent == index }) || l.Kind == "" {
				return ns.DeleteLink(index)
			}
			return nil
		}}},
		{"vlanlink/deleted", "remembers its ID", pretend(intercept.Every(intercept.LinkDelete))},
		{"vlanlink/moved", "looks for the parent where the vlan is", eachTag(func(l *kernel.Link) { l.ParentHere = true })},
		{"vlanlink/own-parents-port", "says ELOOP", confuse(intercept.LinkSet, kernel.EBUSY, kernel.ELOOP)},
		{"vlanlink/packet", "loses frames with a tag", refusePing("10.5.0.2", kernel.ETIMEDOUT)},
		{"vlanlink/packet/bridge", "takes tags off for a bridge", refusePing("10.20.0.1", kernel.ETIMEDOUT)},
		{"dummy/new", "says that it is UP", eachLink(func(l *kernel.Link) {
			if l.Kind == kernel.KindDummy {
				l.Oper = kernel.OperUp
			}
		})},
		{"dummy/mtu", "has the limits of other links", refuse(kernel.EINVAL, func(c intercept.Call) bool {
			return c.Op == intercept.LinkAdd && c.Object == "d mtu 67 type dummy"
		})},
		{"dummy/refused", "says EINVAL", confuse(intercept.LinkAdd, kernel.EADDRNOTAVAIL, kernel.EINVAL)},
		{"dummy/address", "looks for neighbours", confuse(intercept.ProbePing, kernel.ETIMEDOUT, kernel.EHOSTUNREACH)},
		{"dummy/no-neighbours", "looks for them", twist{ShowNeighbours: func(_ kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour {
			return append(list, kernel.Neighbour{State: kernel.Failed})
		}}},
		{"dummy/no-dad", "looks for duplicates when it is up", eachAddress(func(a *kernel.Address) { a.Tentative = a.Prefix.Addr().Is6() })},
		{"dummy/moved", "keeps it where it is", refuse(kernel.EINVAL, intercept.Every(intercept.LinkSet))},
	}
}

// keepFirstMAC shows links with the MAC that they had when they were seen first.
func keepFirstMAC() func(l *kernel.Link) {
	first := map[int][]byte{}
	return func(l *kernel.Link) {
		if first[l.Index] == nil {
			first[l.Index] = l.MAC
		}
		l.MAC = first[l.Index]
	}
}
