//go:build linux

package linux

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// routeTypes returns the names of the types by Linux's number; include/uapi/linux/rtnetlink.h. The first is of a route
// to delete whose type does not matter.
func routeTypes() []kernel.RouteType {
	return []kernel.RouteType{
		unix.RTN_UNSPEC:      "",
		unix.RTN_UNICAST:     kernel.Unicast,
		unix.RTN_LOCAL:       kernel.Local,
		unix.RTN_BROADCAST:   kernel.Broadcast,
		unix.RTN_ANYCAST:     kernel.Anycast,
		unix.RTN_MULTICAST:   kernel.Multicast,
		unix.RTN_BLACKHOLE:   kernel.Blackhole,
		unix.RTN_UNREACHABLE: kernel.Unreachable,
		unix.RTN_PROHIBIT:    kernel.Prohibit,
		unix.RTN_THROW:       kernel.Throw,
	}
}

func routeType(number uint8) kernel.RouteType {
	if types := routeTypes(); int(number) < len(types) {
		return types[number]
	}
	return kernel.RouteType(strconv.Itoa(int(number)))
}

func routeTypeNumber(t kernel.RouteType) (uint8, error) {
	number := slices.Index(routeTypes(), t)
	if number < 0 {
		return 0, because(unix.EINVAL, "no such type of route: "+string(t))
	}
	return uint8(number), nil
}
