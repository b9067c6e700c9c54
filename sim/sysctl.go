package sim

import (
	"math"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// sysctls are the settings of a namespace that are not of one link.
type sysctls struct {
	all4, default4 conf
	all6, default6 conf
	plain          conf // named by their whole paths
}

// The settings of a machine's first namespace and, for IPv6, of every other. (net/ipv4/devinet.c: ipv4_devconf,
// ipv4_devconf_dflt; net/ipv6/addrconf.c: ipv6_devconf, ipv6_devconf_dflt.)
var (
	menu4 = newMenu(map[string]int{
		"accept_local": 0, "accept_redirects": 1, "accept_source_route": 0, "arp_accept": 0, "arp_announce": 0,
		"arp_evict_nocarrier": 1, "arp_filter": 0, "arp_ignore": 0, "arp_notify": 0, "bc_forwarding": 0,
		"drop_gratuitous_arp": 0, "forwarding": 0, "ignore_routes_with_linkdown": 0, "log_martians": 0,
		"promote_secondaries": 0, "proxy_arp": 0, "proxy_arp_pvlan": 0, "route_localnet": 0, "rp_filter": 0,
		"secure_redirects": 1, "send_redirects": 1, "shared_media": 1, "src_valid_mark": 0,
	})
	menu6 = newMenu(map[string]int{
		"accept_dad": 1, "accept_ra": 1, "accept_ra_defrtr": 1, "accept_ra_mtu": 1, "accept_ra_pinfo": 1, "accept_ra_rtr_pref": 1,
		"accept_redirects": 1, "accept_source_route": 0, "addr_gen_mode": 0, "autoconf": 1, "dad_transmits": 1,
		"disable_ipv6": 0, "drop_unsolicited_na": 0, "enhanced_dad": 1, "forwarding": 0, "hop_limit": 64,
		"ignore_routes_with_linkdown": 0, "keep_addr_on_down": 0, "mtu": 1280, "ndisc_notify": 0, "optimistic_dad": 0,
		"proxy_ndp": 0, "router_solicitation_delay": 1, "router_solicitation_interval": 4,
		"router_solicitation_max_interval": 3600, "router_solicitations": -1, "use_tempaddr": 0,
	})
	plainMenu = newMenu(map[string]int{
		"net/bridge/bridge-nf-call-arptables":       1,
		"net/bridge/bridge-nf-call-ip6tables":       1,
		"net/bridge/bridge-nf-call-iptables":        1,
		"net/bridge/bridge-nf-filter-pppoe-tagged":  0,
		"net/bridge/bridge-nf-filter-vlan-tagged":   0,
		"net/bridge/bridge-nf-pass-vlan-input-dev":  0,
		"net/ipv4/fib_multipath_hash_policy":        0,
		"net/ipv4/fib_multipath_use_neigh":          0,
		"net/ipv4/icmp_echo_ignore_all":             0,
		"net/ipv4/icmp_echo_ignore_broadcasts":      1,
		"net/ipv4/icmp_ratelimit":                   1000,
		"net/ipv4/icmp_ratemask":                    1<<icmpUnreachable | 1<<icmpSourceQuench | 1<<icmpTimeExceeded | 1<<icmpParameter,
		"net/ipv4/ip_default_ttl":                   64,
		"net/ipv4/ip_nonlocal_bind":                 0,
		"net/ipv4/ip_unprivileged_port_start":       1024,
		"net/ipv6/bindv6only":                       0,
		"net/ipv6/icmp/ratelimit":                   100,
		"net/ipv6/ip_nonlocal_bind":                 0,
		"net/netfilter/nf_conntrack_tcp_be_liberal": 0,
	})
)

// What is asked for about every packet.
var (
	forwarding4 = menu4.index("forwarding")
	forwarding6 = menu6.index("forwarding")
	rpFilter4   = menu4.index("rp_filter")
	ttl4        = plainMenu.index("net/ipv4/ip_default_ttl")
	hopLimit6   = menu6.index("hop_limit")
)

// newSysctls makes the settings of a namespace: IPv4's are copies of the machine's first namespace's, IPv6's and the
// others are as Linux was compiled. (devinet_init_net, addrconf_init_net with devconf_inherit_init_net = 0.)
func newSysctls(pool *settingsPool, first *namespace) sysctls {
	s := sysctls{plain: pool.newConf(plainMenu), all6: pool.newConf(menu6), default6: pool.newConf(menu6)}
	s.all6.set("accept_dad", 0) // ipv6_devconf
	s.all4, s.default4 = pool.newConf(menu4), pool.newConf(menu4)
	s.default4.set("accept_source_route", 1) // ipv4_devconf_dflt
	if first != nil {
		s.all4.copyValues(first.sysctls.all4)
		s.default4.copyValues(first.sysctls.default4)
	}
	return s
}

// addLink gives a link its folders. (inetdev_init, ipv6_add_dev.)
func (s *sysctls) addLink(l *link) {
	l.conf4 = s.newConf4()
	if l.mtu >= minIPv6MTU {
		l.ip6Create()
	}
}

// newConf4 is inetdev_init: what was set by hand of the default is as if it were of the link.
func (s *sysctls) newConf4() *conf { return new(s.default4) }

// newConf6 is what a link has of IPv6 in the beginning.
func (s *sysctls) newConf6() *conf { return new(s.default6) }

// either4 is the greater one of the link's setting and the one of all links (IN_DEV_MAXCONF; IN_DEV_ORCONF where it is
// a yes or no), such as arp_ignore.
func (l *link) either4(key string) int {
	return max(l.conf4.get(key), l.ns.sysctls.all4.get(key))
}

// setting6 is a setting of IPv6 on the link, 0 where it has no IPv6.
func (l *link) setting6(key string) int { return l.ip6.conf.get(key) }

// A knob is one setting: where its value is, and whose it is.
type knob struct {
	conf *conf
	key  string
	v6   bool
	link *link // nil: of all, default, or plain
}

// knob finds a setting. ENOENT where there is none, EISDIR for a folder.
func (ns *namespace) knob(path string) (knob, *refusal) {
	if path == "net/ipv4/ip_forward" {
		return knob{conf: &ns.sysctls.all4, key: "forwarding"}, nil
	}
	if ns.sysctls.plain.has(path) {
		return knob{conf: &ns.sysctls.plain, key: path}, nil
	}
	parts := strings.Split(path, "/")
	if len(parts) == 5 && parts[0] == "net" && parts[2] == "conf" {
		k := ns.folder(parts[1], parts[3])
		k.key = parts[4]
		if k.conf != nil && k.conf.has(k.key) {
			return k, nil
		}
	}
	if ns.isSysctlFolder(path) {
		return knob{}, refuse(kernel.EISDIR)
	}
	if above, _, ok := cutLast(path); ok {
		if _, r := ns.knob(above); r == nil || r.errno == kernel.ENOTDIR {
			return knob{}, refuse(kernel.ENOTDIR) // fs/namei.c: link_path_walk through a setting
		}
	}
	return knob{}, refuse(kernel.ENOENT)
}

// cutLast parts a path before its last element.
func cutLast(path string) (above, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// folder returns the settings of a link, of all or of default, conf being nil where there are none.
func (ns *namespace) folder(family, name string) (k knob) {
	s, l := &ns.sysctls, ns.named(name)
	switch {
	case family == "ipv4" && name == "all":
		k.conf = &s.all4
	case family == "ipv4" && name == "default":
		k.conf = &s.default4
	case family == "ipv4" && l != nil:
		k.conf, k.link = l.conf4, l
	case family == "ipv6" && name == "all":
		k.conf, k.v6 = &s.all6, true
	case family == "ipv6" && name == "default":
		k.conf, k.v6 = &s.default6, true
	case family == "ipv6" && l != nil:
		k.conf, k.v6, k.link = l.ip6.conf, true, l
	}
	return k
}

func (ns *namespace) isSysctlFolder(path string) bool {
	switch path {
	case "net", "net/ipv4", "net/ipv6", "net/bridge", "net/netfilter", "net/ipv4/conf", "net/ipv6/conf", "net/ipv6/icmp":
		return true
	}
	parts := strings.Split(path, "/")
	return len(parts) == 4 && parts[0] == "net" && parts[2] == "conf" && ns.folder(parts[1], parts[3]).conf != nil
}

// sysctl reads a setting.
func (ns *namespace) sysctl(path string) (string, *refusal) {
	k, r := ns.knob(path)
	if r != nil {
		return "", r
	}
	return strconv.Itoa(k.conf.get(k.key)), nil
}

// setSysctl writes a setting and does what follows from it.
func (ns *namespace) setSysctl(path, text string) *refusal {
	k, r := ns.knob(path)
	if r != nil {
		return r
	}
	if text == "" {
		return nil // do_proc_dointvec: nothing was written
	}
	value, r := parseSysctl(text)
	if r != nil && k.isSwitch6() && !ns.world().config.Profile.Features.RefusesOddSwitches {
		value, r = k.conf.get(k.key), nil
	}
	if r != nil {
		return r
	}
	switch {
	case k.conf == &ns.sysctls.plain:
		return ns.setPlain(k.key, value)
	case k.v6:
		return ns.set6(k, value)
	}
	ns.set4(k, value)
	return nil
}

// isSwitch6 reports whether the kernel has a function of its own for a setting that is on or off, of IPv6.
func (k knob) isSwitch6() bool {
	return k.v6 && (k.key == "forwarding" || k.key == "disable_ipv6")
}

// setPlain knows the ranges of the settings that have one.
func (ns *namespace) setPlain(key string, value int) *refusal {
	switch {
	case strings.HasPrefix(key, "net/bridge/"):
		if value != 0 {
			value = 1 // brnf_sysctl_call_tables: *valp = !!*valp
		}
	case key == "net/ipv4/ip_default_ttl" && (value < 1 || value > 255),
		key == "net/ipv4/fib_multipath_hash_policy" && (value < 0 || value > 3),
		key == "net/ipv4/fib_multipath_use_neigh" && (value < 0 || value > 1):
		return refuse(kernel.EINVAL) // proc_dointvec_minmax
	}
	ns.sysctls.plain.set(key, value)
	return nil
}

// set4 is net/ipv4/devinet.c: devinet_sysctl_forward and devinet_conf_proc.
func (ns *namespace) set4(k knob, value int) {
	s := &ns.sysctls
	switch {
	case k.key == "forwarding" && k.conf == &s.all4 && k.conf.get(k.key) == value: // devinet_sysctl_forward
	case k.key == "forwarding" && k.conf == &s.all4: // inet_forward_change
		s.all4.set(k.key, value)
		redirects := 0
		if value == 0 {
			redirects = 1
		}
		s.all4.set("accept_redirects", redirects)
		s.default4.set(k.key, value)
		for _, l := range ns.links {
			l.conf4.set(k.key, value)
		}
	case k.key == "forwarding":
		k.conf.set(k.key, value)
	case k.conf == &s.default4: // devinet_copy_dflt_conf
		k.conf.setByHand(k.key, value)
		for _, l := range ns.links {
			if l.conf4 != nil && !l.conf4.isByHand(k.key) {
				l.conf4.set(k.key, value)
			}
		}
	default:
		k.conf.setByHand(k.key, value)
	}
}

// set6 is net/ipv6/addrconf.c: addrconf_sysctl_forward, _disable, _addr_gen_mode and, for all others,
// proc_dointvec.
func (ns *namespace) set6(k knob, value int) *refusal {
	spreads := k.key == "forwarding" || k.key == "disable_ipv6" || k.key == "addr_gen_mode"
	if k.key == "addr_gen_mode" && (value < 0 || value > 3 || value == 2) {
		return refuse(kernel.EINVAL) // check_addr_gen_mode; check_stable_privacy: there is no secret
	}
	if k.key == "hop_limit" && (value < 1 || value > 255) {
		return refuse(kernel.EINVAL) // proc_dointvec_minmax
	}
	if k.key == "router_solicitations" && value < -1 {
		return refuse(kernel.EINVAL) // proc_dointvec_minmax
	}
	if strings.HasPrefix(k.key, "router_solicitation_") && max(value, -value) > maxJiffies {
		return refuse(kernel.EINVAL) // proc_dointvec_jiffies
	}
	if k.key == "mtu" && k.link != nil && (value < minIPv6MTU || value > k.link.mtu) {
		return refuse(kernel.EINVAL) // addrconf_sysctl_mtu
	}
	if k.link != nil {
		k.link.set6(k.key, value)
		return nil
	}
	k.conf.set(k.key, value)
	if spreads && k.conf == &ns.sysctls.all6 {
		ns.sysctls.default6.set(k.key, value)
		for _, l := range ns.sorted() {
			l.set6(k.key, value)
		}
	}
	return nil
}

// parseSysctl is kernel/sysctl.c: proc_dointvec. The first word counts.
func parseSysctl(text string) (int, *refusal) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return 0, refuse(kernel.EINVAL)
	}
	digits, negative := strings.CutPrefix(words[0], "-")
	base := 10
	switch {
	case strings.HasPrefix(strings.ToLower(digits), "0x"):
		base, digits = 16, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base = 8
	}
	value, err := strconv.ParseUint(digits, base, 32)
	limit := uint64(math.MaxInt32)
	if negative {
		limit++
	}
	if err != nil || value > limit {
		return 0, refuse(kernel.EINVAL)
	}
	if negative {
		return -int(value), nil
	}
	return int(value), nil
}
