package scenario

import "github.com/cnilab/cnilab/kernel"

func neighbourForms() []form {
	return []form{
		{
			"ip neigh add", "ip [-n NS] neigh add ADDRESS lladdr MAC dev LINK", "say which MAC has an address",
			(*session).addNeighbour,
		},
		{"ip neigh del", "ip [-n NS] neigh del ADDRESS dev LINK", "forget it", (*session).deleteNeighbour},
		{
			"ip neigh show", "ip [-n NS] neigh show [dev LINK]", "print what was said, as in a snapshot",
			(*session).showNeighbours,
		},
	}
}

func (s *session) addNeighbour(netns string, w *words) (string, error) {
	var n kernel.Neighbour
	dev, err := w.neighbour(&n, keywords{"lladdr": value(w, "MAC", &n.MAC, parseMAC)})
	if err != nil {
		return "", err
	}
	return "", s.onLink(netns, dev, func(ns kernel.NetNS, l kernel.Link) error {
		n.Link = l.Index
		return ns.AddNeighbour(n)
	})
}

func (s *session) deleteNeighbour(netns string, w *words) (string, error) {
	var n kernel.Neighbour
	dev, err := w.neighbour(&n, keywords{})
	if err != nil {
		return "", err
	}
	return "", s.onLink(netns, dev, func(ns kernel.NetNS, l kernel.Link) error {
		n.Link = l.Index
		return ns.DeleteNeighbour(n)
	})
}

// neighbour reads an address, the name of its link, and what else may follow.
func (w *words) neighbour(n *kernel.Neighbour, more keywords) (dev string, err error) {
	if err := value(w, "ADDRESS", &n.IP, parseAddr)(); err != nil {
		return "", err
	}
	return w.dev(more)
}

func (s *session) showNeighbours(netns string, w *words) (string, error) {
	dev := ""
	if err := w.keywords(keywords{"dev": value(w, "LINK", &dev, parseString)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounNeighbour && isOn(o, dev) })
}

// isOn reports whether an object of a snapshot is on a link; "" is every one.
func isOn(o kernel.Object, dev string) bool {
	on, _ := o.Attr("dev")
	return dev == "" || on == dev
}
