package lockstep

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An arena is a host as far as one sequence is concerned: the namespaces have names of its own, the host's too, and are
// kept open, because to open one takes as long as several requests. It is not for concurrent use.
type arena struct {
	kernel.Host
	prefix string           // of the names of its namespaces, which are side by side with others'
	names  []string         // the namespaces there are
	open   map[string]*kept // by name
	deep   depth            // how much view reads
	file   bool             // the plain file is there

	services []func() // what ends those that listen
}

// newArena makes an arena with the host's own namespace.
func newArena(h kernel.Host, prefix string) (*arena, error) {
	a := &arena{Host: h, prefix: prefix, open: map[string]*kept{}}
	if err := h.MkdirAll(kernel.NetNSDir, 0o755); err != nil {
		return nil, err
	}
	return a, a.AddNetNS(kernel.HostNetNS)
}

// close takes the namespaces away.
func (a *arena) close() error {
	for _, stop := range a.services {
		stop()
	}
	var first error
	for _, name := range slices.Clone(a.names) {
		if err := a.drop(name); err != nil && first == nil {
			first = err
		}
	}
	if err := a.dropFile(); err != nil && first == nil {
		first = err
	}
	return first
}

// bound is where a namespace is bound. The plain file is made when it is asked for.
func (a *arena) bound(name string) string {
	where := path.Join(kernel.NetNSDir, a.prefix+name)
	if name == plainFile && !a.file {
		a.file = a.WriteFile(where, nil, 0o644) == nil
	}
	return where
}

func (a *arena) dropFile() error {
	if !a.file {
		return nil
	}
	return a.Remove(path.Join(kernel.NetNSDir, a.prefix+plainFile))
}

// nameOf is what the operations call a namespace.
func nameOf(bound string) string { return strings.TrimPrefix(bound, kernel.NetNSDir+"/") }

// Self implements kernel.Namespaces.
func (a *arena) Self() (kernel.NetNS, error) { return a.OpenNetNS(kernel.HostNetNS) }

// OpenNetNS implements kernel.Namespaces.
func (a *arena) OpenNetNS(bound string) (kernel.NetNS, error) {
	name := nameOf(bound)
	if ns := a.open[name]; ns != nil {
		return ns, nil
	}
	if name == closedNetNS {
		return a.openClosed()
	}
	ns, err := a.Host.OpenNetNS(a.bound(name))
	if err != nil {
		return nil, err
	}
	a.open[name] = &kept{ns, a}
	return a.open[name], nil
}

// openClosed opens the host's own namespace anew, and closes the handle.
func (a *arena) openClosed() (kernel.NetNS, error) {
	ns, err := a.Host.OpenNetNS(a.bound(kernel.HostNetNS))
	if err != nil {
		return nil, err
	}
	ns.Close()
	a.open[closedNetNS] = &kept{ns, a}
	return a.open[closedNetNS], nil
}

// AddNetNS implements kernel.Namespaces.
func (a *arena) AddNetNS(bound string) error {
	name := nameOf(bound)
	err := a.Host.AddNetNS(a.bound(name))
	if err == nil && name != plainFile && !slices.Contains(a.names, name) {
		a.names = append(a.names, name)
	}
	return err
}

// DeleteNetNS implements kernel.Namespaces. It returns when what dies with the namespace is gone: Linux takes a while
// (net/core/net_namespace.c cleanup_net).
func (a *arena) DeleteNetNS(bound string) error {
	name := nameOf(bound)
	doomed, err := a.peersOf(name)
	if err != nil {
		return err
	}
	if err := a.drop(name); err != nil {
		return err
	}
	return a.await(func() (bool, error) { return a.gone(doomed) })
}

func (a *arena) drop(name string) error {
	if ns := a.open[name]; ns != nil {
		ns.NetNS.Close()
		delete(a.open, name)
	}
	err := a.Host.DeleteNetNS(a.bound(name))
	if err == nil {
		a.names = slices.DeleteFunc(a.names, func(n string) bool { return n == name })
	}
	return err
}

// A place is where a link is.
type place struct {
	netns string
	index int
}

// peersOf returns what is in other namespaces and dies with a namespace: the other ends of its veths, and the vlans on
// its links. Where that is may not be certain, because links know an index alone, which several namespaces have: what may belong
// to a third one is left out.
func (a *arena) peersOf(name string) ([]place, error) {
	if !slices.Contains(a.names, name) {
		return nil, nil
	}
	links := map[string][]kernel.Link{}
	for _, netns := range a.names {
		var err error
		if links[netns], err = a.linksOf(netns); err != nil {
			return nil, err
		}
	}
	var peers []place
	for _, other := range a.names {
		for _, l := range links[other] {
			owners := slices.DeleteFunc(slices.Clone(a.names), func(owner string) bool {
				return owner == other || !slices.ContainsFunc(links[owner], func(end kernel.Link) bool { return hangsOn(l, end) })
			})
			if slices.Equal(owners, []string{name}) {
				peers = append(peers, place{other, l.Index})
			}
		}
	}
	return peers, nil
}

// hangsOn reports whether a link may go with one of another namespace.
func hangsOn(l, other kernel.Link) bool { return areEnds(l, other) || isOn(l, other) }

func areEnds(a, b kernel.Link) bool {
	return a.Kind == kernel.KindVeth && b.Kind == kernel.KindVeth && !a.PeerHere && !b.PeerHere &&
		a.Peer == b.Index && b.Peer == a.Index
}

