package kernel

import (
	"net/netip"
	"slices"
	"strconv"
)

// A NextHop is one of the ways of a route (RTA_MULTIPATH; "nexthop" of ip-route(8)).
type NextHop struct {
	Gateway netip.Addr // the zero Addr: the destination is on the link
	Link    int
	Weight  int  // its share of the traffic, 1 to 256; 0 for AddRoute: 1
	OnLink  bool // the gateway is reachable on the link, whatever the routes say

	// Dead says that nothing is sent there: its link is down, has lost its last IPv4 address, or has no carrier and
	// ignore_routes_with_linkdown is set. It comes to life again with its link, unless no next hop was left: then the
	// route is gone. AddRoute and DeleteRoute do not look at it.
	Dead bool
}

// keyNextHop is the only property that an object may have several times, and they come last: each is a next hop of a
// route, whose value is pairs of key and value itself.
const keyNextHop = "nexthop"

// nextHop is one of the ways of a route, as pairs of key and value.
func (s *namespaceView) nextHop(hop NextHop) string {
	var o Object
	if hop.Gateway.IsValid() {
		o.add("via", hop.Gateway.String())
	}
	if hop.Link != 0 {
		o.add("dev", s.linkName(hop.Link))
	}
	o.add("weight", strconv.Itoa(hop.Weight))
	o.addFlag("onlink", hop.OnLink)
	o.addFlag("dead", hop.Dead)
	return o.pairs()
}

// Parts returns the pairs of key and value that the value of a property consists of: those of a next hop, and none of
// other properties.
func (a Attr) Parts() []Attr {
	if a.Key != keyNextHop {
		return nil
	}
	words, err := splitWords(a.Value)
	if err != nil {
		return nil
	}
	return pairUp(words)
}

func pairUp(words []string) (pairs []Attr) {
	for ; len(words) > 1; words = words[2:] {
		pairs = append(pairs, Attr{words[0], words[1]})
	}
	return pairs
}

// cutNextHops parts the words of a line before each next hop. Only where a key can be, "nexthop" is one.
func cutNextHops(words []string) (own []string, hops [][]string) {
	var starts []int
	for at := 2; at < len(words); {
		if words[at] == keyNextHop {
			starts = append(starts, at)
			at++
		} else {
			at += 2
		}
	}
	own, end := words, len(words)
	for _, start := range slices.Backward(starts) {
		hops = append(hops, words[start+1:end])
		own, end = words[:start], start
	}
	slices.Reverse(hops)
	return own, hops
}
