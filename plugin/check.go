package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// A check is one CHECK: is everything there that ADD promised? It reports all that is not. What others may change by
// right it does not look at: the bridge's MAC address, which a bridge that nobody pinned takes from its ports, whether
// it is promiscuous, aliases, routes and addresses beyond those promised.
//
// What was promised stands in prevResult, in which plugins later in the chain have noted what they changed.
type check struct {
	*call
	namespaces

	config  config.Config
	prev    *types100.Result
	own     *types100.Interface // the container's interface in prev; where it was adopted, the host's
	adopted bool
	layer3  layer3
	others  []netip.Prefix // destinations of routes that may be another plugin's

	bridge       kernel.Link
	hostEnd      kernel.Link
	containerEnd kernel.Link
	faults       []string
}

func (c *call) check(ctx context.Context) error {
	k := &check{call: c}
	defer k.close()
	if err := run(ctx, k.steps()); err != nil {
		return err
	}
	if len(k.faults) == 0 {
		return nil
	}
	return types.NewError(CodeBroken, fmt.Sprintf("CHECK of container %s interface %s: %s",
		c.env.containerID, c.env.ifname, strings.Join(k.faults, "; ")), "DEL and ADD make the attachment afresh")
}

func (k *check) steps() []step {
	return []step{
		{"read the configuration", k.parse},
		{"open the namespaces", func(context.Context) error { return k.open(k.machine, k.env) }},
		{"check the bridge", k.checkBridge},
		{"check the veth pair", k.checkPair},
		{"check the VLANs", k.checkVLANs},
		{"check the addresses", k.checkAddresses},
		{"check the routes", k.checkRoutes},
		{"check the gateway", k.checkGateway},
		{"check the rules against spoofing", k.checkSpoofing},
		{"check the masquerading", k.checkMasquerade},
		{"check the leases", k.checkLeases},
	}
}

// missing notes what is not as promised.
func (k *check) missing(format string, args ...any) {
	k.faults = append(k.faults, fmt.Sprintf(format, args...))
}

func (k *check) parse(context.Context) (err error) {
	if k.config, err = config.Parse(k.stdin, k.env.args); err != nil {
		return err
	}
	k.prev = k.config.PrevResult
	if k.prev == nil {
		return types.NewError(types.ErrInvalidNetworkConfig, "Required prevResult missing", "CHECK needs the result of ADD")
	}
	at, adopted := k.findAdopted()
	if k.adopted = adopted; !adopted {
		at = slices.IndexFunc(k.prev.Interfaces, k.isOwn)
	}
	if at < 0 {
		return types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("prevResult has no interface %s of a container", k.env.ifname), "")
	}
	k.own = k.prev.Interfaces[at]
	k.layer3, err = newLayer3(k.promised(at))
	return err
}

// isOwn knows the interface by name alone: one path of the namespace is as good as another.
func (k *check) isOwn(i *types100.Interface) bool { return i.Name == k.env.ifname && i.Sandbox != "" }

// promised returns what of prevResult is about the interface at the index. Routes do not say whose they are: where other
// interfaces have addresses too, one without a gateway may lead by that of an earlier plugin of the chain.
func (k *check) promised(at int) *types100.Result {
	r := new(types100.Result)
	for _, ip := range k.prev.IPs {
		if ip.Interface != nil && *ip.Interface == at {
			r.IPs = append(r.IPs, ip)
		}
	}
	alone := len(r.IPs) == len(k.prev.IPs)
	for _, route := range k.prev.Routes {
		dst, err := prefixOf(route.Dst)
		if alone || route.GW != nil || err != nil {
			r.Routes = append(r.Routes, route)
			continue
		}
		k.others = append(k.others, dst)
	}
	return r
}

