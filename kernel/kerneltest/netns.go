package kerneltest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"path"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A netns is a namespace that a law made, with what laws often do in one. What these helpers do has to succeed: they
// are the way to what a law is about.
type netns struct {
	kernel.NetNS
	e    *env
	path string
}

// bindPath returns where a law binds the namespace it calls name. Laws are tried side by side on one machine, and each
// has paths of its own.
func bindPath(law, name string) string {
	return path.Join(kernel.NetNSDir, "law-"+shortName(law)+"-"+name)
}

func (e *env) bindPath(name string) string { return bindPath(e.law, name) }

// shortName tells laws apart in file names.
func shortName(law string) string {
	h := fnv.New32a()
	h.Write([]byte(law))
	return fmt.Sprintf("%08x", h.Sum32())
}

// netns makes a namespace.
func (e *env) netns(name string) *netns {
	e.ok(e.MkdirAll(kernel.NetNSDir, 0o755), "make the folder of namespaces")
	bound := e.bindPath(name)
	e.ok(e.AddNetNS(bound), "add the namespace %s", bound)
	e.atEnd(func() error { return ignoring(kernel.ENOENT, e.DeleteNetNS(bound)) })
	return e.open(bound)
}

// open opens a namespace for as long as the law goes on.
func (e *env) open(bound string) *netns {
	ns, err := e.OpenNetNS(bound)
	e.ok(err, "open the namespace %s", bound)
	e.atEnd(func() error { ns.Close(); return nil })
	return &netns{NetNS: ns, e: e, path: bound}
}

func ignoring(errno kernel.Errno, err error) error {
	if errors.Is(err, errno) {
		return nil
	}
	return err
}

// bridge makes a bridge and returns its index.
func (n *netns) bridge(name string) int {
	n.e.ok(n.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge}), "add the bridge %s", name)
	return n.link(name).Index
}

// veth makes a veth pair and returns the indexes of both ends.
func (n *netns) veth(name, peer string) (index, peerIndex int) { return n.vethTo(n, name, peer) }

// vethTo makes a veth pair with its other end in another namespace.
func (n *netns) vethTo(other *netns, name, peer string) (index, peerIndex int) {
	n.e.ok(n.AddLink(pair(name, peer, other)), "add the veth %s with the peer %s", name, peer)
	return n.link(name).Index, other.link(peer).Index
}

// pair describes a veth whose peer is in other; nil stands for the namespace the veth is made in.
func pair(name, peer string, other *netns) kernel.LinkSpec {
	spec := kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: peer}}
	if other != nil {
		spec.Peer.NetNS = other.NetNS
	}
	return spec
}

// link returns the link with a name.
func (n *netns) link(name string) kernel.Link {
	l, err := n.LinkByName(name)
	n.e.ok(err, "look at link %s", name)
	return l
}

// at returns the link with an index.
func (n *netns) at(index int) kernel.Link {
	for _, l := range n.links() {
		if l.Index == index {
			return l
		}
	}
	n.e.breach("look at the link with index %d: want one, got none", index)
	return kernel.Link{}
}

func (n *netns) links() []kernel.Link {
	links, err := n.Links()
	n.e.ok(err, "list the links of %s", n.Name())
	return links
}

// names returns the names of all links but lo, in the kernel's order.
func (n *netns) names() []string {
	names := []string{}
	for _, l := range n.links() {
		if l.Name != "lo" {
			names = append(names, l.Name)
		}
	}
	return names
}

// gone waits until no link but lo is left.
func (n *netns) gone(what string, args ...any) { eventually(n.e, n.names, []string{}, what, args...) }

// set changes a link.
func (n *netns) set(index int, change kernel.LinkChange) {
	n.e.ok(n.ChangeLink(index, change), "change link %d to %+v", index, change)
}

func (n *netns) up(links ...int) {
	for _, l := range links {
		n.set(l, kernel.LinkChange{Up: new(true)})
	}
}

