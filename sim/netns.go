package sim

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// cleanupDelay is how long a namespace's links outlive its last reference: cleanup_net runs in a kernel worker, and
// waits for grace periods of RCU. (Measured on Linux 6.18: three out of five names could not be taken again at once.)
const cleanupDelay = 5 * time.Millisecond

// Self is kernel.Namespaces'.
func (h *Host) Self() (n kernel.NetNS, err error) {
	h.world.update(func() { n = h.open(h.self, kernel.HostNetNS) })
	return n, nil
}

// OpenNetNS is kernel.Namespaces'.
func (h *Host) OpenNetNS(name string) (n kernel.NetNS, err error) {
	h.world.update(func() {
		file, r := h.walk(name)
		if r == nil && file.ns == nil {
			r = refuse(kernel.EINVAL) // setns(2): no nsfs file
		}
		if err = fail("netns open", name, r); err == nil {
			n = h.open(file.ns, path.Base(name))
		}
	})
	return n, err
}

// AddNetNS is kernel.Namespaces'.
func (h *Host) AddNetNS(name string) (err error) {
	h.world.update(func() { err = fail("netns add", name, h.addNetNS(name)) })
	return err
}

func (m *machine) addNetNS(name string) *refusal {
	e, r := m.entry(name)
	switch {
	case r != nil && r.errno == kernel.EBUSY, r == nil && e.inode != nil:
		return refuse(kernel.EEXIST) // open(2) with O_CREAT|O_EXCL
	case r != nil:
		return r
	}
	ns := m.newNamespace()
	ns.name = path.Base(name)
	ns.refs++
	file := m.world.newNamespaceFile(ns)
	file.mount = true
	e.set(file)
	return nil
}

// DeleteNetNS is kernel.Namespaces'.
func (h *Host) DeleteNetNS(name string) (err error) {
	h.world.update(func() { err = fail("netns delete", name, h.deleteNetNS(name)) })
	return err
}

func (m *machine) deleteNetNS(name string) *refusal {
	e, r := m.entry(name)
	switch {
	case r != nil:
		return r
	case e.inode == nil:
		return refuse(kernel.ENOENT)
	case !e.inode.mount:
		return refuse(kernel.EINVAL) // umount2: no mount point
	}
	e.clear()
	e.inode.ns.unref()
	return nil
}

// die is the end of a namespace: its links go, and the peers of its veths with them. (net/core/net_namespace.c:
// cleanup_net; net/core/dev.c: default_device_exit_batch.)
func (ns *namespace) die() {
	if ns.refs > 0 {
		return // opened again meanwhile, by a path that was still being walked
	}
	ns.dead = true
	ns.sendCardsHome()
	for _, l := range slices.Clone(ns.vxlans()) {
		l.unregister() // vxlan_exit_batch: wherever it is
	}
	for _, l := range ns.sorted() {
		l.unregister()
	}
	ns.closeSockets()
	m := ns.machine
	m.namespaces = slices.DeleteFunc(m.namespaces, func(o *namespace) bool { return o == ns })
}

// sendCardsHome moves what nobody can delete to the machine's own namespace; a name that is taken there gives way to the
// index. (net/core/dev.c: default_device_exit_net.)
func (ns *namespace) sendCardsHome() {
	home := ns.machine.self
	for _, l := range ns.sorted() {
		if l.card == nil {
			continue
		}
		name := fmt.Sprintf("dev%d", l.index)
		if home.named(name) != nil {
			name = "dev%d"
		}
		l.move(home, &name)
	}
}
