package sim

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// firstNSID is the inode of a machine's first network namespace: PROC_NET_INIT_INO of Linux 6.18.
const firstNSID = 4026531833

// nsfsDev is the device that namespace files are on.
const nsfsDev = 4

// A namespace is one network stack's tables.
type namespace struct {
	machine *machine
	id      kernel.NSID
	name    string // what it was first bound as; kernel.HostNetNS of the machine's own

	lock      advisoryLock
	dead      bool  // its links are gone
	disturbed bool  // see World.disturb
	refs      int32 // bindings, handles, and the machine itself for its own

	links       []*link          // by index
	names       map[string]*link // once there are many: see named
	lastIndex   int              // the greatest index given out by counting
	fib4, fib6  fib
	sysctls     sysctls
	filter      netfilter
	connections connections

	transport Transport           // nil until somebody needs sockets
	known     map[netip.Addr]bool // what the transport was told; false for those that were called and are no link's
	told      int32               // which state of the local tables the transport knows

	lastFragmentID uint32 // of IPv6 packets the namespace has cut
	reassemblies   map[fragmentKey]*reassembly
	quotas         map[netip.Addr]*quota // of ICMP errors, by who gets them
}

// newNamespace makes a namespace with a loopback device that is down. (net/core/net_namespace.c: setup_net;
// drivers/net/loopback.c: loopback_net_init.)
func (m *machine) newNamespace() *namespace {
	m.world.lastNSID++
	ns := &namespace{
		machine: m,
		id:      kernel.NSID{Dev: nsfsDev, Ino: m.world.lastNSID},
		sysctls: newSysctls(m.world.settings, m.self),
	}
	ns.fib4, ns.fib6 = newFIB(ns, kernel.IPv4), newFIB(ns, kernel.IPv6)
	m.namespaces = append(m.namespaces, ns)
	ns.insert(newDevice("", "lo", 65536), 0) // drivers/net/loopback.c: loopback_setup
	return ns
}

// lo returns the loopback device, whatever it is called: LOOPBACK_IFINDEX.
func (ns *namespace) lo() *link { return ns.link(1) }

// world returns the world the namespace is in.
func (ns *namespace) world() *World { return ns.machine.world }

// sorted returns the links by index, for who changes them meanwhile.
func (ns *namespace) sorted() []*link { return slices.Clone(ns.links) }

// link returns the link with an index, nil where there is none.
func (ns *namespace) link(index int) *link {
	if i, found := ns.search(index); found {
		return ns.links[i]
	}
	return nil
}

func (ns *namespace) search(index int) (i int, found bool) {
	return slices.BinarySearchFunc(ns.links, index, func(l *link, index int) int { return cmp.Compare(l.index, index) })
}

// fewLinks is how many links are looked through for a name.
const fewLinks = 8

// named returns the link of a name, nil where there is none.
func (ns *namespace) named(name string) *link {
	if ns.names != nil {
		return ns.names[name]
	}
	i := slices.IndexFunc(ns.links, func(l *link) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return ns.links[i]
}

// noteName is told of a link that has a new name.
func (ns *namespace) noteName(l *link) {
	switch {
	case ns.names != nil:
		ns.names[l.name] = l
	case len(ns.links) > fewLinks:
		ns.names = map[string]*link{}
		for _, l := range ns.links {
			ns.names[l.name] = l
		}
	}
}

// forgetName is told of a link that will have its name no longer.
func (ns *namespace) forgetName(l *link) { delete(ns.names, l.name) }

// insert registers a link, with the index it wants if that is free. (net/core/dev.c: register_netdevice,
// dev_index_reserve.)
func (ns *namespace) insert(l *link, wanted int) {
	if wanted == 0 || ns.link(wanted) != nil {
		wanted = ns.freeIndex()
	}
	l.ns, l.index = ns, wanted
	i, _ := ns.search(l.index)
	ns.links = slices.Insert(ns.links, i, l)
	ns.noteName(l)
	ns.sysctls.addLink(l)
}

// freeIndex counts on, past indexes that links brought along. (net/core/dev.c: dev_index_reserve, which allocates
// cyclically.)
func (ns *namespace) freeIndex() int {
	for {
		ns.lastIndex++
		if ns.link(ns.lastIndex) == nil {
			return ns.lastIndex
		}
	}
}

// forget unregisters a link.
func (ns *namespace) forget(l *link) {
	if i, found := ns.search(l.index); found {
		ns.links = slices.Delete(ns.links, i, i+1)
	}
	ns.forgetName(l)
}

// unref gives a reference back. With the last one the namespace begins to die, which a kernel worker carries out some
// milliseconds later. (net/core/net_namespace.c: __put_net, cleanup_net.)
func (ns *namespace) unref() {
	ns.refs--
	if ns.refs == 0 {
		ns.world().after(cleanupDelay, ns.die)
	}
}
