package intercept

import (
	"context"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A netns sends the calls of a kernel.NetNS down the line of its host. Like host, it embeds nothing.
type netns struct {
	backend kernel.NetNS
	line    *line
}

var _ kernel.NetNS = (*netns)(nil)

// unwrap returns the backend's own handle, the only kind that a backend can take as an argument.
func unwrap(ns kernel.NetNS) kernel.NetNS {
	for {
		w, ok := ns.(*netns)
		if !ok {
			return ns
		}
		ns = w.backend
	}
}

// do makes a call in this namespace.
func (n *netns) do(op Op, object string, backend func() error) error {
	return n.line.do(op, n.Name(), object, backend)
}

func (n *netns) Name() string { return n.backend.Name() }

func (n *netns) ID() kernel.NSID { return n.backend.ID() }

func (n *netns) Close() { n.backend.Close() }

func (n *netns) Lock(ctx context.Context, wait time.Duration) (func(), error) {
	return held(n.line, NetNSLock, n.Name(), "", func() (func(), error) { return n.backend.Lock(ctx, wait) })
}

func (n *netns) Links() ([]kernel.Link, error) {
	links, err := value(n.line, LinkList, n.Name(), "", n.backend.Links)
	n.line.names.learn(n.ID(), links...)
	return links, err
}

func (n *netns) LinkByName(name string) (kernel.Link, error) {
	link, err := value(n.line, LinkShow, n.Name(), name, func() (kernel.Link, error) {
		return n.backend.LinkByName(name)
	})
	if err == nil {
		n.line.names.learn(n.ID(), link)
	}
	return link, err
}

func (n *netns) AddLink(spec kernel.LinkSpec) error {
	spec.Peer.NetNS = unwrap(spec.Peer.NetNS)
	return n.ask(n.linkAdd(spec), n.describeSpec(spec), func() error { return n.backend.AddLink(spec) })
}

func (n *netns) ChangeLink(index int, change kernel.LinkChange) error {
	change.NetNS = unwrap(change.NetNS)
	err := n.ask(n.linkSet(index, change), n.describeChange(index, change), func() error { return n.backend.ChangeLink(index, change) })
	if err == nil && change.Name != nil {
		n.line.names.set(n.ID(), index, *change.Name)
	}
	return err
}

func (n *netns) DeleteLink(index int) error {
	return n.ask(n.linkDelete(index), n.link(index), func() error { return n.backend.DeleteLink(index) })
}

func (n *netns) ChangePort(link int, change kernel.PortChange) error {
	return n.ask(n.portSet(link, change), n.describePort(link, change), func() error { return n.backend.ChangePort(link, change) })
}

func (n *netns) ChangeBridge(index int, c kernel.BridgeChange) error {
	return n.do(BridgeSet, n.describeBridge(index, c), func() error { return n.backend.ChangeBridge(index, c) })
}

func (n *netns) VLANs() ([]kernel.VLAN, error) {
	return value(n.line, VLANList, n.Name(), "", n.backend.VLANs)
}

func (n *netns) AddVLANs(v kernel.VLANRange) error {
	return n.do(VLANAdd, n.describeVLANs(v), func() error { return n.backend.AddVLANs(v) })
}

func (n *netns) DeleteVLANs(v kernel.VLANRange) error {
	return n.do(VLANDelete, n.describeVLANs(v), func() error { return n.backend.DeleteVLANs(v) })
}

func (n *netns) FDB() ([]kernel.FDBEntry, error) {
	return value(n.line, FDBList, n.Name(), "", n.backend.FDB)
}

func (n *netns) AddFDB(e kernel.FDBEntry) error {
	return n.do(FDBAdd, n.describeFDB(e), func() error { return n.backend.AddFDB(e) })
}

func (n *netns) DeleteFDB(e kernel.FDBEntry) error {
	return n.do(FDBDelete, n.describeFDB(e), func() error { return n.backend.DeleteFDB(e) })
}

func (n *netns) Addresses(link int) ([]kernel.Address, error) {
	return value(n.line, AddressList, n.Name(), n.onLink(link), func() ([]kernel.Address, error) {
		return n.backend.Addresses(link)
	})
}

func (n *netns) AddAddress(a kernel.Address) error {
	return n.ask(n.addressAdd(a), n.describeAddress(a), func() error { return n.backend.AddAddress(a) })
}

func (n *netns) DeleteAddress(a kernel.Address) error {
	return n.ask(n.addressDelete(a), n.describeAddress(a), func() error { return n.backend.DeleteAddress(a) })
}

func (n *netns) Routes(f kernel.Family) ([]kernel.Route, error) {
	return value(n.line, RouteList, n.Name(), f.String(), func() ([]kernel.Route, error) {
		return n.backend.Routes(f)
	})
}

func (n *netns) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	return n.ask(n.routeAdd(r, mode), n.describeRoute(r), func() error { return n.backend.AddRoute(r, mode) })
}

