package sim

import (
	"strconv"

	"github.com/cnilab/cnilab/kernel"
)

// Links is kernel.Links'.
func (n *handle) Links() (links []kernel.Link, err error) {
	err = n.do("link list", "", func() *refusal {
		for _, l := range n.ns.sorted() {
			links = append(links, l.describe())
		}
		return nil
	})
	return links, err
}

// LinkByName is kernel.Links'.
func (n *handle) LinkByName(name string) (link kernel.Link, err error) {
	err = n.do("link get", name, func() *refusal {
		l := n.ns.named(name)
		if l == nil {
			return refuse(kernel.ENODEV) // rtnl_getlink
		}
		link = l.describe()
		return nil
	})
	return link, err
}

// AddLink is kernel.Links'.
func (n *handle) AddLink(spec kernel.LinkSpec) error {
	return n.do("link add", spec.Name, func() *refusal {
		peers, r := n.peersNamespace(spec)
		if r == nil {
			r = needsNames(spec)
		}
		if r != nil {
			return r
		}
		req := newLink{name: spec.Name, kind: spec.Kind, mtu: spec.MTU, mac: spec.MAC, up: spec.Up}
		if spec.Master != 0 {
			req.master = &spec.Master
		}
		switch spec.Kind {
		case kernel.KindBridge:
			req.bridge = spec.Bridge
		case kernel.KindVXLAN:
			req.parent, req.vxlan = spec.Parent, spec.VXLAN
		case kernel.KindVLAN:
			req.parent, req.vlan = spec.Parent, spec.VLAN
		}
		if spec.Kind == kernel.KindVeth {
			req.peer = &newPeer{name: spec.Peer.Name, mtu: spec.Peer.MTU, mac: spec.Peer.MAC, ns: peers}
		}
		return n.ns.addLink(req)
	})
}

// peersNamespace is where the other end of a new veth will be.
func (n *handle) peersNamespace(spec kernel.LinkSpec) (*namespace, *refusal) {
	if spec.Kind != kernel.KindVeth || spec.Peer.NetNS == nil {
		return n.ns, nil
	}
	return n.behind(spec.Peer.NetNS)
}

// needsNames looks at the names of all ends.
func needsNames(spec kernel.LinkSpec) *refusal {
	if spec.Kind == kernel.KindVeth {
		if r := needsName(spec.Peer.Name); r != nil {
			return r
		}
	}
	return needsName(spec.Name)
}

// ChangeLink is kernel.Links'.
func (n *handle) ChangeLink(index int, c kernel.LinkChange) error {
	return n.do("link set", n.label(index), func() *refusal {
		req := linkChange{
			name: c.Name, mac: c.MAC, mtu: c.MTU, alias: c.Alias, master: c.Master, promisc: c.Promisc, up: c.Up,
		}
		if c.Name != nil {
			if r := needsName(*c.Name); r != nil {
				return r
			}
		}
		if c.NetNS != nil {
			ns, r := n.behind(c.NetNS)
			if r != nil {
				return r
			}
			req.ns = ns
		}
		return n.ns.changeLink(index, req)
	})
}

// DeleteLink is kernel.Links'.
func (n *handle) DeleteLink(index int) error {
	return n.do("link delete", n.label(index), func() *refusal { return n.ns.deleteLink(index) })
}

// label names a link in an error.
func (n *handle) label(index int) (name string) {
	n.host.world.locked(func() {
		if l := n.ns.link(index); l != nil {
			name = l.name
		} else {
			name = "#" + strconv.Itoa(index)
		}
	})
	return name
}
