package twisted

import (
	"context"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A netns asks its Kernel, which has every function, for everything.
type netns struct {
	right kernel.NetNS
	k     *Kernel
}

// right returns the backend's own handle, the only kind that it takes as an argument.
func right(ns kernel.NetNS) kernel.NetNS {
	if n, ok := ns.(*netns); ok {
		return n.right
	}
	return ns
}

// show returns the list as it is shown.
func show[T any](n *netns, as func(kernel.NetNS, []T) []T, list []T, err error) ([]T, error) {
	if err != nil || as == nil {
		return list, err
	}
	return as(n.right, list), nil
}

func (n *netns) Name() string {
	return n.k.Name(n.right)
}

func (n *netns) ID() kernel.NSID {
	return n.k.ID(n.right)
}

func (n *netns) Lock(ctx context.Context, wait time.Duration) (func(), error) {
	return n.k.Lock(n.right, ctx, wait)
}

func (n *netns) Close() {
	n.k.Close(n.right)
}

func (n *netns) Links() ([]kernel.Link, error) {
	list, err := n.k.Links(n.right)
	return show(n, n.k.ShowLinks, list, err)
}

func (n *netns) LinkByName(name string) (kernel.Link, error) {
	l, err := n.k.LinkByName(n.right, name)
	if err == nil && n.k.ShowLink != nil {
		l = n.k.ShowLink(n.right, l)
	}
	if err != nil || n.k.ShowLinks == nil {
		return l, err
	}
	links, err := n.Links()
	if i := slices.IndexFunc(links, func(l kernel.Link) bool { return l.Name == name }); i >= 0 {
		return links[i], err
	}
	return l, err
}

func (n *netns) AddLink(spec kernel.LinkSpec) error {
	spec.Peer.NetNS = right(spec.Peer.NetNS)
	return n.k.AddLink(n.right, spec)
}

func (n *netns) ChangeLink(index int, c kernel.LinkChange) error {
	c.NetNS = right(c.NetNS)
	return n.k.ChangeLink(n.right, index, c)
}

func (n *netns) DeleteLink(index int) error {
	return n.k.DeleteLink(n.right, index)
}

func (n *netns) ChangePort(link int, c kernel.PortChange) error {
	return n.k.ChangePort(n.right, link, c)
}

func (n *netns) ChangeBridge(index int, c kernel.BridgeChange) error {
	return n.k.ChangeBridge(n.right, index, c)
}

func (n *netns) VLANs() ([]kernel.VLAN, error) {
	list, err := n.k.VLANs(n.right)
	return show(n, n.k.ShowVLANs, list, err)
}

func (n *netns) AddVLANs(v kernel.VLANRange) error {
	return n.k.AddVLANs(n.right, v)
}

func (n *netns) DeleteVLANs(v kernel.VLANRange) error {
	return n.k.DeleteVLANs(n.right, v)
}

func (n *netns) FDB() ([]kernel.FDBEntry, error) {
	list, err := n.k.FDB(n.right)
	return show(n, n.k.ShowFDB, list, err)
}

func (n *netns) AddFDB(e kernel.FDBEntry) error {
	return n.k.AddFDB(n.right, e)
}

func (n *netns) DeleteFDB(e kernel.FDBEntry) error {
	return n.k.DeleteFDB(n.right, e)
}

func (n *netns) Addresses(link int) ([]kernel.Address, error) {
	list, err := n.k.Addresses(n.right, link)
	return show(n, n.k.ShowAddresses, list, err)
}

func (n *netns) AddAddress(a kernel.Address) error {
	return n.k.AddAddress(n.right, a)
}

func (n *netns) DeleteAddress(a kernel.Address) error {
	return n.k.DeleteAddress(n.right, a)
}

func (n *netns) Routes(f kernel.Family) ([]kernel.Route, error) {
	list, err := n.k.Routes(n.right, f)
	return show(n, n.k.ShowRoutes, list, err)
}

func (n *netns) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	return n.k.AddRoute(n.right, r, mode)
}

func (n *netns) DeleteRoute(r kernel.Route) error {
	return n.k.DeleteRoute(n.right, r)
}

func (n *netns) Rules(f kernel.Family) ([]kernel.Rule, error) {
	list, err := n.k.Rules(n.right, f)
	return show(n, n.k.ShowRules, list, err)
}

func (n *netns) AddRule(r kernel.Rule) error {
	return n.k.AddRule(n.right, r)
}

func (n *netns) DeleteRule(r kernel.Rule) error {
	return n.k.DeleteRule(n.right, r)
}

func (n *netns) Neighbours(link int) ([]kernel.Neighbour, error) {
	list, err := n.k.Neighbours(n.right, link)
	return show(n, n.k.ShowNeighbours, list, err)
}

func (n *netns) AddNeighbour(e kernel.Neighbour) error {
	return n.k.AddNeighbour(n.right, e)
}

func (n *netns) DeleteNeighbour(e kernel.Neighbour) error {
	return n.k.DeleteNeighbour(n.right, e)
}

func (n *netns) Sysctl(key string) (string, error) {
	return n.k.Sysctl(n.right, key)
}

func (n *netns) SetSysctl(key, value string) error {
	return n.k.SetSysctl(n.right, key, value)
}

func (n *netns) Ruleset(b kernel.FilterBackend) ([]kernel.FilterTable, error) {
	list, err := n.k.Ruleset(n.right, b)
	return show(n, n.k.ShowRuleset, list, err)
}

func (n *netns) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.k.CheckRuleset(n.right, b, changes)
}

func (n *netns) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.k.ChangeRuleset(n.right, b, changes)
}

func (n *netns) Flows() ([]kernel.Flow, error) {
	list, err := n.k.Flows(n.right)
	return show(n, n.k.ShowFlows, list, err)
}

func (n *netns) DeleteFlows(f kernel.FlowFilter) (int, error) {
	return n.k.DeleteFlows(n.right, f)
}

func (n *netns) Advertise(a kernel.RouterAdvertisement) error {
	return n.k.Advertise(n.right, a)
}

func (n *netns) Ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	return n.k.Ping(n.right, ctx, p)
}

func (n *netns) Call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	return n.k.Call(n.right, ctx, c)
}

func (n *netns) Serve(s kernel.Service) (func(), error) {
	return n.k.Serve(n.right, s)
}
