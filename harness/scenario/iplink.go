package scenario

import (
	"errors"

	"github.com/cnilab/cnilab/kernel"
)

func linkForms() []form {
	return []form{
		{
			"ip link add", "ip [-n NS] link add NAME [address MAC] [mtu N] [master BRIDGE] [up] type bridge" +
				" | type veth peer name NAME [address MAC] [mtu N] [netns NS]", "make a link, in one request",
			(*session).addLink,
		},
		{"ip link del", "ip [-n NS] link del NAME", "delete a link; of a veth both ends", (*session).deleteLink},
		{
			"ip link set", "ip [-n NS] link set NAME [up|down] [mtu N] [address MAC] [name NEW] [alias TEXT]" +
				" [master BRIDGE|nomaster] [promisc on|off] [netns NS]", "change a link, in one request",
			(*session).changeLink,
		},
		{"ip link show", "ip [-n NS] link show [NAME]", "print links, as in a snapshot", (*session).showLinks},
	}
}

// A newLink is what "ip link add" says: a spec, with names where the kernel takes handles.
type newLink struct {
	kernel.LinkSpec
	master, peerNetNS string
}

func (w *words) newLink() (l newLink, err error) {
	w.skip("name")
	if l.Name, err = w.next("NAME"); err != nil {
		return l, err
	}
	err = w.keywords(keywords{
		"address": value(w, "MAC", &l.MAC, parseMAC),
		"mtu":     value(w, "MTU", &l.MTU, parseInt),
		"master":  value(w, "BRIDGE", &l.master, parseString),
		"up":      set(&l.Up),
		"type":    func() error { return w.linkType(&l) },
	})
	if err == nil && l.Kind == "" {
		err = w.wrong("type is missing")
	}
	return l, err
}

// linkType reads what follows the type, which is the rest of the line.
func (w *words) linkType(l *newLink) (err error) {
	if l.Kind, err = w.next("type"); err != nil {
		return err
	}
	switch l.Kind {
	case kernel.KindBridge:
		return w.end()
	case kernel.KindVeth:
		return w.peer(l)
	}
	return w.wrong("does not know the type %q, but %s, %s", l.Kind, kernel.KindBridge, kernel.KindVeth)
}

func (w *words) peer(l *newLink) error {
	var peer, name string
	if err := w.names("peer name", &peer, &name); err != nil {
		return err
	}
	if peer != "peer" || name != "name" {
		return w.wrong(`"type veth" is followed by "peer name NAME", not by %q`, peer+" "+name)
	}
	if err := w.names("NAME", &l.Peer.Name); err != nil {
		return err
	}
	return w.keywords(keywords{
		"address": value(w, "MAC", &l.Peer.MAC, parseMAC),
		"mtu":     value(w, "MTU", &l.Peer.MTU, parseInt),
		"netns":   value(w, "NS", &l.peerNetNS, parseString),
	})
}

func (s *session) addLink(netns string, w *words) (string, error) {
	l, err := w.newLink()
	if err != nil {
		return "", err
	}
	return "", s.in(netns, func(ns kernel.NetNS) (err error) {
		if l.Master, err = linkIndex(ns, l.master); err != nil {
			return err
		}
		if l.peerNetNS == "" {
			return ns.AddLink(l.LinkSpec)
		}
		return s.in(l.peerNetNS, func(other kernel.NetNS) error {
			l.Peer.NetNS = other
			return ns.AddLink(l.LinkSpec)
		})
	})
}

func (s *session) deleteLink(netns string, w *words) (string, error) {
	var name string
	w.skip("dev")
	if err := errors.Join(w.names("NAME", &name), w.end()); err != nil {
		return "", err
	}
	return "", s.onLink(netns, name, func(ns kernel.NetNS, l kernel.Link) error { return ns.DeleteLink(l.Index) })
}

// A linkChange is what "ip link set" says: a change, with names where the kernel takes handles.
type linkChange struct {
	kernel.LinkChange
	name          string
	master, netns *string
}

func (w *words) linkChange() (c linkChange, err error) {
	w.skip("dev")
	if c.name, err = w.next("NAME"); err != nil {
		return c, err
	}
	if len(w.rest) == 0 {
		return c, w.wrong("what to set is missing")
	}
	err = w.keywords(keywords{
		"up":       func() error { c.Up = new(true); return nil },
		"down":     func() error { c.Up = new(false); return nil },
		"mtu":      value(w, "MTU", &c.MTU, parseIntPointer),
		"address":  value(w, "MAC", &c.MAC, parseMAC),
		"name":     value(w, "NEW", &c.Name, parsePointer),
		"alias":    value(w, "TEXT", &c.Alias, parsePointer),
		"master":   value(w, "BRIDGE", &c.master, parsePointer),
		"nomaster": func() error { c.Master = new(0); return nil },
		"promisc":  value(w, "switch (on or off)", &c.Promisc, parseSwitch),
		"netns":    value(w, "NS", &c.netns, parsePointer),
	})
	return c, err
}

func (s *session) changeLink(netns string, w *words) (string, error) {
	c, err := w.linkChange()
	if err != nil {
		return "", err
	}
	return "", s.onLink(netns, c.name, func(ns kernel.NetNS, l kernel.Link) error {
		if c.master != nil {
			index, err := linkIndex(ns, *c.master)
			if err != nil {
				return err
			}
			c.Master = &index
		}
		if c.netns == nil {
			return ns.ChangeLink(l.Index, c.LinkChange)
		}
		return s.in(*c.netns, func(other kernel.NetNS) error {
			c.NetNS = other
			return ns.ChangeLink(l.Index, c.LinkChange)
		})
	})
}

func (s *session) showLinks(netns string, w *words) (string, error) {
	name := ""
	if len(w.rest) > 0 {
		w.skip("dev")
		if err := w.names("NAME", &name); err != nil {
			return "", err
		}
	}
	if err := w.end(); err != nil {
		return "", err
	}
	if name != "" {
		// The kernel's own error for a link that is not there.
		if err := s.onLink(netns, name, func(kernel.NetNS, kernel.Link) error { return nil }); err != nil {
			return "", err
		}
	}
	return s.show(netns, func(o kernel.Object) bool {
		return o.Noun == kernel.NounLink && (name == "" || o.Name == name)
	})
}
