package sim

import "strings"

// A Profile says which Linux is simulated. Kernels differ; what a profile does not mention they have in common.
type Profile struct {
	Release  string // of uname(2)
	Features Features
}

// Features are the ways in which kernels differ, each by version or by how it was built.
type Features struct {
	// NoNFTables: without nf_tables. NFTablesBridgeOnly: with it for the family bridge alone (NF_TABLES_INET, _IPV4 and
	// _IPV6 are options). NoIPTables: there is no iptables-restore.
	NoNFTables, NFTablesBridgeOnly, NoIPTables bool

	// OtherHookExists: to add a chain of nftables that is there, with another hook or priority, is EEXIST (6.1; on 6.18
	// it is EOPNOTSUPP).
	OtherHookExists bool

	// NoBridgeVLANs: built without VLANs on bridges (CONFIG_BRIDGE_VLAN_FILTERING). NoVLANLinks, NoVXLANs, NoDummies:
	// without the kinds of links vlan (CONFIG_VLAN_8021Q), vxlan (CONFIG_VXLAN) and dummy (CONFIG_DUMMY).
	NoBridgeVLANs, NoVLANLinks, NoVXLANs, NoDummies bool

	// FollowsJumps: a rule of nftables that leads to a chain is refused at once where more chains follow than packets can go
	// through, or the chains lead in a circle (6.1, net/netfilter/nf_tables_api.c nft_validate_register_store); on 6.18
	// where a base chain leads there, after it.
	FollowsJumps bool

	// FDBDeleteAnyVLAN: to delete an entry in a VLAN that the port is no member of is ENOENT (6.18), not EINVAL (6.1).
	FDBDeleteAnyVLAN bool

	// LowerLayerHasCarrier: a link without a carrier is LOWERLAYERDOWN only where the link with its peer's index has none
	// either (6.18); on 6.1 wherever that is not its own index (net/core/link_watch.c: default_operstate).
	LowerLayerHasCarrier bool

	// StaysUnasked: a request to move a link to the namespace that it is in is not looked at (6.18, net/core/rtnetlink.c
	// do_setlink); on 6.1 it is refused like any other where the link may not be moved (net/core/dev.c
	// __dev_change_net_namespace).
	StaysUnasked bool

	// RefusesOddSwitches: text that is no number is EINVAL for forwarding and disable_ipv6 of IPv6, too (6.18). On 6.1 the
	// error is lost, and the setting is set to what it is (net/ipv6/addrconf.c addrconf_sysctl_forward,
	// addrconf_sysctl_disable; measured on 6.1.176).
	RefusesOddSwitches bool

	// PeersFirst: what is asked of the other end of a new veth is looked at before the name of this one is looked for
	// (6.18, net/core/rtnetlink.c: rtnl_newlink), on 6.1 after it (drivers/net/veth.c: veth_newlink).
	PeersFirst bool

	// SameMACUnasked: the MAC that a link has already may be set, be it valid or not, as lo's is not (6.18,
	// net/core/dev.c: netif_set_mac_address); on 6.1 the driver is asked all the same (dev_set_mac_address).
	SameMACUnasked bool

	// ForgetsSourceOfAll: with an IPv6 address that nobody has any more routes by all links lose their source (6.18,
	// net/ipv6/route.c: fib6_remove_prefsrc), on 6.1 those by the link that had it.
	ForgetsSourceOfAll bool

	// NoAddressUnasked: to add 0.0.0.0 is done without a look at the link (6.18, net/ipv4/devinet.c inet_rtm_newaddr); on
	// 6.1 the link must be there and have IPv4 (rtm_to_ifaddr).
	NoAddressUnasked bool

	// PrefersOwnHop: of several next hops of IPv4 that one is taken which what has a source already would have had it from
	// (6.18, net/ipv4/fib_semantics.c fib_select_multipath); on 6.1 the hash alone says.
	PrefersOwnHop bool

	// BridgeForwardSkips: about a packet that br_netfilter takes at forward the chains of the family bridge that have its
	// priority, 0, are not asked. On 6.1 it takes packets at -1 and leads them to what is behind 0
	// (net/bridge/br_netfilter_hooks.c: br_nf_ops, NF_BR_PRI_BRNF - 1 of br_nf_forward_ip; br_nf_hook_thresh); on 6.18 at 0.
	BridgeForwardSkips bool

	// KeepsQuotaAtOnce: what somebody may be told by ICMP errors is cut to what icmp_ratelimit lets him be told in a row only
	// once time has gone by since he was last thought of: what ip_error has just left him stays his, be icmp_ratelimit 0
	// (6.18, measured on 6.18.44; net/ipv4/inetpeer.c: inet_peer_xrlim_allow). On 6.1 it is cut each time.
	KeepsQuotaAtOnce bool

	// RenameWhileUp: a link can be renamed while it is up (IFF_LIVE_RENAME_OK until 6.1, all links since 6.2:
	// "net: allow live renaming when an interface is up").
	RenameWhileUp bool
}

// legacyIPTables reports whether iptables is that of ip_tables: iptables-nft needs tables of nftables.
func (f Features) legacyIPTables() bool { return f.NFTablesBridgeOnly }

// Linux618 is Linux 6.18 as it was measured.
var Linux618 = Profile{Release: "6.18.0", Features: Features{
	RenameWhileUp: true, SameMACUnasked: true, PeersFirst: true, FDBDeleteAnyVLAN: true, LowerLayerHasCarrier: true, StaysUnasked: true,
	RefusesOddSwitches: true, ForgetsSourceOfAll: true, NoAddressUnasked: true, PrefersOwnHop: true, KeepsQuotaAtOnce: true,
}}

// Linux61 is Linux 6.1 as Debian 12 has it for User Mode Linux.
var Linux61 = Profile{Release: "6.1.0", Features: Features{
	NFTablesBridgeOnly: true, OtherHookExists: true, FollowsJumps: true, BridgeForwardSkips: true,
}}

// Profiles returns all kernels that can be simulated, the newest first.
func Profiles() []Profile { return []Profile{Linux618, Linux61} }

// ProfileOf returns the profile of the series that a release belongs to: 6.18.44 is a 6.18.
func ProfileOf(release string) (p Profile, ok bool) {
	for _, p := range Profiles() {
		if strings.HasPrefix(release+".", p.Series()+".") {
			return p, true
		}
	}
	return Profile{}, false
}

// Series returns what the releases of a stable series have in common: "6.18" of "6.18.44".
func (p Profile) Series() string {
	return strings.Join(strings.SplitN(p.Release, ".", 3)[:2], ".")
}

// AsBuilt returns the profile of a kernel of that release that was built without some of what it could have. lacks tells
// of each topic of the laws (kernel/kerneltest) whether it was: "vlan" is VLANs on bridges, "vlanlink", "vxlan" and "dummy" are
// kinds of links.
func (p Profile) AsBuilt(lacks func(topic string) bool) Profile {
	f := &p.Features
	f.NoBridgeVLANs, f.NoVLANLinks, f.NoVXLANs, f.NoDummies = lacks("vlan"), lacks("vlanlink"), lacks("vxlan"), lacks("dummy")
	return p
}
