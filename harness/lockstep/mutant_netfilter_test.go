package lockstep_test

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

func netfilterMutants() []mutant {
	return []mutant{
		{"jumps to base chains", 5, filtering(func(ns kernel.NetNS, b kernel.FilterBackend, all changes) error {
			return instead(ns.ChangeRuleset(b, all), kernel.EOPNOTSUPP, 0)
		})},
		{"lets packets run in circles", 208, filtering(func(ns kernel.NetNS, b kernel.FilterBackend, all changes) error {
			return instead(ns.ChangeRuleset(b, all), kernel.EMLINK, 0)
		})},
		{"makes the changes before the one that is refused", 1, filtering(func(ns kernel.NetNS, b kernel.FilterBackend, all changes) error {
			err := ns.ChangeRuleset(b, all)
			for i := range all {
				if err != nil && ns.ChangeRuleset(b, all[i:i+1]) != nil {
					break
				}
			}
			return err
		})},
		{"adds rules before the others", 73, filtering(func(ns kernel.NetNS, b kernel.FilterBackend, all changes) error {
			all = slices.Clone(all)
			for i, c := range all {
				if c.Do == kernel.AddRule && c.At == 0 {
					all[i].Do = kernel.InsertRule
				}
			}
			return ns.ChangeRuleset(b, all)
		})},
		{"forgets the policies of chains", 5, filtering(func(ns kernel.NetNS, b kernel.FilterBackend, all changes) error {
			all = slices.Clone(all)
			for i, c := range all {
				if c.Base != nil && c.Base.Policy == kernel.Drop {
					all[i].Base = new(*c.Base)
					all[i].Base.Policy = kernel.Accept
				}
			}
			return ns.ChangeRuleset(b, all)
		})},
		{"tries nothing that is to be tried", 1, twist{CheckRuleset: func(kernel.NetNS, kernel.FilterBackend, changes) error {
			return nil
		}}},
	}
}

// changes are those of a transaction.
type changes = []kernel.FilterChange

func filtering(f func(kernel.NetNS, kernel.FilterBackend, changes) error) twist {
	return twist{ChangeRuleset: f}
}
