package scenario

import "github.com/cnilab/cnilab/kernel"

func addressForms() []form {
	return []form{
		{
			"ip addr add", "ip [-n NS] addr add PREFIX dev LINK [broadcast ADDRESS] [nodad]", "give a link an address",
			(*session).addAddress,
		},
		{"ip addr del", "ip [-n NS] addr del PREFIX dev LINK", "take an address away", (*session).deleteAddress},
		{
			"ip addr show", "ip [-n NS] addr show [dev LINK]", "print addresses, as in a snapshot",
			(*session).showAddresses,
		},
	}
}

func (s *session) addAddress(netns string, w *words) (string, error) {
	var a kernel.Address
	dev, err := w.address(&a, keywords{
		"broadcast": value(w, "ADDRESS", &a.Broadcast, parseAddr),
		"nodad":     set(&a.NoDAD),
	})
	if err != nil {
		return "", err
	}
	if a.Prefix.Addr().IsLoopback() {
		a.Scope = kernel.ScopeHost // as ip(8) does
	}
	return "", s.onLink(netns, dev, func(ns kernel.NetNS, l kernel.Link) error {
		a.Link = l.Index
		return ns.AddAddress(a)
	})
}

func (s *session) deleteAddress(netns string, w *words) (string, error) {
	var a kernel.Address
	dev, err := w.address(&a, keywords{})
	if err != nil {
		return "", err
	}
	return "", s.onLink(netns, dev, func(ns kernel.NetNS, l kernel.Link) error {
		a.Link = l.Index
		return ns.DeleteAddress(a)
	})
}

// address reads an address, the name of its link, and what else may follow.
func (w *words) address(a *kernel.Address, more keywords) (dev string, err error) {
	if err := value(w, "PREFIX", &a.Prefix, parsePrefix)(); err != nil {
		return "", err
	}
	return w.dev(more)
}

func (s *session) showAddresses(netns string, w *words) (string, error) {
	dev := ""
	if err := w.keywords(keywords{"dev": value(w, "LINK", &dev, parseString)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounAddress && isOn(o, dev) })
}
