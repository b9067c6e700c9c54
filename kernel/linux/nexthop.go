//go:build linux

package linux

import (
	"encoding/binary"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// maxWeight is the greatest weight of a next hop: rtnh_hops, a byte, is one less.
const maxWeight = 256

// nextHopsAttr is RTA_MULTIPATH, a struct rtnexthop with attributes for each next hop; nil for none.
func nextHopsAttr(hops []kernel.NextHop) (*nl.RtAttr, error) {
	var all []byte
	for _, hop := range hops {
		weight := max(hop.Weight, 1)
		if weight > maxWeight || hop.Weight < 0 {
			return nil, because(unix.EINVAL, "the weight of a next hop is 1 to 256")
		}
		var attrs []byte
		if hop.Gateway.IsValid() {
			attrs = attrAddr(unix.RTA_GATEWAY, hop.Gateway).Serialize()
		}
		var flags byte
		if hop.OnLink {
			flags = unix.RTNH_F_ONLINK
		}
		all = binary.NativeEndian.AppendUint16(all, uint16(unix.SizeofRtNexthop+len(attrs)))
		all = append(all, flags, byte(weight-1))
		all = binary.NativeEndian.AppendUint32(all, uint32(hop.Link))
		all = append(all, attrs...)
	}
	if all == nil {
		return nil, nil
	}
	return nl.NewRtAttr(unix.RTA_MULTIPATH, all), nil
}

// parseNextHops reads each struct rtnexthop.
func parseNextHops(hops []byte) (list []kernel.NextHop) {
	for len(hops) >= unix.SizeofRtNexthop {
		head := nl.DeserializeRtNexthop(hops)
		size := int(head.RtNexthop.Len)
		if size < unix.SizeofRtNexthop || size > len(hops) {
			break
		}
		var said kernel.Route
		attributes(hops[unix.SizeofRtNexthop:size], func(kind uint16, value []byte) { setRouteAttr(&said, kind, value) })
		list = append(list, kernel.NextHop{
			Gateway: said.Gateway, Link: int(head.Ifindex), Weight: int(head.Hops) + 1,
			OnLink: head.Flags&unix.RTNH_F_ONLINK != 0, Dead: head.Flags&unix.RTNH_F_DEAD != 0,
		})
		hops = hops[min(len(hops), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return list
}

// siblings returns a route of IPv6 for each of the next hops.
func siblings(r kernel.Route, hops []kernel.NextHop) (routes []kernel.Route) {
	for _, hop := range hops {
		one := r
		one.Gateway, one.Link, one.OnLink, one.Dead = hop.Gateway, hop.Link, hop.OnLink, hop.Dead
		if hop.Weight > 1 {
			one.Weight = hop.Weight
		}
		routes = append(routes, one)
	}
	return routes
}

func describeNextHop(hop kernel.NextHop) string {
	var words []string
	if hop.Gateway.IsValid() {
		words = append(words, "via "+hop.Gateway.String())
	}
	if hop.Link != 0 {
		words = append(words, dev(hop.Link))
	}
	return strings.Join(words, " ")
}
