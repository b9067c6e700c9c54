package kerneltest

import (
	"errors"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func neighbourMutants() []mutant {
	return []mutant{
		{"neighbour/added", "adds entries that go stale", twist{
			ShowNeighbours: func(_ kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour {
				for i := range list {
					list[i].State = kernel.Stale
				}
				return list
			},
		}},
		{"neighbour/twice", "says nothing", swallow(intercept.NeighbourAdd, kernel.EEXIST)},
		{
			"neighbour/on-two-links", "has one table for all links",
			twist{AddNeighbour: func(ns kernel.NetNS, n kernel.Neighbour) error {
				all, _ := ns.Neighbours(0)
				if slices.ContainsFunc(all, func(there kernel.Neighbour) bool { return there.IP == n.IP }) {
					return &kernel.Error{Op: "neighbour add", Errno: kernel.EEXIST}
				}
				return ns.AddNeighbour(n)
			}},
		},
		{"neighbour/link-absent", "says ENOENT", confuse(intercept.NeighbourDelete, kernel.ENODEV, kernel.ENOENT)},
		{"neighbour/no-address", "says nothing", swallow(intercept.NeighbourAdd, kernel.EINVAL)},
		{"neighbour/delete", "deletes nothing", pretend(intercept.Every(intercept.NeighbourDelete))},
		{"neighbour/delete-absent", "says ESRCH", confuse(intercept.NeighbourDelete, kernel.ENOENT, kernel.ESRCH)},
		{"neighbour/gone-with-up", "keeps permanent entries", pretend(isSetDown)},
		{"neighbour/gone-with-change", "keeps it", twist{ChangeBridge: func(ns kernel.NetNS, index int, c kernel.BridgeChange) error {
			before, _ := ns.Neighbours(index)
			err := ns.ChangeBridge(index, c)
			for _, n := range before {
				ns.AddNeighbour(n)
			}
			return err
		}}},
		{"neighbour/loopback", "sends groups what a host gets", twist{
			ShowNeighbours: func(_ kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour {
				for i := range list {
					list[i].MAC = list[0].MAC
				}
				return list
			},
		}},
		{"neighbour/list/all-links", "lists the entries of one link only", twist{
			ShowNeighbours: func(_ kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour {
				return slices.DeleteFunc(list, func(n kernel.Neighbour) bool { return n.Link != list[0].Link })
			},
		}},
	}
}

func sysctlMutants() []mutant {
	return []mutant{
		{"sysctl/set", "sets nothing", pretend(intercept.Every(intercept.SysctlSet))},
		{"sysctl/defaults", "has every setting off", everySysctl("0")},
		{"sysctl/unknown", "has every key", everySysctl("0")},
		{"sysctl/outside-the-tree", "says ENOENT", confuse(intercept.SysctlGet, kernel.EINVAL, kernel.ENOENT)},
		{"sysctl/switch-invalid", "says nothing", swallow(intercept.SysctlSet, kernel.EINVAL)},
		{"sysctl/value-invalid", "takes it for 0", twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			return ignoring(kernel.EINVAL, ns.SetSysctl(key, value))
		}}},
		{"sysctl/hops-out-of-range", "takes any number", swallow(intercept.SysctlSet, kernel.EINVAL)},
		{"sysctl/value-out-of-range", "takes any number", swallow(intercept.SysctlSet, kernel.EINVAL)},
		{
			"sysctl/tree-comes-with-link", "has no tree for IPv6",
			twist{Sysctl: func(ns kernel.NetNS, key string) (string, error) {
				return ns.Sysctl(strings.ReplaceAll(key, "ipv6/conf/br/", "ipv6/conf/absent/"))
			}},
		},
		{"sysctl/tree-goes-with-link", "keeps the tree", keepTree()},
		{"sysctl/tree-follows-name", "keeps the old tree", keepTree()},
		{
			"sysctl/link-with-dots", "takes dots for slashes",
			twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
				return ns.SetSysctl(strings.ReplaceAll(key, ".", "/"), value)
			}},
		},
		{"sysctl/default-for-new-links", "has no defaults", pretend(isDefault)},
		{"sysctl/v4-default-for-links-there", "has defaults for new links only", pretend(isDefault)},
		{
			"sysctl/v6-default-not-for-links-there", "sets it on all links",
			twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
				before := strings.Replace(key, "/default/", "/before/", 1)
				return errors.Join(ns.SetSysctl(key, value), ns.SetSysctl(before, value))
			}},
		},
		{"sysctl/per-namespace", "has one tree for the host", oneTree()},
		{
			"sysctl/v4-forwarding-everywhere", "sets ip_forward alone",
			twist{Sysctl: offFor("net/ipv4/conf/before/forwarding")},
		},
		{
			"sysctl/v4-forwarding-redirects", "leaves it off",
			twist{Sysctl: offFor("net/ipv4/conf/all/accept_redirects")},
		},
		{
			"sysctl/v6-forwarding-everywhere", "sets all/forwarding alone",
			twist{Sysctl: offFor("net/ipv6/conf/before/forwarding")},
		},
		{
			"sysctl/v6-disabled-everywhere", "sets all/disable_ipv6 alone",
			twist{Sysctl: offFor("net/ipv6/conf/br/disable_ipv6")},
		},
		{
			"sysctl/v4-one-link-leaves-others", "forwards on all links or none",
			twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
				return errors.Join(ns.SetSysctl(key, value), ns.SetSysctl("net/ipv4/ip_forward", value))
			}},
		},
		{"sysctl/does-not-move", "takes settings along", oneTree()},
	}
}

// isDefault chooses the settings of defaults.
func isDefault(c intercept.Call) bool {
	return c.Op == intercept.SysctlSet && strings.Contains(c.Object, "/default/")
}

// everySysctl has a value for every key.
func everySysctl(value string) twist {
	return twist{Sysctl: func(kernel.NetNS, string) (string, error) { return value, nil }}
}

// keepTree has every key it ever had.
func keepTree() twist {
	return twist{Sysctl: func(ns kernel.NetNS, key string) (string, error) {
		value, err := ns.Sysctl(key)
		if errors.Is(err, kernel.ENOENT) {
			return "0", nil
		}
		return value, err
	}}
}

// oneTree has one set of values for all namespaces.
func oneTree() twist {
	values := make(map[string]string)
	return twist{
		SetSysctl: func(ns kernel.NetNS, key, value string) error {
			values[key] = value
			return ns.SetSysctl(key, value)
		},
		Sysctl: func(ns kernel.NetNS, key string) (string, error) {
			if value, ok := values[key]; ok {
				return value, nil
			}
			return ns.Sysctl(key)
		},
	}
}

// offFor has 0 for a key whatever was set.
func offFor(wrong string) func(ns kernel.NetNS, key string) (string, error) {
	return func(ns kernel.NetNS, key string) (string, error) {
		if key == wrong {
			return "0", nil
		}
		return ns.Sysctl(key)
	}
}
