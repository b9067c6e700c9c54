package kernel

import "net/netip"

// Routes are the routing tables of a namespace.
type Routes interface {
	// Routes returns the routes of a family in all tables, the kernel's own (tables local and main) included.
	Routes(f Family) ([]Route, error)

	// AddRoute adds a route.
	//
	//	EEXIST        Exclusive: the table has a route to Dst with the Metric (and, IPv4, the type of service);
	//	              Beside: it has this very route
	//	EINVAL        Source is not an address of the namespace; IPv4: Dst has bits beyond its prefix length (IPv6 drops
	//	              them), the gateway is a broadcast address; IPv6: the gateway is the namespace's own address.
	//	              Of NextHops: a Weight beyond 256; IPv4: Gateway or Link stand beside them and are not the first
	//	              one's, there are several and the scope is host; IPv6: one has no gateway
	//	ENODEV        no link has the index; neither a link nor a gateway is given
	//	ENETDOWN      the link is down, and no gateway is given or it is said to be on the link
	//	ENETUNREACH   IPv4: the gateway is not directly reachable
	//	EHOSTUNREACH  IPv6: the gateway is not directly reachable
	//	EACCES        IPv6 is disabled on the link
	AddRoute(r Route, mode RouteMode) error

	// DeleteRoute deletes the first route that matches: Dst and Table must be equal, and whatever else is given; but
	// IPv6 does not look at Source, Type, MTU and AdvMSS. ESRCH where there is none; ENOENT for an IPv6 default route.
	//
	// Of an IPv4 route with several next hops, Gateway and Link are those of the first one. NextHops are compared with
	// its own one after the other, as far as Gateway and Link are given and but for the Weight; those in excess are not
	// looked at, and too few match nothing. Of IPv6 they name a route each, and all that are there go: the error is that
	// of the last one that is not.
	DeleteRoute(r Route) error
}

// A RouteMode says what AddRoute does when there is a route to the same destination.
type RouteMode int

// The modes.
const (
	// Exclusive refuses (NLM_F_CREATE|NLM_F_EXCL; "ip route add").
	Exclusive RouteMode = iota
	// Beside adds another (NLM_F_CREATE alone; "ip route prepend"): IPv4 puts it before the others, IPv6 makes it
	// a sibling to share the traffic with (ECMP).
	Beside
)

// A Route. For AddRoute the zero value of a field leaves it to the kernel.
type Route struct {
	Dst      netip.Prefix // the default route: 0.0.0.0/0 or ::/0
	Gateway  netip.Addr   // the zero Addr: the destination is on the link
	Link     int
	Source   netip.Addr // preferred source address
	Table    int        // 0 for AddRoute and DeleteRoute: TableMain
	Protocol int        // who made it; 0 for AddRoute: ProtoBoot
	Scope    Scope      // IPv4
	Type     RouteType  // "" for AddRoute: Unicast
	Metric   int        // IPv6: 0 for AddRoute is 1024
	OnLink   bool       // the gateway is reachable on the link, whatever the routes say
	MTU      int        // of packets that take the route, in bytes (RTAX_MTU), at most 65520; 0: the link's
	AdvMSS   int        // the greatest segment that TCP asks its peer for, in bytes (RTAX_ADVMSS), at most 65495; 0: of the MTU

	// NextHops share the traffic of an IPv4 route that has more than one; Gateway, Link and OnLink are then the zero
	// value, as the next hop says them. A route that is added with a single next hop is one like any other.
	//
	// IPv6 makes of each next hop that is added a route of its own, all of them or none, which shares the traffic with those
	// beside it: routes with a gateway, to the same destination and with the same Metric. Routes lists them like that.
	NextHops []NextHop

	// What Routes says of an IPv6 route that has others beside it; AddRoute does not look at them.
	Weight int  // as of a NextHop; 0: 1, or there are no others
	Dead   bool // as of a NextHop, but that addresses do not matter
}

// Tables that Linux names.
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// Who made a route, by Linux's numbers.
const (
	ProtoRedirect = 1
	ProtoKernel   = 2
	ProtoBoot     = 3
	ProtoStatic   = 4
	ProtoRA       = 9
)

// A RouteType says what becomes of packets that take the route, by the names of ip-route(8).
type RouteType string

// The route types.
const (
	Unicast     RouteType = "unicast"
	Local       RouteType = "local"
	Broadcast   RouteType = "broadcast"
	Anycast     RouteType = "anycast"
	Multicast   RouteType = "multicast"
	Blackhole   RouteType = "blackhole"
	Unreachable RouteType = "unreachable"
	Prohibit    RouteType = "prohibit"
	Throw       RouteType = "throw"
)