func (n *netns) DeleteRoute(r kernel.Route) error {
	return n.ask(n.routeDelete(r), n.describeRoute(r), func() error { return n.backend.DeleteRoute(r) })
}

func (n *netns) Rules(f kernel.Family) ([]kernel.Rule, error) {
	return value(n.line, RuleList, n.Name(), f.String(), func() ([]kernel.Rule, error) { return n.backend.Rules(f) })
}

func (n *netns) AddRule(r kernel.Rule) error {
	return n.do(RuleAdd, describeRule(r), func() error { return n.backend.AddRule(r) })
}

func (n *netns) DeleteRule(r kernel.Rule) error {
	return n.do(RuleDelete, describeRule(r), func() error { return n.backend.DeleteRule(r) })
}

func (n *netns) Neighbours(link int) ([]kernel.Neighbour, error) {
	return value(n.line, NeighbourList, n.Name(), n.onLink(link), func() ([]kernel.Neighbour, error) {
		return n.backend.Neighbours(link)
	})
}

func (n *netns) AddNeighbour(e kernel.Neighbour) error {
	return n.ask(n.neighbourAdd(e), n.describeNeighbour(e), func() error { return n.backend.AddNeighbour(e) })
}

func (n *netns) DeleteNeighbour(e kernel.Neighbour) error {
	return n.ask(n.neighbourDelete(e), n.describeNeighbour(e), func() error { return n.backend.DeleteNeighbour(e) })
}

func (n *netns) Sysctl(key string) (string, error) {
	return value(n.line, SysctlGet, n.Name(), key, func() (string, error) { return n.backend.Sysctl(key) })
}

func (n *netns) SetSysctl(key, value string) error {
	return n.ask(n.sysctlSet(key, value), key+"="+value, func() error { return n.backend.SetSysctl(key, value) })
}

func (n *netns) Ruleset(b kernel.FilterBackend) ([]kernel.FilterTable, error) {
	return value(n.line, RulesetList, n.Name(), string(b), func() ([]kernel.FilterTable, error) {
		return n.backend.Ruleset(b)
	})
}

func (n *netns) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.do(RulesetCheck, describeRuleset(b, changes), func() error { return n.backend.CheckRuleset(b, changes) })
}

func (n *netns) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.do(RulesetChange, describeRuleset(b, changes), func() error { return n.backend.ChangeRuleset(b, changes) })
}

func (n *netns) Flows() ([]kernel.Flow, error) {
	return value(n.line, FlowList, n.Name(), "", n.backend.Flows)
}

func (n *netns) DeleteFlows(f kernel.FlowFilter) (int, error) {
	return value(n.line, FlowDelete, n.Name(), strings.Join(f.Words(), " "), func() (int, error) {
		return n.backend.DeleteFlows(f)
	})
}

func (n *netns) Advertise(a kernel.RouterAdvertisement) error {
	return n.line.do(RouterAdvertise, n.Name(), n.link(a.Link)+" "+a.String(), func() error { return n.backend.Advertise(a) })
}

func (n *netns) Ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	return value(n.line, ProbePing, n.Name(), p.To.String(), func() (kernel.Answer, error) {
		return n.backend.Ping(ctx, p)
	})
}

func (n *netns) Call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	return value(n.line, ProbeCall, n.Name(), string(c.Transport)+" "+c.To.String(), func() (kernel.Answer, error) {
		return n.backend.Call(ctx, c)
	})
}

func (n *netns) Serve(s kernel.Service) (func(), error) {
	return held(n.line, ProbeServe, n.Name(), string(s.Transport)+" "+s.At.String(), func() (func(), error) {
		return n.backend.Serve(s)
	})
}
