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
	//	              them), the gateway is a broadcast address; IPv6: the gateway is the namespace's own address
	//	ENODEV        no link has the index; neither a link nor a gateway is given
	//	ENETDOWN      the link is down, and no gateway is given or it is said to be on the link
	//	ENETUNREACH   IPv4: the gateway is not directly reachable
	//	EHOSTUNREACH  IPv6: the gateway is not directly reachable
	//	EACCES        IPv6 is disabled on the link
	AddRoute(r Route, mode RouteMode) error

	// DeleteRoute deletes the first route that matches: Dst and Table must be equal, and whatever else is given; but
	// IPv6 does not look at Source, Type, MTU and AdvMSS. ESRCH where there is none; ENOENT for an IPv6 default route.
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
