package kerneltest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A twist is one way in which a backend is wrong. Its functions stand in for methods of the contract; they are given
// what is right, and do with it what they like. A method whose function is nil is right.
type twist struct {
	hook intercept.Hook // stands before every call

	links       func(ns kernel.NetNS, links []kernel.Link) []kernel.Link
	link        func(ns kernel.NetNS, l kernel.Link) kernel.Link // only what LinkByName answers
	addLink     func(ns kernel.NetNS, spec kernel.LinkSpec) error
	changeLink  func(ns kernel.NetNS, index int, change kernel.LinkChange) error
	deleteLink  func(ns kernel.NetNS, index int) error
	changePort  func(ns kernel.NetNS, link int, change kernel.PortChange) error
	setBridge   func(ns kernel.NetNS, index int, c kernel.BridgeChange) error
	vlans       func(ns kernel.NetNS, list []kernel.VLAN) []kernel.VLAN
	addVLANs    func(ns kernel.NetNS, v kernel.VLANRange) error
	delVLANs    func(ns kernel.NetNS, v kernel.VLANRange) error
	fdb         func(ns kernel.NetNS, list []kernel.FDBEntry) []kernel.FDBEntry
	addFDB      func(ns kernel.NetNS, e kernel.FDBEntry) error
	addresses   func(ns kernel.NetNS, list []kernel.Address) []kernel.Address
	addressesOf func(ns kernel.NetNS, link int) ([]kernel.Address, error)
	addAddress  func(ns kernel.NetNS, a kernel.Address) error
	delAddress  func(ns kernel.NetNS, a kernel.Address) error
	routes      func(ns kernel.NetNS, list []kernel.Route) []kernel.Route
	addRoute    func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error
	delRoute    func(ns kernel.NetNS, r kernel.Route) error
	rules       func(ns kernel.NetNS, list []kernel.Rule) []kernel.Rule
	rulesOf     func(ns kernel.NetNS, f kernel.Family) ([]kernel.Rule, error)
	addRule     func(ns kernel.NetNS, r kernel.Rule) error
	delRule     func(ns kernel.NetNS, r kernel.Rule) error
	neighbours  func(ns kernel.NetNS, list []kernel.Neighbour) []kernel.Neighbour
	addNeigh    func(ns kernel.NetNS, n kernel.Neighbour) error
	sysctl      func(ns kernel.NetNS, key string) (string, error)
	setSysctl   func(ns kernel.NetNS, key, value string) error
	ruleset     func(ns kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable
	rulesetOf   func(ns kernel.NetNS, b kernel.FilterBackend) ([]kernel.FilterTable, error)
	check       func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error
	change      func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error
	ping        func(ns kernel.NetNS, p kernel.Ping) (kernel.Answer, error)
	call        func(ns kernel.NetNS, c kernel.Call) (kernel.Answer, error)
	serve       func(ns kernel.NetNS, s kernel.Service) (func(), error)
	lock        func(ns kernel.NetNS, ctx context.Context, wait time.Duration) (func(), error)
	closed      func(ns kernel.NetNS)
	name        func(ns kernel.NetNS) string
	id          func(ns kernel.NetNS) kernel.NSID

	self     func(h kernel.Host) (kernel.NetNS, error)
	open     func(h kernel.Host, path string) (kernel.NetNS, error)
	addNetNS func(h kernel.Host, path string) error
	delNetNS func(h kernel.Host, path string) error
	now      func(h kernel.Host) time.Time
	sleep    func(h kernel.Host, ctx context.Context, d time.Duration) error
	readDir  func(h kernel.Host, name string) ([]fs.DirEntry, error)
	stat     func(h kernel.Host, name string) (fs.FileInfo, error)
	mkdir    func(h kernel.Host, name string, perm fs.FileMode) error
	write    func(h kernel.Host, name string, data []byte, perm fs.FileMode) error
	hardLink func(h kernel.Host, old, name string) error
	rename   func(h kernel.Host, old, name string) error
	remove   func(h kernel.Host, name string) error
	lockFile func(h kernel.Host, ctx context.Context, name string, wait time.Duration) (func(), error)
	isSelf   func(h kernel.Host, path string) (bool, error)
	bootID   func(h kernel.Host) (string, error)
}

// host returns h with the twist.
func (t twist) host(h kernel.Host) kernel.Host {
	if t.hook != nil {
		h = intercept.Wrap(h, t.hook)
	}
	return &wrongHost{Host: h, t: t}
}

// A wrongHost is right in all that its twist does not name.
type wrongHost struct {
	kernel.Host
	t twist
}

func (h *wrongHost) wrong(ns kernel.NetNS, err error) (kernel.NetNS, error) {
	if err != nil {
		return nil, err
	}
	return &wrongNetNS{NetNS: ns, t: h.t}, nil
}

func (h *wrongHost) Self() (kernel.NetNS, error) {
	if h.t.self != nil {
		return h.wrong(h.t.self(h.Host))
	}
	return h.wrong(h.Host.Self())
}

func (h *wrongHost) OpenNetNS(path string) (kernel.NetNS, error) {
	if h.t.open != nil {
		return h.wrong(h.t.open(h.Host, path))
	}
	return h.wrong(h.Host.OpenNetNS(path))
}

func (h *wrongHost) AddNetNS(path string) error {
	if h.t.addNetNS != nil {
		return h.t.addNetNS(h.Host, path)
	}
	return h.Host.AddNetNS(path)
}

func (h *wrongHost) DeleteNetNS(path string) error {
	if h.t.delNetNS != nil {
		return h.t.delNetNS(h.Host, path)
	}
	return h.Host.DeleteNetNS(path)
}

func (h *wrongHost) Now() time.Time {
	if h.t.now != nil {
		return h.t.now(h.Host)
	}
	return h.Host.Now()
}

func (h *wrongHost) Sleep(ctx context.Context, d time.Duration) error {
	if h.t.sleep != nil {
		return h.t.sleep(h.Host, ctx, d)
	}
	return h.Host.Sleep(ctx, d)
}

func (h *wrongHost) ReadDir(name string) ([]fs.DirEntry, error) {
	if h.t.readDir != nil {
		return h.t.readDir(h.Host, name)
	}
	return h.Host.ReadDir(name)
}

func (h *wrongHost) Stat(name string) (fs.FileInfo, error) {
	if h.t.stat != nil {
		return h.t.stat(h.Host, name)
	}
	return h.Host.Stat(name)
}

func (h *wrongHost) MkdirAll(name string, perm fs.FileMode) error {
	if h.t.mkdir != nil {
		return h.t.mkdir(h.Host, name, perm)
	}
	return h.Host.MkdirAll(name, perm)
}

func (h *wrongHost) WriteFile(name string, data []byte, perm fs.FileMode) error {
	if h.t.write != nil {
		return h.t.write(h.Host, name, data, perm)
	}
	return h.Host.WriteFile(name, data, perm)
}

func (h *wrongHost) Link(old, name string) error {
	if h.t.hardLink != nil {
		return h.t.hardLink(h.Host, old, name)
	}
	return h.Host.Link(old, name)
}

func (h *wrongHost) Rename(old, name string) error {
	if h.t.rename != nil {
		return h.t.rename(h.Host, old, name)
	}
	return h.Host.Rename(old, name)
}

func (h *wrongHost) Remove(name string) error {
	if h.t.remove != nil {
		return h.t.remove(h.Host, name)
	}
	return h.Host.Remove(name)
}

func (h *wrongHost) LockFile(ctx context.Context, name string, wait time.Duration) (func(), error) {
	if h.t.lockFile != nil {
		return h.t.lockFile(h.Host, ctx, name, wait)
	}
	return h.Host.LockFile(ctx, name, wait)
}

func (h *wrongHost) IsSelf(path string) (bool, error) {
	if h.t.isSelf != nil {
		return h.t.isSelf(h.Host, path)
	}
	return h.Host.IsSelf(path)
}

func (h *wrongHost) BootID() (string, error) {
	if h.t.bootID != nil {
		return h.t.bootID(h.Host)
	}
	return h.Host.BootID()
}

// A wrongNetNS is right in all that its twist does not name.
type wrongNetNS struct {
	kernel.NetNS
	t twist
}

// right returns the handle that is right.
func right(ns kernel.NetNS) kernel.NetNS {
	if w, ok := ns.(*wrongNetNS); ok {
		return w.NetNS
	}
	return ns
}

func (n *wrongNetNS) Name() string {
	if n.t.name != nil {
		return n.t.name(n.NetNS)
	}
	return n.NetNS.Name()
}

func (n *wrongNetNS) ID() kernel.NSID {
	if n.t.id != nil {
		return n.t.id(n.NetNS)
	}
	return n.NetNS.ID()
}

func (n *wrongNetNS) Close() {
	if n.t.closed != nil {
		n.t.closed(n.NetNS)
		return
	}
	n.NetNS.Close()
}

func (n *wrongNetNS) Lock(ctx context.Context, wait time.Duration) (func(), error) {
	if n.t.lock != nil {
		return n.t.lock(n.NetNS, ctx, wait)
	}
	return n.NetNS.Lock(ctx, wait)
}

func (n *wrongNetNS) Links() ([]kernel.Link, error) {
	links, err := n.NetNS.Links()
	if err == nil && n.t.links != nil {
		links = n.t.links(n.NetNS, links)
	}
	return links, err
}

func (n *wrongNetNS) LinkByName(name string) (kernel.Link, error) {
	l, err := n.NetNS.LinkByName(name)
	if err != nil {
		return l, err
	}
	if n.t.link != nil {
		l = n.t.link(n.NetNS, l)
	}
	if n.t.links == nil {
		return l, nil
	}
	links, err := n.Links()
	if err != nil {
		return l, err
	}
	if i := slices.IndexFunc(links, func(l kernel.Link) bool { return l.Name == name }); i >= 0 {
		return links[i], nil
	}
	return l, nil
}

func (n *wrongNetNS) AddLink(spec kernel.LinkSpec) error {
	spec.Peer.NetNS = right(spec.Peer.NetNS)
	if n.t.addLink != nil {
		return n.t.addLink(n.NetNS, spec)
	}
	return n.NetNS.AddLink(spec)
}

func (n *wrongNetNS) ChangeLink(index int, change kernel.LinkChange) error {
	change.NetNS = right(change.NetNS)
	if n.t.changeLink != nil {
		return n.t.changeLink(n.NetNS, index, change)
	}
	return n.NetNS.ChangeLink(index, change)
}

func (n *wrongNetNS) DeleteLink(index int) error {
	if n.t.deleteLink != nil {
		return n.t.deleteLink(n.NetNS, index)
	}
	return n.NetNS.DeleteLink(index)
}

func (n *wrongNetNS) ChangePort(link int, change kernel.PortChange) error {
	if n.t.changePort != nil {
		return n.t.changePort(n.NetNS, link, change)
	}
	return n.NetNS.ChangePort(link, change)
}

func (n *wrongNetNS) ChangeBridge(index int, c kernel.BridgeChange) error {
	if n.t.setBridge != nil {
		return n.t.setBridge(n.NetNS, index, c)
	}
	return n.NetNS.ChangeBridge(index, c)
}

func (n *wrongNetNS) VLANs() ([]kernel.VLAN, error) {
	list, err := n.NetNS.VLANs()
	if err == nil && n.t.vlans != nil {
		list = n.t.vlans(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddVLANs(v kernel.VLANRange) error {
	if n.t.addVLANs != nil {
		return n.t.addVLANs(n.NetNS, v)
	}
	return n.NetNS.AddVLANs(v)
}

func (n *wrongNetNS) DeleteVLANs(v kernel.VLANRange) error {
	if n.t.delVLANs != nil {
		return n.t.delVLANs(n.NetNS, v)
	}
	return n.NetNS.DeleteVLANs(v)
}

func (n *wrongNetNS) FDB() ([]kernel.FDBEntry, error) {
	list, err := n.NetNS.FDB()
	if err == nil && n.t.fdb != nil {
		list = n.t.fdb(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddFDB(e kernel.FDBEntry) error {
	if n.t.addFDB != nil {
		return n.t.addFDB(n.NetNS, e)
	}
	return n.NetNS.AddFDB(e)
}

func (n *wrongNetNS) Addresses(link int) ([]kernel.Address, error) {
	if n.t.addressesOf != nil {
		return n.t.addressesOf(n.NetNS, link)
	}
	list, err := n.NetNS.Addresses(link)
	if err == nil && n.t.addresses != nil {
		list = n.t.addresses(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddAddress(a kernel.Address) error {
	if n.t.addAddress != nil {
		return n.t.addAddress(n.NetNS, a)
	}
	return n.NetNS.AddAddress(a)
}

func (n *wrongNetNS) DeleteAddress(a kernel.Address) error {
	if n.t.delAddress != nil {
		return n.t.delAddress(n.NetNS, a)
	}
	return n.NetNS.DeleteAddress(a)
}

func (n *wrongNetNS) Routes(f kernel.Family) ([]kernel.Route, error) {
	list, err := n.NetNS.Routes(f)
	if err == nil && n.t.routes != nil {
		list = n.t.routes(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	if n.t.addRoute != nil {
		return n.t.addRoute(n.NetNS, r, mode)
	}
	return n.NetNS.AddRoute(r, mode)
}

func (n *wrongNetNS) DeleteRoute(r kernel.Route) error {
	if n.t.delRoute != nil {
		return n.t.delRoute(n.NetNS, r)
	}
	return n.NetNS.DeleteRoute(r)
}

func (n *wrongNetNS) Rules(f kernel.Family) ([]kernel.Rule, error) {
	if n.t.rulesOf != nil {
		return n.t.rulesOf(n.NetNS, f)
	}
	list, err := n.NetNS.Rules(f)
	if err == nil && n.t.rules != nil {
		list = n.t.rules(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddRule(r kernel.Rule) error {
	if n.t.addRule != nil {
		return n.t.addRule(n.NetNS, r)
	}
	return n.NetNS.AddRule(r)
}

func (n *wrongNetNS) DeleteRule(r kernel.Rule) error {
	if n.t.delRule != nil {
		return n.t.delRule(n.NetNS, r)
	}
	return n.NetNS.DeleteRule(r)
}

func (n *wrongNetNS) Neighbours(link int) ([]kernel.Neighbour, error) {
	list, err := n.NetNS.Neighbours(link)
	if err == nil && n.t.neighbours != nil {
		list = n.t.neighbours(n.NetNS, list)
	}
	return list, err
}

func (n *wrongNetNS) AddNeighbour(e kernel.Neighbour) error {
	if n.t.addNeigh != nil {
		return n.t.addNeigh(n.NetNS, e)
	}
	return n.NetNS.AddNeighbour(e)
}

func (n *wrongNetNS) Sysctl(key string) (string, error) {
	if n.t.sysctl != nil {
		return n.t.sysctl(n.NetNS, key)
	}
	return n.NetNS.Sysctl(key)
}

func (n *wrongNetNS) SetSysctl(key, value string) error {
	if n.t.setSysctl != nil {
		return n.t.setSysctl(n.NetNS, key, value)
	}
	return n.NetNS.SetSysctl(key, value)
}

func (n *wrongNetNS) Ruleset(b kernel.FilterBackend) ([]kernel.FilterTable, error) {
	list := n.NetNS.Ruleset
	if n.t.rulesetOf != nil {
		list = func(b kernel.FilterBackend) ([]kernel.FilterTable, error) { return n.t.rulesetOf(n.NetNS, b) }
	}
	tables, err := list(b)
	if err == nil && n.t.ruleset != nil {
		tables = n.t.ruleset(n.NetNS, tables)
	}
	return tables, err
}

func (n *wrongNetNS) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	if n.t.check != nil {
		return n.t.check(n.NetNS, b, changes)
	}
	return n.NetNS.CheckRuleset(b, changes)
}

func (n *wrongNetNS) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	if n.t.change != nil {
		return n.t.change(n.NetNS, b, changes)
	}
	return n.NetNS.ChangeRuleset(b, changes)
}

func (n *wrongNetNS) Ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	if n.t.ping != nil {
		return n.t.ping(n.NetNS, p)
	}
	return n.NetNS.Ping(ctx, p)
}

func (n *wrongNetNS) Call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	if n.t.call != nil {
		return n.t.call(n.NetNS, c)
	}
	return n.NetNS.Call(ctx, c)
}

func (n *wrongNetNS) Serve(s kernel.Service) (func(), error) {
	if n.t.serve != nil {
		return n.t.serve(n.NetNS, s)
	}
	return n.NetNS.Serve(s)
}

// swallow is the twist that answers success where a call fails with an errno.
func swallow(op intercept.Op, errno kernel.Errno) twist {
	return twist{hook: func(c intercept.Call, next func() error) error {
		err := next()
		if c.Op == op && errors.Is(err, errno) {
			return nil
		}
		return err
	}}
}

// confuse is the twist that answers another errno.
func confuse(op intercept.Op, errno, instead kernel.Errno) twist {
	return twist{hook: func(c intercept.Call, next func() error) error {
		err := next()
		if c.Op == op && errors.Is(err, errno) {
			return refusal(c, instead)
		}
		return err
	}}
}

// refuse is the twist that does not do what can be done.
func refuse(errno kernel.Errno, when intercept.Match) twist {
	return twist{hook: func(c intercept.Call, next func() error) error {
		if when(c) {
			return refusal(c, errno)
		}
		return next()
	}}
}

// pretend is the twist that answers success and does nothing.
func pretend(when intercept.Match) twist {
	return twist{hook: func(c intercept.Call, next func() error) error {
		if when(c) {
			return nil
		}
		return next()
	}}
}

func refusal(c intercept.Call, errno kernel.Errno) error {
	return &kernel.Error{Op: string(c.Op), NetNS: c.NetNS, Object: c.Object, Errno: errno}
}

// eachLink is the twist that shows links other than they are.
func eachLink(f func(l *kernel.Link)) twist {
	return twist{links: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
		for i := range links {
			f(&links[i])
		}
		return links
	}}
}

// eachAddress is the twist that shows addresses other than they are.
func eachAddress(f func(a *kernel.Address)) twist {
	return twist{addresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
		for i := range list {
			f(&list[i])
		}
		return list
	}}
}

// hideAddress is the twist that does not show some addresses.
func hideAddress(which func(a kernel.Address) bool) twist {
	return twist{addresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
		return slices.DeleteFunc(list, which)
	}}
}

// eachRoute is the twist that shows routes other than they are.
func eachRoute(f func(r *kernel.Route)) twist {
	return twist{routes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route {
		for i := range list {
			f(&list[i])
		}
		return list
	}}
}

// hideRoute is the twist that does not have some routes.
func hideRoute(which func(r kernel.Route) bool) twist {
	return twist{routes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route {
		return slices.DeleteFunc(list, which)
	}}
}

// addAs is the twist that adds links as if another had been asked for.
func addAs(f func(s *kernel.LinkSpec)) twist {
	return twist{addLink: func(ns kernel.NetNS, spec kernel.LinkSpec) error {
		f(&spec)
		return ns.AddLink(spec)
	}}
}

// changeAs is the twist that changes links as if other changes had been asked for.
func changeAs(f func(ns kernel.NetNS, index int, c *kernel.LinkChange)) twist {
	return twist{changeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		f(ns, index, &c)
		return ns.ChangeLink(index, c)
	}}
}

// giveAs is the twist that gives addresses as if others had been asked for.
func giveAs(f func(a *kernel.Address)) twist {
	return twist{addAddress: func(ns kernel.NetNS, a kernel.Address) error {
		f(&a)
		return ns.AddAddress(a)
	}}
}

// routeAs is the twist that adds routes as if others had been asked for.
func routeAs(f func(r *kernel.Route, mode *kernel.RouteMode)) twist {
	return twist{addRoute: func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error {
		f(&r, &mode)
		return ns.AddRoute(r, mode)
	}}
}
