package operation

import (
	"net"
	"strconv"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func linkForms() []Form {
	return []Form{
		{
			"ip link add", "ip [-n NS] link add NAME [address MAC] [mtu N] [master BRIDGE] [link PARENT] [up] type bridge" +
				bridgeWords + " | type veth peer name NAME [address MAC] [mtu N] [netns NS] | type vlan id ID |" +
				" type vxlan id ID [local ADDRESS] [dstport PORT] nolearning | type dummy", "make a link, in one request",
			readLinkAdd,
		},
		{"ip link del", "ip [-n NS] link del NAME", "delete a link; of a veth both ends", readLinkDelete},
		{
			"ip link set", "ip [-n NS] link set NAME [up|down] [mtu N] [address MAC] [name NEW] [alias TEXT]" +
				" [master BRIDGE|nomaster] [promisc on|off] [netns NS] | NAME type bridge" + bridgeWords, "change a link, in one request",
			readLinkSet,
		},
	}
}

// A LinkAdd makes a link. Of Spec, Master, Parent and Peer.NetNS are not used.
type LinkAdd struct {
	NetNS     string
	Spec      kernel.LinkSpec
	Master    *string // the bridge it becomes a port of; nil: none
	Parent    *string // the link that a vlan or vxlan is on; nil: none
	PeerNetNS *string // where the other end of a veth is; nil: beside the first
}

func readLinkAdd(netns string, r *words.Reader) (Operation, error) {
	o := LinkAdd{NetNS: netns}
	r.Skip("name")
	var err error
	if o.Spec.Name, err = r.Next("NAME"); err != nil {
		return nil, err
	}
	err = r.Keywords(words.Keywords{
		"address": words.Value(r, "MAC", &o.Spec.MAC, words.MAC),
		"mtu":     words.Value(r, "MTU", &o.Spec.MTU, words.Int),
		"master":  words.Value(r, "BRIDGE", &o.Master, words.Pointer(words.String)),
		"link":    words.Value(r, "PARENT", &o.Parent, words.Pointer(words.String)),
		"up":      words.Set(&o.Spec.Up, true),
		"type":    func() error { return o.readType(r) },
	})
	if err == nil && o.Spec.Kind == "" {
		err = r.Wrong("type is missing")
	}
	return o, err
}

// readType reads what follows the type, which is the rest of the line.
func (o *LinkAdd) readType(r *words.Reader) (err error) {
	if o.Spec.Kind, err = r.Next("type"); err != nil {
		return err
	}
	switch o.Spec.Kind {
	case kernel.KindBridge:
		return readBridge(r, &o.Spec.Bridge)
	case kernel.KindVeth:
		return o.readPeer(r)
	case kernel.KindVLAN:
		r.Skip("id")
		return r.Operands(words.Value(r, "ID", &o.Spec.VLAN, words.Int))
	case kernel.KindVXLAN:
		return o.readVXLAN(r)
	case kernel.KindDummy:
		return r.End()
	}
	return r.Wrong("does not know the type %q, but %s, %s, %s, %s, %s", o.Spec.Kind,
		kernel.KindBridge, kernel.KindVeth, kernel.KindVLAN, kernel.KindVXLAN, kernel.KindDummy)
}

// readVXLAN reads what a vxlan is told. The parent may stand there too, as "dev".
func (o *LinkAdd) readVXLAN(r *words.Reader) error {
	v, learns := &o.Spec.VXLAN, true
	err := r.Keywords(words.Keywords{
		"id":         words.Value(r, "ID", &v.ID, words.Int),
		"dev":        words.Value(r, "PARENT", &o.Parent, words.Pointer(words.String)),
		"local":      words.Value(r, "ADDRESS", &v.Local, words.Addr),
		"dstport":    words.Value(r, "PORT", &v.Port, words.Int),
		"nolearning": words.Set(&learns, false),
	})
	if err == nil && learns {
		err = r.Wrong("nolearning is missing")
	}
	return err
}

func (o *LinkAdd) readPeer(r *words.Reader) error {
	var peer, name string
	if err := r.Names("peer name", &peer, &name); err != nil {
		return err
	}
	if peer != "peer" || name != "name" {
		return r.Wrong(`"type veth" is followed by "peer name NAME", not by %q`, peer+" "+name)
	}
	if err := r.Names("NAME", &o.Spec.Peer.Name); err != nil {
		return err
	}
	return r.Keywords(words.Keywords{
		"address": words.Value(r, "MAC", &o.Spec.Peer.MAC, words.MAC),
		"mtu":     words.Value(r, "MTU", &o.Spec.Peer.MTU, words.Int),
		"netns":   words.Value(r, "NS", &o.PeerNetNS, words.Pointer(words.String)),
	})
}

func (o LinkAdd) String() string {
	l := lineOf(o.NetNS, "ip link add")
	l.quoted(o.Spec.Name)
	addEnd(&l, o.Spec.MAC, o.Spec.MTU)
	set(&l, "master", o.Master)
	set(&l, "link", o.Parent)
	l.flag(o.Spec.Up, "up")
	l.add("type", words.Quote(o.Spec.Kind))
	switch o.Spec.Kind {
	case kernel.KindVeth:
		l.add("peer", "name")
		l.quoted(o.Spec.Peer.Name)
		addEnd(&l, o.Spec.Peer.MAC, o.Spec.Peer.MTU)
		set(&l, "netns", o.PeerNetNS)
	case kernel.KindBridge:
		addBridge(&l, o.Spec.Bridge)
	case kernel.KindVLAN:
		l.add("id", strconv.Itoa(o.Spec.VLAN))
	case kernel.KindVXLAN:
		v := o.Spec.VXLAN
		l.add("id", strconv.Itoa(v.ID))
		if v.Local.IsValid() {
			l.add("local", v.Local.String())
		}
		given(&l, "dstport", v.Port)
		l.add("nolearning")
	}
	return l.String()
}

// addEnd appends what the two ends of a veth, and any other link, are described by.
func addEnd(l *line, mac net.HardwareAddr, mtu int) {
	if mac != nil {
		l.add("address", words.Quote(mac.String()))
	}
	given(l, "mtu", mtu)
}

// Op implements Operation.
func (o LinkAdd) Op() string { return "link add" }

// In implements Operation.
func (o LinkAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o LinkAdd) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) (err error) {
		spec := o.Spec
		if o.Master != nil {
			if spec.Master, err = IndexOf(ns, *o.Master); err != nil {
				return err
			}
		}
		if o.Parent != nil {
			if spec.Parent, err = IndexOf(ns, *o.Parent); err != nil {
				return err
			}
		}
		return with(h, o.PeerNetNS, func(other kernel.NetNS) error {
			spec.Peer.NetNS = other
			return ns.AddLink(spec)
		})
	})
}

// A LinkDelete deletes a link.
type LinkDelete struct{ NetNS, Link string }

func readLinkDelete(netns string, r *words.Reader) (Operation, error) {
	o := LinkDelete{NetNS: netns}
	r.Skip("dev")
	err := r.Only("NAME", &o.Link)
	return o, err
}

func (o LinkDelete) String() string {
	l := lineOf(o.NetNS, "ip link del")
	l.quoted(o.Link)
	return l.String()
}

// Op implements Operation.
func (o LinkDelete) Op() string { return "link delete" }

// In implements Operation.
func (o LinkDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o LinkDelete) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error { return ns.DeleteLink(index) })
}
