package lockstep_test

import "github.com/cnilab/cnilab/kernel"

func vlanMutants() []mutant {
	return []mutant{
		{"never filters", 3, twist{ChangeBridge: func(ns kernel.NetNS, i int, c kernel.BridgeChange) error {
			c.Filtering = nil
			return ns.ChangeBridge(i, c)
		}}},
		{"takes a default VLAN out of range", 80, twist{ChangeBridge: func(ns kernel.NetNS, i int, c kernel.BridgeChange) error {
			return instead(ns.ChangeBridge(i, c), kernel.EINVAL, 0)
		}}},
		{"makes all memberships tagged", 46, twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			v.Untagged = false
			return ns.AddVLANs(v)
		}}},
		{"takes the first of a range of VLANs alone", 46, twist{AddVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			err := ns.AddVLANs(v)
			if err != nil || v.Last == 0 {
				return err
			}
			v.First++
			return ns.DeleteVLANs(v)
		}}},
		{"minds that there is no membership to end", 82, twist{DeleteVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			before, err := ns.VLANs()
			if err != nil {
				return err
			}
			err = ns.DeleteVLANs(v)
			if after, _ := ns.VLANs(); err == nil && len(before) == len(after) {
				return &kernel.Error{Op: "twisted", Errno: kernel.ENOENT}
			}
			return err
		}}},
		{"makes a vlan on a link that has one of the ID", 141, twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			if s.Kind != kernel.KindVLAN {
				return ns.AddLink(s)
			}
			return instead(ns.AddLink(s), kernel.EEXIST, 0)
		}}},
		{"brings a vlan up whose parent is down", 47, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			return instead(ns.ChangeLink(i, c), kernel.ENETDOWN, 0)
		})},
	}
}

func fdbMutants() []mutant {
	return []mutant{
		{"answers EBUSY where there is an entry", 51, twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			return instead(ns.AddFDB(e), kernel.EEXIST, kernel.EBUSY)
		}}},
		{"takes dynamic entries of a port that does not forward", 0, twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			return instead(ns.AddFDB(e), kernel.EPERM, 0)
		}}},
		{"makes static entries permanent", 5, twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			if e.State == kernel.FDBStatic {
				e.State = kernel.FDBPermanent
			}
			return ns.AddFDB(e)
		}}},
		{"deletes entries that are not there", 53, twist{DeleteFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			return instead(ns.DeleteFDB(e), kernel.ENOENT, 0)
		}}},
	}
}

func ruleMutants() []mutant {
	return []mutant{
		{"takes a rule twice", 36, twist{AddRule: func(ns kernel.NetNS, r kernel.Rule) error {
			return instead(ns.AddRule(r), kernel.EEXIST, 0)
		}}},
		{"forgets what a rule is not for", 0, twist{AddRule: func(ns kernel.NetNS, r kernel.Rule) error {
			r.Not = false
			return ns.AddRule(r)
		}}},
		{"does not look at the priority of a rule to delete", 34, twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			r.Priority = kernel.AnyPriority
			return ns.DeleteRule(r)
		}}},
		{"answers ESRCH to a rule that is not there", 6, twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			return instead(ns.DeleteRule(r), kernel.ENOENT, kernel.ESRCH)
		}}},
	}
}
