package lockstep

import (
	"strings"

	"github.com/cnilab/cnilab/kernel/operation"
)

var (
	hostKeys = []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/all/forwarding"}
	linkKeys = []string{
		"net/ipv4/conf/LINK/arp_notify", "net/ipv4/conf/LINK/forwarding", "net/ipv4/conf/LINK/rp_filter",
		"net/ipv6/conf/LINK/accept_ra", disableIPv6("LINK"), "net/ipv6/conf/LINK/forwarding",
		"net/ipv6/conf/LINK/keep_addr_on_down",
	}
	oddKeys = []string{
		"", "/", "net", "net/ipv4", "net/ipv4/conf", "net/none", "net/ipv4/ip_forward/x", "../net", "/net/ipv4/ip_forward",
		"net/ipv4/conf/lo", "net//ipv4/ip_forward", "net/ipv4/", "net/ipv4/conf/none/forwarding",
	}
	oddValues = []string{"2", "-1", "3", "", "x", "1 2", "1x", "+1", " 1", "0x1", "01", "99999999999", "1\n", "-2147483648"}
)

// disableIPv6 is the setting with which a link takes no address, and no route.
func disableIPv6(link string) string { return "net/ipv6/conf/" + link + "/disable_ipv6" }

// key draws a setting. What a link has is a setting of "all" and "default", too.
func (d *drawer) key(netns string) string {
	if d.percent(6) {
		return pick(d, oddKeys...)
	}
	if d.percent(20) {
		return pick(d, hostKeys...)
	}
	link := d.linkName(netns, anyLink)
	if d.percent(25) {
		link = pick(d, "all", "default")
	}
	return strings.Replace(pick(d, linkKeys...), "LINK", link, 1)
}

func (d *drawer) sysctlGet() operation.Operation {
	netns := d.netns()
	return operation.SysctlGet{NetNS: netns, Key: d.key(netns)}
}

func (d *drawer) sysctlSet() operation.Operation {
	netns := d.netns()
	if d.percent(6) {
		return operation.SysctlSet{NetNS: netns, Key: disableIPv6(d.linkName(netns, notLo)), Value: "1"}
	}
	return operation.SysctlSet{
		NetNS: netns, Key: d.key(netns), Value: mostly(d, 15, []string{"0", "1"}, oddValues),
	}
}