func (n *netns) down(link int)             { n.set(link, kernel.LinkChange{Up: new(false)}) }
func (n *netns) enslave(link, to int)      { n.set(link, kernel.LinkChange{Master: &to}) }
func (n *netns) resize(link, mtu int)      { n.set(link, kernel.LinkChange{MTU: &mtu}) }
func (n *netns) setMAC(link int, m string) { n.set(link, kernel.LinkChange{MAC: mac(m)}) }

// oper waits until a link has an operational state; Linux sets it some time after the cause (linkwatch).
func (n *netns) oper(link int, want kernel.OperState, what string) {
	eventually(n.e, func() kernel.OperState { return n.at(link).Oper }, want, "state of a link, %s", what)
}

// give gives a link an address.
func (n *netns) give(link int, address string) {
	n.e.ok(n.AddAddress(on(link, address)), "add address %s", address)
}

// giveAtOnce gives a link an IPv6 address that is usable at once.
func (n *netns) giveAtOnce(link int, address string) {
	a := on(link, address)
	a.NoDAD = true
	n.e.ok(n.AddAddress(a), "add address %s without duplicate address detection", address)
}

// awaitLocal waits until packets to the address are for the namespace: IPv6 adds its local route by a work item, up to
// 0.3 ms after the address (net/ipv6/addrconf.c addrconf_dad_work; measured on 6.18.44).
func (n *netns) awaitLocal(address string) {
	local := func() bool {
		routes, err := n.Routes(kernel.IPv6)
		n.e.ok(err, "list the IPv6 routes")
		return slices.ContainsFunc(routes, func(r kernel.Route) bool {
			return r.Type == kernel.Local && r.Dst.Addr() == netip.MustParseAddr(address)
		})
	}
	eventually(n.e, local, true, "local route of %s", address)
}

func (n *netns) take(link int, address string) {
	n.e.ok(n.DeleteAddress(on(link, address)), "delete address %s", address)
}

// addresses returns the addresses of a link, of one family.
func (n *netns) addresses(link int, f kernel.Family) []kernel.Address {
	all, err := n.Addresses(link)
	n.e.ok(err, "list the addresses of link %d", link)
	return slices.DeleteFunc(all, func(a kernel.Address) bool { return familyOf(a.Prefix.Addr()) != f })
}

// prefixes returns the addresses of a link, of one family, as text.
func (n *netns) prefixes(link int, f kernel.Family) []string {
	texts := []string{}
	for _, a := range n.addresses(link, f) {
		texts = append(texts, a.Prefix.String())
	}
	return texts
}

// address returns one address of a link.
func (n *netns) address(link int, address string) kernel.Address {
	want := netip.MustParsePrefix(address)
	for _, a := range n.addresses(link, familyOf(want.Addr())) {
		if a.Prefix == want {
			return a
		}
	}
	n.e.breach("look for address %s: want it there, got %v", address, n.prefixes(link, familyOf(want.Addr())))
	return kernel.Address{}
}

// sysctl returns the value of a key.
func (n *netns) sysctl(key string) string {
	v, err := n.Sysctl(key)
	n.e.ok(err, "read sysctl %s", key)
	return v
}

func (n *netns) setSysctl(key, value string) {
	n.e.ok(n.SetSysctl(key, value), "set sysctl %s to %s", key, value)
}

func mac(text string) net.HardwareAddr {
	m, err := net.ParseMAC(text)
	if err != nil {
		panic(err)
	}
	return m
}

func familyOf(a netip.Addr) kernel.Family {
	if a.Is4() {
		return kernel.IPv4
	}
	return kernel.IPv6
}

// conf names a setting of a link: conf(kernel.IPv6, "eth0", "accept_dad").
func conf(f kernel.Family, link, setting string) string {
	if f == kernel.IPv4 {
		return fmt.Sprintf("net/ipv4/conf/%s/%s", link, setting)
	}
	return fmt.Sprintf("net/ipv6/conf/%s/%s", link, setting)
}

// on describes an address of a link.
func on(link int, address string) kernel.Address {
	return kernel.Address{Link: link, Prefix: netip.MustParsePrefix(address)}
}

// numbered names one of many links.
func numbered(name string, i int) string { return fmt.Sprintf("%s%d", name, i) }
