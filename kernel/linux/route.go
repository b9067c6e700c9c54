//go:build linux

package linux

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Routes implements kernel.Routes.
func (ns *NetNS) Routes(f kernel.Family) ([]kernel.Route, error) {
	var routes []kernel.Route
	head := &nl.RtMsg{}
	head.Family = uint8(f)
	err := ns.dump(unix.RTM_GETROUTE, func(m []byte) { routes = append(routes, parseRoutes(m)...) }, head)
	return routes, ns.fail("route list", f.String(), err)
}

// AddRoute implements kernel.Routes.
func (ns *NetNS) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	return ns.fail("route add", describeRoute(r), ns.addRoute(r, mode))
}

func (ns *NetNS) addRoute(r kernel.Route, mode kernel.RouteMode) error {
	kind, err := routeTypeNumber(r.Type)
	if err != nil {
		return err
	}
	head := nl.NewRtMsg()
	head.Type = max(kind, unix.RTN_UNICAST)
	if r.Protocol != 0 {
		head.Protocol = uint8(r.Protocol)
	}
	head.Scope = uint8(r.Scope)
	flags := create
	if mode == kernel.Beside {
		flags &^= unix.NLM_F_EXCL
	}
	return ns.sendRoute(unix.RTM_NEWROUTE, flags, head, r)
}

// DeleteRoute implements kernel.Routes.
func (ns *NetNS) DeleteRoute(r kernel.Route) error {
	return ns.fail("route delete", describeRoute(r), ns.deleteRoute(r))
}

func (ns *NetNS) deleteRoute(r kernel.Route) error {
	kind, err := routeTypeNumber(r.Type)
	if err != nil {
		return err
	}
	head := nl.NewRtDelMsg() // its scope, "nowhere", matches any
	head.Type = kind
	head.Protocol = uint8(r.Protocol)
	if r.Scope != kernel.ScopeGlobal {
		head.Scope = uint8(r.Scope)
	}
	return ns.sendRoute(unix.RTM_DELROUTE, change, head, r)
}

// sendRoute completes head with what makes and deletes have in common, and sends it.
func (ns *NetNS) sendRoute(kind, flags int, head *nl.RtMsg, r kernel.Route) error {
	if !r.Dst.IsValid() {
		return because(unix.EINVAL, "no destination given")
	}
	head.Family = family(r.Dst.Addr())
	head.Dst_len = uint8(r.Dst.Bits())
	if r.OnLink {
		head.Flags |= unix.RTNH_F_ONLINK
	}
	parts := []nl.NetlinkRequestData{head}
	if r.Dst.Bits() > 0 {
		parts = append(parts, attrAddr(unix.RTA_DST, r.Dst.Addr()))
	}
	setTable(head, &parts, r.Table)
	hops, err := nextHopsAttr(r.NextHops)
	if err != nil {
		return err
	}
	if hops != nil {
		parts = append(parts, hops)
	}
	return ns.change(kind, flags, append(parts, routeAttrs(r)...)...)
}

// setTable names the table where there is room for its number.
func setTable(head *nl.RtMsg, parts *[]nl.NetlinkRequestData, table int) {
	switch {
	case table == 0:
		head.Table = unix.RT_TABLE_MAIN
	case table < 256:
		head.Table = uint8(table)
	default:
		head.Table = unix.RT_TABLE_UNSPEC
		*parts = append(*parts, attrUint32(unix.RTA_TABLE, uint32(table)))
	}
}

// routeAttrs are the attributes of what is given of a route.
func routeAttrs(r kernel.Route) (attrs []nl.NetlinkRequestData) {
	if r.Gateway.IsValid() {
		attrs = append(attrs, attrAddr(unix.RTA_GATEWAY, r.Gateway))
	}
	if r.Source.IsValid() {
		attrs = append(attrs, attrAddr(unix.RTA_PREFSRC, r.Source))
	}
	if r.Link != 0 {
		attrs = append(attrs, attrUint32(unix.RTA_OIF, uint32(r.Link)))
	}
	if r.Metric != 0 {
		attrs = append(attrs, attrUint32(unix.RTA_PRIORITY, uint32(r.Metric)))
	}
	if r.MTU != 0 || r.AdvMSS != 0 {
		attrs = append(attrs, metricsOf(r))
	}
	return attrs
}

func metricsOf(r kernel.Route) *nl.RtAttr {
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	if r.MTU != 0 {
		metrics.AddRtAttr(unix.RTAX_MTU, nl.Uint32Attr(uint32(r.MTU)))
	}
	if r.AdvMSS != 0 {
		metrics.AddRtAttr(unix.RTAX_ADVMSS, nl.Uint32Attr(uint32(r.AdvMSS)))
	}
	return metrics
}

func setMetric(r *kernel.Route, kind uint16, value []byte) {
	switch kind {
	case unix.RTAX_MTU:
		r.MTU = intOf(value)
	case unix.RTAX_ADVMSS:
		r.AdvMSS = intOf(value)
	}
}

func describeRoute(r kernel.Route) string {
	s := r.Dst.String()
	if r.Gateway.IsValid() {
		s += " via " + r.Gateway.String()
	}
	if r.Link != 0 {
		s += " " + dev(r.Link)
	}
	for _, hop := range r.NextHops {
		s += " nexthop " + describeNextHop(hop)
	}
	return s
}

// parseRoutes reads an RTM_NEWROUTE message, as fib_dump_info and rt6_fill_node write it: one route, with all its next
// hops, or of IPv6 one for each of them (siblings share a message).
func parseRoutes(m []byte) []kernel.Route {
	head := nl.DeserializeRtMsg(m)
	if head.Flags&unix.RTM_F_CLONED != 0 {
		return nil // an entry of the cache, not of a table
	}
	r := kernel.Route{
		Dst:      netip.PrefixFrom(unspecified(head.Family), int(head.Dst_len)),
		Table:    int(head.Table),
		Protocol: int(head.Protocol),
		Scope:    kernel.Scope(head.Scope),
		Type:     routeType(head.Type),
		OnLink:   head.Flags&unix.RTNH_F_ONLINK != 0,
	}
	var hops []byte
	attributes(m[head.Len():], func(kind uint16, value []byte) {
		if kind == unix.RTA_MULTIPATH {
			hops = value
			return
		}
		setRouteAttr(&r, kind, value)
	})
	switch {
	case hops == nil:
		return []kernel.Route{r}
	case head.Family == unix.AF_INET6:
		return siblings(r, parseNextHops(hops))
	}
	r.NextHops = parseNextHops(hops)
	return []kernel.Route{r}
}

// setRouteAttr sets what one attribute says of a route or of a next hop.
func setRouteAttr(r *kernel.Route, kind uint16, value []byte) {
	switch kind {
	case unix.RTA_DST:
		r.Dst = netip.PrefixFrom(addrOf(value), r.Dst.Bits())
	case unix.RTA_GATEWAY:
		r.Gateway = addrOf(value)
	case unix.RTA_VIA:
		r.Gateway = addrOf(value[2:]) // struct rtvia: a gateway of the other family
	case unix.RTA_OIF:
		r.Link = intOf(value)
	case unix.RTA_PREFSRC:
		r.Source = addrOf(value)
	case unix.RTA_TABLE:
		r.Table = int(uint32Of(value))
	case unix.RTA_PRIORITY:
		r.Metric = int(uint32Of(value))
	case unix.RTA_METRICS:
		attributes(value, func(kind uint16, value []byte) { setMetric(r, kind, value) })
	}
}

func unspecified(family uint8) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