// isOn reports whether a vlan is on a link of another namespace. It knows the index alone, which a link of a third one may
// have; the MAC that most have from their parents tells them apart.
func isOn(v, parent kernel.Link) bool {
	return v.Kind == kernel.KindVLAN && !v.ParentHere && v.Parent == parent.Index && bytes.Equal(v.MAC, parent.MAC)
}

func (a *arena) linksOf(name string) ([]kernel.Link, error) {
	ns, err := a.OpenNetNS(name)
	if err != nil {
		return nil, err
	}
	return ns.Links()
}

func (a *arena) gone(doomed []place) (bool, error) {
	for _, p := range doomed {
		links, err := a.linksOf(p.netns)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(links, func(l kernel.Link) bool { return l.Index == p.index }) {
			return false, nil
		}
	}
	return true, nil
}

// await repeats until it is so, for Patience of the host's time at most.
func (a *arena) await(so func() (bool, error)) error {
	deadline := a.Now().Add(Patience)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		done, err := so()
		if done || err != nil {
			return err
		}
		if a.Now().After(deadline) {
			return fmt.Errorf("what should be gone with a namespace is still there after %s", Patience)
		}
		if err := a.Sleep(context.Background(), pause); err != nil {
			return err
		}
	}
}

// ReadDir implements kernel.Files. Of the folder of namespaces it knows its own.
func (a *arena) ReadDir(folder string) ([]fs.DirEntry, error) {
	if folder != kernel.NetNSDir {
		return a.Host.ReadDir(folder)
	}
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(slices.Values(a.names)) {
		if name != kernel.HostNetNS {
			entries = append(entries, entry(name))
		}
	}
	return entries, nil
}

// An entry is the file of a namespace in its folder.
type entry string

func (e entry) Name() string               { return string(e) }
func (e entry) IsDir() bool                { return false }
func (e entry) Type() fs.FileMode          { return 0 }
func (e entry) Info() (fs.FileInfo, error) { return nil, kernel.ENOENT }

// A kept namespace is closed by its arena alone.
type kept struct {
	kernel.NetNS
	arena *arena
}

// Close implements kernel.NetNS.
func (*kept) Close() {}

func unwrap(ns kernel.NetNS) kernel.NetNS {
	if k, ok := ns.(*kept); ok {
		return k.NetNS
	}
	return ns
}

// AddLink implements kernel.Links.
func (k *kept) AddLink(spec kernel.LinkSpec) error {
	spec.Peer.NetNS = unwrap(spec.Peer.NetNS)
	return k.NetNS.AddLink(spec)
}

// ChangeLink implements kernel.Links.
func (k *kept) ChangeLink(index int, c kernel.LinkChange) error {
	c.NetNS = unwrap(c.NetNS)
	return k.NetNS.ChangeLink(index, c)
}

// A depth says how much of a state is looked at.
type depth int

const (
	all    depth = iota
	tables       // all but settings and netfilter, which are most of what there is to read
	late         // of these, what Linux goes on changing after it has answered: links, addresses and routes
)

// VLANs implements kernel.VLANs.
func (k *kept) VLANs() ([]kernel.VLAN, error) { return unless(k.arena.deep == late, k.NetNS.VLANs) }

// FDB implements kernel.FDB.
func (k *kept) FDB() ([]kernel.FDBEntry, error) { return unless(k.arena.deep == late, k.NetNS.FDB) }

// Rules implements kernel.Rules.
func (k *kept) Rules(f kernel.Family) ([]kernel.Rule, error) {
	return unless(k.arena.deep == late, func() ([]kernel.Rule, error) { return k.NetNS.Rules(f) })
}

// Neighbours implements kernel.Neighbours.
func (k *kept) Neighbours(link int) ([]kernel.Neighbour, error) {
	return unless(k.arena.deep == late, func() ([]kernel.Neighbour, error) { return k.NetNS.Neighbours(link) })
}

// Sysctl implements kernel.Sysctls.
func (k *kept) Sysctl(key string) (string, error) {
	if k.arena.deep != all {
		return "", kernel.ENOENT
	}
	return k.NetNS.Sysctl(key)
}

// Ruleset implements kernel.Netfilter.
func (k *kept) Ruleset(b kernel.FilterBackend) ([]kernel.FilterTable, error) {
	return unless(k.arena.deep != all, func() ([]kernel.FilterTable, error) { return k.NetNS.Ruleset(b) })
}

// unless reads a table, unless it is to be passed over.
func unless[T any](passed bool, read func() ([]T, error)) ([]T, error) {
	if passed {
		return nil, nil
	}
	return read()
}

// view returns the state of the arena to a depth, with or without operational states, which Linux may set a second late
// (net/core/link_watch.c).
func (a *arena) view(deep depth, oper bool) (kernel.Snapshot, error) {
	a.deep = deep
	defer func() { a.deep = all }()
	state, err := kernel.Take(a)
	levelOper(state)
	if !oper {
		dropOper(state)
	}
	return state, err
}

// levelOper takes two states for one. A veth without a carrier is DOWN, or LOWERLAYERDOWN where a link of its own
// namespace happens to have the index of its peer in another one and has no carrier at the moment at which Linux looks,
// up to a second later (net/core/link_watch.c rfc2863_policy).
func levelOper(state kernel.Snapshot) {
	for i, o := range state {
		for j, a := range o.Attrs {
			if a.Key == "oper" && a.Value == string(kernel.OperLowerLayerDown) {
				state[i].Attrs[j].Value = string(kernel.OperDown)
			}
		}
	}
}

// dropOper leaves operational states out.
func dropOper(state kernel.Snapshot) {
	for i, o := range state {
		state[i].Attrs = slices.DeleteFunc(o.Attrs, func(at kernel.Attr) bool { return at.Key == "oper" })
	}
}
