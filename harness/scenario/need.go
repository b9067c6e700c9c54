package scenario

import (
	"maps"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// needs are what some kernels were built without, each with the way to ask for it.
var needs = map[string]func(kernel.NetNS) (bool, error){"bridge-vlans": knowsVLANs}

func needForms() []form {
	return []form{
		{
			"need", "need bridge-vlans", "end here, and count as skipped, where the kernel was built without VLANs on bridges",
			(*session).need,
		},
	}
}

func (s *session) need(_ string, w *words) (string, error) {
	what, err := w.next("what")
	if err != nil {
		return "", err
	}
	ask, known := needs[what]
	if !known {
		return "", w.wrong("does not know %q, but %s", what, strings.Join(slices.Sorted(maps.Keys(needs)), ", "))
	}
	if err := w.end(); err != nil {
		return "", err
	}
	return "", s.in(kernel.HostNetNS, func(ns kernel.NetNS) error {
		has, err := ask(ns)
		if err == nil && !has {
			s.skip("this kernel was built without " + what)
		}
		return err
	})
}

// knowsVLANs makes a bridge, which says whether bridges know VLANs, and deletes it again.
func knowsVLANs(ns kernel.NetNS) (bool, error) {
	const name = "need-vlans"
	if err := ns.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge}); err != nil {
		return false, err
	}
	bridge, err := ns.LinkByName(name)
	if err != nil {
		return false, err
	}
	return bridge.Bridge.DefaultPVID != kernel.NoVLANs, ns.DeleteLink(bridge.Index)
}