// find reads a link and notes where it is missing or of another kind.
func (k *check) find(ns kernel.NetNS, name, kind string) (kernel.Link, error) {
	l, err := ns.LinkByName(name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		k.missing("no link %s in netns %s", name, ns.Name())
		return kernel.Link{}, nil
	case err != nil:
		return l, err
	case l.Kind != kind:
		k.missing("%s in netns %s is no %s", name, ns.Name(), kind)
	}
	return l, nil
}

// findUp is find, and notes where the link is down too.
func (k *check) findUp(ns kernel.NetNS, name, kind string) (kernel.Link, error) {
	l, err := k.find(ns, name, kind)
	if l.Index != 0 && l.Kind == kind && !l.Up {
		k.missing("%s in netns %s is down", name, ns.Name())
	}
	return l, err
}

func (k *check) checkBridge(context.Context) (err error) {
	if k.bridge, err = k.findUp(k.host, k.config.Bridge, kernel.KindBridge); err != nil {
		return err
	}
	if k.config.PromiscMode && k.bridge.Index != 0 && !k.bridge.Promisc {
		k.missing("bridge %s is not promiscuous", k.bridge.Name)
	}
	return nil
}

// findContainerEnd looks for an interface that is up, unless ADD left it down.
func (k *check) findContainerEnd() (kernel.Link, error) {
	if k.config.DisableContainerInterface {
		return k.find(k.container, k.env.ifname, kernel.KindVeth)
	}
	return k.findUp(k.container, k.env.ifname, kernel.KindVeth)
}

func (k *check) checkPair(context.Context) (err error) {
	if k.adopted {
		return k.checkAdopted()
	}
	if k.hostEnd, err = k.findUp(k.host, k.attachment().hostEnd(), kernel.KindVeth); err != nil {
		return err
	}
	if k.containerEnd, err = k.findContainerEnd(); err != nil {
		return err
	}
	if k.hostEnd.Index == 0 || k.containerEnd.Index == 0 {
		return nil
	}
	if k.hostEnd.Peer != k.containerEnd.Index || k.containerEnd.Peer != k.hostEnd.Index {
		k.missing("%s and %s are not the ends of one veth pair", k.hostEnd.Name, k.containerEnd.Name)
	}
	k.checkPort()
	k.checkOwn()
	return nil
}

func (k *check) checkPort() {
	if k.bridge.Index != 0 && k.hostEnd.Master != k.bridge.Index {
		k.missing("%s is not a port of bridge %s", k.hostEnd.Name, k.bridge.Name)
		return
	}
	if k.config.HairpinMode && !k.hostEnd.Port.Hairpin {
		k.missing("port %s is not in hairpin mode", k.hostEnd.Name)
	}
	if k.config.PortIsolation && !k.hostEnd.Port.Isolated {
		k.missing("port %s is not isolated", k.hostEnd.Name)
	}
}

// checkOwn compares with prevResult, and the MTU, which results before 1.1.0 do not have, with the configuration.
func (k *check) checkOwn() {
	if k.own.Mac != "" && !strings.EqualFold(k.own.Mac, k.containerEnd.MAC.String()) {
		k.missing("%s has MAC address %s, not %s", k.own.Name, k.containerEnd.MAC, k.own.Mac)
	}
	mtu := k.own.Mtu
	if mtu == 0 {
		mtu = k.config.MTU
	}
	if mtu != 0 && k.containerEnd.MTU != mtu {
		k.missing("%s has MTU %d, not %d", k.own.Name, k.containerEnd.MTU, mtu)
	}
}

func (k *check) checkAddresses(context.Context) error {
	if k.containerEnd.Index == 0 || len(k.layer3.addresses) == 0 {
		return nil
	}
	return k.checkHas(k.container, k.containerEnd, k.layer3.addresses)
}

