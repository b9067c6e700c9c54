package kerneltest

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func fdbMutants() []mutant {
	return []mutant{
		{"fdb/new", "lists what the bridge has for its ports", twist{ShowFDB: func(ns kernel.NetNS, list []kernel.FDBEntry) []kernel.FDBEntry {
			links, _ := ns.Links()
			for _, l := range links {
				if l.Master != 0 {
					list = append(list, kernel.FDBEntry{Link: l.Index, MAC: l.MAC, State: kernel.FDBPermanent})
				}
			}
			return list
		}}},
		{"fdb/added", "takes all for static", fdbAs(func(e *kernel.FDBEntry) { e.State = kernel.FDBStatic })},
		{"fdb/usual-state", "makes them static", fdbAs(func(e *kernel.FDBEntry) {
			if e.State == "" {
				e.State = kernel.FDBStatic
			}
		})},
		{"fdb/multicast", "says EINVAL", twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			if e.MAC[0]&1 != 0 {
				return &kernel.Error{Op: "fdb add", Errno: kernel.EINVAL}
			}
			return ns.AddFDB(e)
		}}},
		{"fdb/dynamic/down", "keeps it for later", swallow(intercept.FDBAdd, kernel.EPERM)},
		{"fdb/dynamic/up", "makes it static", fdbAs(func(e *kernel.FDBEntry) {
			if e.State == kernel.FDBDynamic {
				e.State = kernel.FDBStatic
			}
		})},
		{"fdb/twice", "says nothing", swallow(intercept.FDBAdd, kernel.EEXIST)},
		{"fdb/own-mac", "says EINVAL", confuse(intercept.FDBAdd, kernel.EEXIST, kernel.EINVAL)},
		{"fdb/link-absent", "looks at the MAC first", twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			if len(e.MAC) != 6 {
				return &kernel.Error{Op: "fdb add", Errno: kernel.EINVAL}
			}
			return ns.AddFDB(e)
		}}},
		{"fdb/no-port", "says EINVAL", confuse(intercept.FDBAdd, kernel.EOPNOTSUPP, kernel.EINVAL)},
		{"fdb/wrong", "looks for the port first", twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			if l, found := linkAt(ns, e.Link); found && l.Master == 0 {
				return &kernel.Error{Op: "fdb add", Errno: kernel.EOPNOTSUPP}
			}
			return ns.AddFDB(e)
		}}},
		{"fdb/zero-mac", "says EINVAL of deleting, too", confuse(intercept.FDBDelete, kernel.ENOENT, kernel.EINVAL)},
		{"fdb/vlan-not-member", "makes the port a member", swallow(intercept.FDBAdd, kernel.EINVAL)},
		{"fdb/delete/vlan-not-member", "says EINVAL, as of adding", confuse(intercept.FDBDelete, kernel.ENOENT, kernel.EINVAL)},
		{"fdb/vlan-given", "does not look at it", fdbAs(func(e *kernel.FDBEntry) { e.VLAN = 0 })},
		{"fdb/vlan-every", "knows no VLANs", hideFDB(func(e kernel.FDBEntry) bool { return e.VLAN != 0 })},
		{"fdb/vlan-left", "drops it", twist{DeleteVLANs: func(ns kernel.NetNS, v kernel.VLANRange) error {
			entry := kernel.FDBEntry{Link: v.Link, MAC: mac("02:00:00:00:01:01"), VLAN: v.First}
			if err := ns.DeleteFDB(entry); err != nil {
				return err
			}
			return ns.DeleteVLANs(v)
		}}},
		{"fdb/delete", "deletes it of whichever port", swallow(intercept.FDBDelete, kernel.ENOENT)},
		{"fdb/port-left", "keeps what is static", keepFDB(kernel.FDBStatic)},
		{"fdb/port-down", "keeps what is dynamic", keepFDB(kernel.FDBDynamic)},
		{"fdb/learnt", "does not show it", hideFDB(func(e kernel.FDBEntry) bool { return e.State == kernel.FDBDynamic })},
		{"fdb/static-moves", "keeps it where it was", keepFDB(kernel.FDBStatic)},
		{"fdb/packet/permanent", "sends it out", confuse(intercept.ProbePing, kernel.ETIMEDOUT, kernel.EHOSTUNREACH)},
	}
}

// fdbAs is the twist that adds entries as if others had been asked for.
func fdbAs(f func(e *kernel.FDBEntry)) twist {
	return twist{AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
		f(&e)
		return ns.AddFDB(e)
	}}
}

func hideFDB(which func(e kernel.FDBEntry) bool) twist {
	return twist{ShowFDB: func(_ kernel.NetNS, list []kernel.FDBEntry) []kernel.FDBEntry {
		return slices.DeleteFunc(list, which)
	}}
}

// keepFDB shows entries of a state that were added where they were added, for ever.
func keepFDB(state kernel.FDBState) twist {
	var added []kernel.FDBEntry
	return twist{
		AddFDB: func(ns kernel.NetNS, e kernel.FDBEntry) error {
			if e.State == state {
				added = append(added, e)
			}
			return ns.AddFDB(e)
		},
		ShowFDB: func(_ kernel.NetNS, list []kernel.FDBEntry) []kernel.FDBEntry {
			list = slices.DeleteFunc(list, func(e kernel.FDBEntry) bool {
				return slices.ContainsFunc(added, func(a kernel.FDBEntry) bool { return a.MAC.String() == e.MAC.String() })
			})
			return append(list, added...)
		},
	}
}
