package sim

import (
	"cmp"
	"maps"
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
	refs    int    // bindings, handles, and the machine itself for its own
	dead    bool   // its links are gone

	links       map[int]*link    // by index
	names       map[string]*link // by name
	lastIndex   int              // the greatest index given out by counting
	fib4, fib6  fib
	sysctls     sysctls
	lock        advisoryLock
	filter      netfilter
	connections connections

	transport Transport // nil until somebody needs sockets
	told      int       // which state of the local tables the transport knows

	lastFragmentID uint32 // of IPv6 packets the namespace has cut
	disturbed      bool   // see World.disturb
}

// newNamespace makes a namespace with a loopback device that is down. (net/core/net_namespace.c: setup_net;
// drivers/net/loopback.c: loopback_net_init.)
func (m *machine) newNamespace() *namespace {
	m.world.lastNSID++
	ns := &namespace{
		machine: m,
		id:      kernel.NSID{Dev: nsfsDev, Ino: m.world.lastNSID},
		links:   map[int]*link{},
		names:   map[string]*link{},
		sysctls: newSysctls(m.world.settings, m.self),
	}
	ns.fib4, ns.fib6 = newFIB(ns, kernel.IPv4), newFIB(ns, kernel.IPv6)
	m.namespaces = append(m.namespaces, ns)
	ns.insert(newDevice("", "lo", 65536), 0) // drivers/net/loopback.c: loopback_setup
	return ns
}

// lo returns the loopback device, whatever it is called: LOOPBACK_IFINDEX.
func (ns *namespace) lo() *link { return ns.links[1] }

// world returns the world the namespace is in.
func (ns *namespace) world() *World { return ns.machine.world }

// sorted returns the links by index.
func (ns *namespace) sorted() []*link {
	return slices.SortedFunc(maps.Values(ns.links), func(a, b *link) int { return cmp.Compare(a.index, b.index) })
}

// insert registers a link, with the index it wants if that is free. (net/core/dev.c: register_netdevice,
// dev_index_reserve.)
func (ns *namespace) insert(l *link, wanted int) {
	if _, taken := ns.links[wanted]; taken || wanted == 0 {
		wanted = ns.freeIndex()
	}
	l.ns, l.index = ns, wanted
	ns.links[l.index], ns.names[l.name] = l, l
	ns.sysctls.addLink(l)
}

// freeIndex counts on, past indexes that links brought along. (net/core/dev.c: dev_index_reserve, which allocates
// cyclically.)
func (ns *namespace) freeIndex() int {
	for {
		ns.lastIndex++
		if _, taken := ns.links[ns.lastIndex]; !taken {
			return ns.lastIndex
		}
	}
}

// forget unregisters a link.
func (ns *namespace) forget(l *link) {
	delete(ns.links, l.index)
	delete(ns.names, l.name)
}

// unref gives a reference back. With the last one the namespace begins to die, which a kernel worker carries out some
// milliseconds later. (net/core/net_namespace.c: __put_net, cleanup_net.)
func (ns *namespace) unref() {
	ns.refs--
	if ns.refs == 0 {
		ns.world().after(cleanupDelay, ns.die)
	}
}