// checkHas notes each address that a link does not have.
func (k *check) checkHas(ns kernel.NetNS, l kernel.Link, wanted []netip.Prefix) error {
	present, err := ns.Addresses(l.Index)
	if err != nil {
		return err
	}
	for _, prefix := range wanted {
		if !slices.ContainsFunc(present, func(a kernel.Address) bool { return a.Prefix == prefix }) {
			k.missing("%s in netns %s has no address %s", l.Name, ns.Name(), prefix)
		}
		if slices.ContainsFunc(present, func(a kernel.Address) bool { return a.Prefix == prefix && a.DADFailed }) {
			k.missing("%s in netns %s has address %s in DADFAILED state: another machine has it", l.Name, ns.Name(), prefix)
		}
	}
	return nil
}

// checkRoutes looks in all tables where none is named, and on all links: a later plugin of the chain may have moved the
// routes of prevResult, or added its own.
func (k *check) checkRoutes(context.Context) error {
	if len(k.layer3.routes)+len(k.others) == 0 || k.adopted {
		return nil
	}
	present, err := allRoutes(k.container)
	if err != nil {
		return err
	}
	for _, wanted := range k.layer3.routes {
		if !slices.ContainsFunc(present, func(r kernel.Route) bool { return satisfies(r, wanted) }) {
			k.missing("no route %s in netns %s", describeRoute(wanted), k.container.Name())
		}
	}
	for _, dst := range k.others {
		if !slices.ContainsFunc(present, func(r kernel.Route) bool { return r.Dst == dst }) {
			k.missing("no route %s in netns %s", dst, k.container.Name())
		}
	}
	return nil
}

func allRoutes(ns kernel.NetNS) ([]kernel.Route, error) {
	v4, err := ns.Routes(kernel.IPv4)
	if err != nil {
		return nil, err
	}
	v6, err := ns.Routes(kernel.IPv6)
	return append(v4, v6...), err
}

// satisfies reports whether a route is what was promised; what the promise does not name may be as it likes.
func satisfies(r, wanted kernel.Route) bool {
	return r.Dst == wanted.Dst && r.Gateway == wanted.Gateway &&
		(wanted.Table == 0 || r.Table == wanted.Table) &&
		(wanted.Metric == 0 || r.Metric == wanted.Metric) &&
		(wanted.MTU == 0 || r.MTU == wanted.MTU) &&
		(wanted.AdvMSS == 0 || r.AdvMSS == wanted.AdvMSS) &&
		(wanted.Scope == 0 || r.Scope == wanted.Scope)
}

func describeRoute(r kernel.Route) string {
	text := r.Dst.String()
	if r.Gateway.IsValid() {
		text += " via " + r.Gateway.String()
	}
	for _, part := range []struct {
		name  string
		value int
	}{{"table", r.Table}, {"metric", r.Metric}, {"mtu", r.MTU}, {"advmss", r.AdvMSS}} {
		if part.value != 0 {
			text += fmt.Sprintf(" %s %d", part.name, part.value)
		}
	}
	return text
}

func (k *check) checkGateway(context.Context) error {
	for _, family := range forwardedFamilies(k.config, k.layer3) {
		key := forwardingKey(family)
		forwarding, err := k.host.Sysctl(key)
		if err != nil {
			return err
		}
		if forwarding != "1" {
			k.missing("%s is %s on the host", key, forwarding)
		}
	}
	if !k.config.IsGateway || len(k.layer3.gateways) == 0 {
		return nil
	}
	gateway, err := k.checkGatewayLink()
	if err != nil || gateway.Index == 0 {
		return err
	}
	return k.checkHas(k.host, gateway, k.layer3.gateways)
}

// checkLeases passes the IPAM plugin's error on (SPEC 1.1.0, section 2, CHECK), with its code where nothing else is
// wrong.
func (k *check) checkLeases(ctx context.Context) error {
	plugin, err := k.findIPAM()
	if err != nil || plugin == nil {
		return err
	}
	if err := plugin.Check(ctx, k.request()); err != nil {
		if len(k.faults) == 0 {
			return err
		}
		k.missing("%v", err)
	}
	return nil
}
