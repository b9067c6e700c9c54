package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// unknown stands in a snapshot for a link that is in none of the namespaces with a name.
const unknown = "?"

// A namespace is what a snapshot says of one.
type namespace struct {
	machine   string
	name      string
	header    kernel.Object
	links     []kernel.Object
	addresses []kernel.Object
	vlans     []kernel.Object
}

// namespacesOf sorts a snapshot's objects by namespace, in their order.
func namespacesOf(m Machine) (all []namespace) {
	for _, o := range m.State {
		if o.Noun == kernel.NounNetNS {
			all = append(all, namespace{machine: m.Name, name: o.Name, header: o})
		}
		i := slices.IndexFunc(all, func(ns namespace) bool { return ns.name == o.NetNS })
		if i < 0 {
			continue
		}
		switch ns := &all[i]; o.Noun {
		case kernel.NounLink:
			ns.links = append(ns.links, o)
		case kernel.NounAddress:
			ns.addresses = append(ns.addresses, o)
		case kernel.NounVLAN:
			ns.vlans = append(ns.vlans, o)
		}
	}
	return all
}

// label is the namespace's name, and what is odd about it.
func (ns namespace) label() string {
	words := []string{ns.name}
	for _, a := range ns.header.Attrs {
		words = append(words, a.Key, a.Value)
	}
	return strings.Join(words, " ")
}

func (ns namespace) id(link string) string { return quote(ns.machine + "/" + ns.name + "/" + link) }

// shows reports whether a link is drawn: a loopback device only where it has addresses of its own.
func (ns namespace) shows(l kernel.Object) bool {
	kind, _ := l.Attr("type")
	return kind != "loopback" || len(ns.addressesOf(l)) > 0
}

func (ns namespace) addressesOf(l kernel.Object) (all []string) {
	for _, a := range ns.addresses {
		if dev, _ := a.Attr("dev"); dev == l.Name && !isAutomatic(a.Name) {
			all = append(all, a.Name)
		}
	}
	return all
}

// describe returns the label of a link: its name, kind and MTU, and its addresses.
func (ns namespace) describe(l kernel.Object) string {
	kind, _ := l.Attr("type")
	mtu, _ := l.Attr("mtu")
	words := kind + " · mtu " + mtu
	if admin, _ := l.Attr("admin"); admin == "down" {
		words += " · down"
	}
	if _, filtering := l.Attr("vlan_filtering"); filtering {
		words += " · filters vlans"
	}
	if peer, _ := l.Attr("peer"); peer == unknown {
		words += " · peer unknown"
	}
	lines := []string{"<b>" + escape(l.Name) + "</b>", escape(words)}
	if own := ns.vlansOf(l); own != "" && kind == "bridge" {
		lines = append(lines, escape(own))
	}
	for _, a := range ns.addressesOf(l) {
		lines = append(lines, "<b>"+escape(a)+"</b>")
	}
	return strings.Join(lines, "<br/>")
}

// portWords says how a bridge treats one of its ports.
func (ns namespace) portWords(l kernel.Object) string {
	var words []string
	for _, flag := range []string{"hairpin", "isolated"} {
		if _, set := l.Attr(flag); set {
			words = append(words, flag)
		}
	}
	if vlans := ns.vlansOf(l); vlans != "" {
		words = append(words, vlans)
	}
	return strings.Join(words, ", ")
}

// vlansOf lists the VLANs that a port is a member of and others are not, neighbouring ones as a range.
func (ns namespace) vlansOf(l kernel.Object) string {
	var ranges []vlanRange
	for _, id := range ns.vlanIDs(l) {
		if n := len(ranges); n > 0 && ranges[n-1].last == id.first-1 && ranges[n-1].how == id.how {
			ranges[n-1].last = id.first
			continue
		}
		ranges = append(ranges, id)
	}
	var words []string
	for _, r := range ranges {
		words = append(words, r.String())
	}
	return strings.Join(words, ", ")
}

func (ns namespace) vlanIDs(l kernel.Object) (ids []vlanRange) {
	for _, v := range ns.vlans {
		id, err := strconv.Atoi(v.Name)
		_, deleted := v.Attr("deleted")
		if dev, _ := v.Attr("dev"); dev != l.Name || deleted || err != nil {
			continue
		}
		how := ""
		for _, flag := range []string{"pvid", "untagged"} {
			if _, set := v.Attr(flag); set {
				how += " " + flag
			}
		}
		ids = append(ids, vlanRange{id, id, how})
	}
	slices.SortFunc(ids, func(a, b vlanRange) int { return a.first - b.first })
	return ids
}

// A vlanRange is some VLANs in a row of which a port is a member in the same way.
type vlanRange struct {
	first, last int
	how         string
}

func (r vlanRange) String() string {
	if r.first == r.last {
		return fmt.Sprintf("vlan %d%s", r.first, r.how)
	}
	return fmt.Sprintf("vlan %d-%d%s", r.first, r.last, r.how)
}

// peerOf returns where the other end of a cable is.
func (ns namespace) peerOf(peer string) (link, netns string) {
	link, netns, elsewhere := strings.Cut(peer, "@")
	if !elsewhere {
		netns = ns.name
	}
	return link, netns
}

// drawsCable reports whether a cable is drawn from this end: both have it, and the host's end, or else the first by name,
// is the one.
func (ns namespace) drawsCable(l kernel.Object, peer string) bool {
	link, netns := ns.peerOf(peer)
	if netns == ns.name {
		return l.Name < link
	}
	return ns.name == kernel.HostNetNS || netns != kernel.HostNetNS && ns.name < netns
}

func (ns namespace) peerID(peer string) string {
	link, netns := ns.peerOf(peer)
	return quote(ns.machine + "/" + netns + "/" + link)
}
