package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// machine is what the views of one Host share.
type machine struct {
	world      *World
	name       string
	self       *namespace             // the machine's first namespace
	namespaces []*namespace           // all that live
	vxlans     map[*namespace][]*link // by vxlan.home
	root       *inode
	pathSeed   uint64 // of the choice among routes that share the traffic: fib_multipath_seed
}

// A Host is one simulated machine, as a process on it sees it: an executed program has a view of its own, which knows
// what file it was started from and what ends with it.
type Host struct {
	*machine
	process *process
}

var _ kernel.Host = (*Host)(nil)

// AddHost adds a machine. Its name has to be new in the world: it panics otherwise, since machines would have their boot
// id, and their place in traces and captures, in common.
func (w *World) AddHost(name string) *Host {
	h := &Host{machine: &machine{world: w, name: name, pathSeed: w.derive("paths", name)}, process: newProcess(nil)}
	w.update(func() {
		if slices.ContainsFunc(w.hosts, func(other *Host) bool { return other.name == name }) {
			panic(fmt.Sprintf("sim: the world has a host %q already", name))
		}
		w.hosts = append(w.hosts, h)
		h.newTree()
		h.self = h.newNamespace()
		h.self.name = kernel.HostNetNS
		h.self.refs++
		h.newProc()
	})
	return h
}

// Name returns the machine's name in its world.
func (h *Host) Name() string { return h.name }

// World returns the world the machine is in.
func (h *Host) World() *World { return h.world }

// Now returns the world's time.
func (h *Host) Now() time.Time { return h.world.Now() }

// Sleep lets the world's time go on by d.
func (h *Host) Sleep(ctx context.Context, d time.Duration) error { return h.world.Sleep(ctx, d) }

// Go makes an actor; see World.Go.
func (h *Host) Go(f func()) (wait func() error) { return h.world.Go(f) }

// BootID is a function of the world's seed and the machine's name.
func (h *Host) BootID() (string, error) {
	a, b := h.world.derive("boot id", h.name), h.world.derive("boot", h.name)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff), nil
}

func (m *machine) closeSockets() {
	for _, ns := range m.namespaces {
		ns.closeSockets()
	}
}
