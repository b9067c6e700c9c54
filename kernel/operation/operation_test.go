package operation_test

import (
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// lines has a line with all that each form can say, and odd words.
var lines = []struct {
	line string
	want operation.Operation
}{
	{"ip netns add a", operation.NetNSAdd{Name: "a"}},
	{"ip netns del 'two words'", operation.NetNSDelete{Name: "two words"}},
	{
		"ip -n a link add v address 02:00:00:00:00:01 mtu 1400 master br up type veth" +
			" peer name w address 02:00:00:00:00:02 mtu 1300 netns b",
		operation.LinkAdd{
			NetNS: "a", Master: new("br"), PeerNetNS: new("b"),
			Spec: kernel.LinkSpec{
				Name: "v", Kind: kernel.KindVeth, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1400, Up: true,
				Peer: kernel.PeerSpec{Name: "w", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, MTU: 1300},
			},
		},
	},
	{`ip link add "a\x00\xff" type bridge`, operation.LinkAdd{
		NetNS: "host", Spec: kernel.LinkSpec{Name: "a\x00\xff", Kind: kernel.KindBridge},
	}},
	{"ip link add '' address 02:00 type bridge", operation.LinkAdd{
		NetNS: "host", Spec: kernel.LinkSpec{Kind: kernel.KindBridge, MAC: net.HardwareAddr{2, 0}},
	}},
	{"ip -n a link del if7", operation.LinkDelete{NetNS: "a", Link: "if7"}},
	{
		`ip -n a link set v netns b name w address 02:00:00:00:00:01 mtu 0 alias "it\x27s\x20\"" master br promisc off up`,
		operation.LinkSet{
			NetNS: "a", Link: "v", To: new("b"), Master: new("br"),
			Change: kernel.LinkChange{
				Name: new("w"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: new(0), Alias: new(`it's "`),
				Promisc: new(false), Up: new(true),
			},
		},
	},
	{"ip link set v alias '' nomaster down", operation.LinkSet{
		NetNS: "host", Link: "v", Change: kernel.LinkChange{Alias: new(""), Master: new(0), Up: new(false)},
	}},
	{"bridge -n a link set dev v hairpin on isolated off", operation.PortSet{
		NetNS: "a", Link: "v", Change: kernel.PortChange{Hairpin: new(true), Isolated: new(false)},
	}},
	{"ip addr add 10.0.0.1/24 dev v broadcast 10.0.0.255 scope link nodad", operation.AddressAdd{
		NetNS: "host", Link: "v", Address: kernel.Address{
			Prefix: netip.MustParsePrefix("10.0.0.1/24"), Broadcast: netip.MustParseAddr("10.0.0.255"),
			Scope: kernel.ScopeLink, NoDAD: true,
		},
	}},
	{"ip addr add 127.0.0.2/8 dev lo", operation.AddressAdd{
		NetNS: "host", Link: "lo",
		Address: kernel.Address{Prefix: netip.MustParsePrefix("127.0.0.2/8"), Scope: kernel.ScopeHost},
	}},
	{"ip addr add 127.0.0.2/8 dev lo scope global", operation.AddressAdd{
		NetNS: "host", Link: "lo", Address: kernel.Address{Prefix: netip.MustParsePrefix("127.0.0.2/8")},
	}},
	{"ip addr add '' dev v", operation.AddressAdd{NetNS: "host", Link: "v"}},
	{"ip -n a addr del fd00::1/64 dev v", operation.AddressDelete{
		NetNS: "a", Link: "v", Prefix: netip.MustParsePrefix("fd00::1/64"),
	}},
	{
		"ip -n a route add local 10.0.1.0/24 via 10.0.0.1 dev v src 10.0.0.2 metric 5 table 100 proto 4 scope 7 onlink",
		operation.RouteAdd{NetNS: "a", Link: new("v"), Route: kernel.Route{
			Dst: netip.MustParsePrefix("10.0.1.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"), Type: kernel.Local,
			Source: netip.MustParseAddr("10.0.0.2"), Metric: 5, Table: 100, Protocol: kernel.ProtoStatic, Scope: 7,
			OnLink: true,
		}},
	},
	{"ip route prepend ::/0 via fd00::1", operation.RouteAdd{
		NetNS: "host", Mode: kernel.Beside,
		Route: kernel.Route{Dst: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fd00::1")},
	}},
	{
		"ip route add 10.0.1.0/24 metric 5 nexthop via 10.0.0.1 weight 2 nexthop dev nexthop nexthop via 10.0.0.2 dev v onlink",
		operation.RouteAdd{NetNS: "host", HopLinks: []*string{nil, new("nexthop"), new("v")}, Route: kernel.Route{
			Dst: netip.MustParsePrefix("10.0.1.0/24"), Metric: 5, NextHops: []kernel.NextHop{
				{Gateway: netip.MustParseAddr("10.0.0.1"), Weight: 2}, {}, {Gateway: netip.MustParseAddr("10.0.0.2"), OnLink: true},
			},
		}},
	},
	{"ip route del ::/0 nexthop via fd00::1", operation.RouteDelete{NetNS: "host", HopLinks: []*string{nil}, Route: kernel.Route{
		Dst: netip.MustParsePrefix("::/0"), NextHops: []kernel.NextHop{{Gateway: netip.MustParseAddr("fd00::1")}},
	}}},
	{"ip route del unicast 10.0.1.0/24 dev v scope link", operation.RouteDelete{
		NetNS: "host", Link: new("v"),
		Route: kernel.Route{Dst: netip.MustParsePrefix("10.0.1.0/24"), Type: kernel.Unicast, Scope: kernel.ScopeLink},
	}},
	{"ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev v nud stale", operation.NeighbourAdd{
		NetNS: "host", Link: "v", Neighbour: kernel.Neighbour{
			IP: netip.MustParseAddr("10.0.0.1"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, State: kernel.Stale,
		},
	}},
	{
		"ip -n a rule add family IPv4 not from fd00::/8 iif lo oif v fwmark 0x5/0xff priority 50 table 1000 type lookup proto 4",
		operation.RuleAdd{NetNS: "a", Rule: kernel.Rule{
			Family: kernel.IPv4, Not: true, From: netip.MustParsePrefix("fd00::/8"), In: "lo", Out: "v",
			Mark: 5, Mask: 0xff, Priority: 50, Table: 1000, Action: kernel.ToTable, Protocol: kernel.ProtoStatic,
		}},
	},
	{"ip rule add to fd00::1/128 priority 0 type prohibit", operation.RuleAdd{NetNS: "host", Rule: kernel.Rule{
		Family: kernel.IPv6, To: netip.MustParsePrefix("fd00::1/128"), Action: kernel.RuleProhibit,
	}}},
	{"ip link add br link p type bridge vlan_filtering 1 vlan_default_pvid 0", operation.LinkAdd{
		NetNS: "host", Parent: new("p"), Spec: kernel.LinkSpec{
			Name: "br", Kind: kernel.KindBridge, Bridge: kernel.BridgeChange{Filtering: new(true), DefaultPVID: new(0)},
		},
	}},
	{"ip link add br.5 link br type vlan id -1", operation.LinkAdd{
		NetNS: "host", Parent: new("br"), Spec: kernel.LinkSpec{Name: "br.5", Kind: kernel.KindVLAN, VLAN: -1},
	}},
	{"ip link add flannel.1 link eth0 type vxlan id 1 local 192.168.0.1 dstport 8472 nolearning", operation.LinkAdd{
		NetNS: "host", Parent: new("eth0"), Spec: kernel.LinkSpec{
			Name: "flannel.1", Kind: kernel.KindVXLAN, VXLAN: kernel.VXLAN{ID: 1, Local: netip.MustParseAddr("192.168.0.1"), Port: 8472},
		},
	}},
	{"ip link add x type vxlan id -1 nolearning", operation.LinkAdd{
		NetNS: "host", Spec: kernel.LinkSpec{Name: "x", Kind: kernel.KindVXLAN, VXLAN: kernel.VXLAN{ID: -1}},
	}},
	{"ip link add d up type dummy", operation.LinkAdd{
		NetNS: "host", Spec: kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, Up: true},
	}},
	{"ip -n a link set br type bridge vlan_filtering 0 vlan_default_pvid 4095", operation.BridgeSet{
		NetNS: "a", Link: "br", Change: kernel.BridgeChange{Filtering: new(false), DefaultPVID: new(4095)},
	}},
	{"bridge -n a vlan add vid 5-7 dev v pvid untagged self", operation.VLANAdd{
		NetNS: "a", Link: "v", VLANs: kernel.VLANRange{First: 5, Last: 7, PVID: true, Untagged: true, Self: true},
	}},
	{"bridge vlan del vid -5 dev v", operation.VLANDelete{
		NetNS: "host", Link: "v", VLANs: kernel.VLANRange{First: -5},
	}},
	{"bridge vlan del vid 5--7 dev v", operation.VLANDelete{
		NetNS: "host", Link: "v", VLANs: kernel.VLANRange{First: 5, Last: -7},
	}},
	{"bridge -n a fdb add 02:00:00:00:00:01 dev v vlan -1 static", operation.FDBAdd{
		NetNS: "a", Link: "v",
		Entry: kernel.FDBEntry{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, VLAN: -1, State: kernel.FDBStatic},
	}},
	{"bridge fdb add 02:00:00:00:00:01 dev x dst 10.0.0.2", operation.FDBAdd{
		NetNS: "host", Link: "x",
		Entry: kernel.FDBEntry{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Dst: netip.MustParseAddr("10.0.0.2")},
	}},
	{"bridge fdb del '' dev v", operation.FDBDelete{
		NetNS: "host", Link: "v", Entry: kernel.FDBEntry{MAC: net.HardwareAddr{}},
	}},
	{"ip rule del from all", operation.RuleDelete{NetNS: "host", Rule: kernel.Rule{
		Family: kernel.IPv4, Priority: kernel.AnyPriority,
	}}},
	{"ip rule del family 7 fwmark 0x1", operation.RuleDelete{NetNS: "host", Rule: kernel.Rule{
		Family: 7, Mark: 1, Priority: kernel.AnyPriority,
	}}},
	{"ip neigh del '' dev v", operation.NeighbourDelete{NetNS: "host", Link: "v"}},
	{"sysctl -n a net/ipv4/ip_forward", operation.SysctlGet{NetNS: "a", Key: "net/ipv4/ip_forward"}},
	{
		"nft -n a add table inet t { comment 'two words' ; } ; create chain inet t p" +
			" { type nat hook postrouting priority 100 ; policy drop ; } ; insert rule inet t p handle 7 ip saddr 10.1.0.2" +
			" ip6 daddr != fd00::/64 oifname v masquerade comment 'a, b' ; delete rule inet t p handle 9 ; flush table inet t",
		operation.RulesetChange{NetNS: "a", Program: "nft", Changes: []kernel.FilterChange{
			{Do: kernel.AddTable, Family: kernel.FilterInet, Table: "t", Comment: "two words"},
			{
				Do: kernel.AddChain, Family: kernel.FilterInet, Table: "t", Chain: "p", Exclusive: true,
				Base: &kernel.BaseChain{Type: "nat", Hook: "postrouting", Priority: 100, Policy: kernel.Drop},
			},
			{Do: kernel.InsertRule, Family: kernel.FilterInet, Table: "t", Chain: "p", At: 7, Rule: kernel.FilterRule{
				Matches: []kernel.FilterMatch{
					{On: kernel.MatchSource, Prefix: netip.MustParsePrefix("10.1.0.2/32")},
					{On: kernel.MatchDestination, Not: true, Prefix: netip.MustParsePrefix("fd00::/64")},
					{On: kernel.MatchOutLink, Link: "v"},
				},
				Action: kernel.Masquerade, Comment: "a, b",
			}},
			{Do: kernel.DeleteRule, Family: kernel.FilterInet, Table: "t", Chain: "p", Rule: kernel.FilterRule{Handle: 9}},
			{Do: kernel.FlushChain, Family: kernel.FilterInet, Table: "t"},
		}},
	},
	{"nft add rule bridge t c ether saddr != 02:00:00:00:00:01 goto d", operation.RulesetChange{
		NetNS: "host", Program: "nft", Changes: []kernel.FilterChange{
			{Do: kernel.AddRule, Family: kernel.FilterBridge, Table: "t", Chain: "c", Rule: kernel.FilterRule{
				Matches: []kernel.FilterMatch{{On: kernel.MatchSourceMAC, Not: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}},
				Action:  kernel.GoTo, Target: "d",
			}},
		},
	}},
	{
		`ip6tables -n a -t nat -N CNI-a ; -t nat -A CNI-a ! -d ff00::/8 -m comment --comment "a:\x20\"b\"" -j MASQUERADE` +
			" ; -t filter -P FORWARD DROP ; -t nat -X c ; -t nat -F",
		operation.RulesetChange{NetNS: "a", Program: "ip6tables", Changes: []kernel.FilterChange{
			{Do: kernel.AddChain, Family: kernel.FilterIP6, Table: "nat", Chain: "CNI-a", Exclusive: true},
			{Do: kernel.AddRule, Family: kernel.FilterIP6, Table: "nat", Chain: "CNI-a", Rule: kernel.FilterRule{
				Matches: []kernel.FilterMatch{
					{On: kernel.MatchDestination, Not: true, Prefix: netip.MustParsePrefix("ff00::/8")},
				},
				Action: kernel.Masquerade, Comment: `a: "b"`,
			}},
			{
				Do: kernel.AddChain, Family: kernel.FilterIP6, Table: "filter", Chain: "FORWARD",
				Base: &kernel.BaseChain{Policy: kernel.Drop},
			},
			{Do: kernel.DeleteChain, Family: kernel.FilterIP6, Table: "nat", Chain: "c"},
			{Do: kernel.FlushChain, Family: kernel.FilterIP6, Table: "nat"},
		}},
	},
	{"iptables -t nat -D POSTROUTING -s 10.1.0.2/32 -i v -g c", operation.RulesetChange{
		NetNS: "host", Program: "iptables", Changes: []kernel.FilterChange{
			{Do: kernel.DeleteRule, Family: kernel.FilterIP, Table: "nat", Chain: "POSTROUTING", Rule: kernel.FilterRule{
				Matches: []kernel.FilterMatch{
					{On: kernel.MatchSource, Prefix: netip.MustParsePrefix("10.1.0.2/32")}, {On: kernel.MatchInLink, Link: "v"},
				},
				Action: kernel.GoTo, Target: "c",
			}},
		},
	}},
	{"nft -n a -c delete table ip t", operation.RulesetChange{
		NetNS: "a", Program: "nft", Check: true, Changes: []kernel.FilterChange{
			{Do: kernel.DeleteTable, Family: kernel.FilterIP, Table: "t"},
		},
	}},
	{"iptables --test -t nat -X c", operation.RulesetChange{
		NetNS: "host", Program: "iptables", Check: true, Changes: []kernel.FilterChange{
			{Do: kernel.DeleteChain, Family: kernel.FilterIP, Table: "nat", Chain: "c"},
		},
	}},
	{"sysctl 'net/x=1 2'", operation.SysctlSet{NetNS: "host", Key: "net/x", Value: "1 2"}},
}

func TestLinesParseBack(t *testing.T) {
	for _, tt := range lines {
		got, err := operation.Parse(tt.line)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", tt.line, got, err, tt.want)
			continue
		}
		if got := tt.want.String(); got != tt.line {
			t.Errorf("printed %s\nwant    %s", got, tt.line)
		}
	}
}

// Every form is among the lines, so that a noun that is added is tried.
func TestEveryFormParsesBack(t *testing.T) {
	for _, f := range operation.Forms() {
		tried := false
		for _, tt := range lines {
			_, rest, err := operation.CutNetNS(words.Split(tt.line))
			tried = tried || err == nil && strings.HasPrefix(strings.Join(rest, " ")+" ", f.Name+" ")
		}
		if !tried {
			t.Errorf("no line begins with %q", f.Name)
		}
	}
}

func TestParseRefusesOtherLines(t *testing.T) {
	for _, line := range []string{
		"", "ip", "ip link", "ip -n", "ping host 10.0.0.1", "ip link add v type tun", "ip route add 10.0.0.0/33",
		"ip addr add 10.0.0.1/24", "sysctl", "ip netns add a b", "bridge link set hairpin on", "ip neigh add x dev v",
	} {
		if o, err := operation.Parse(line); !words.IsUsage(err) {
			t.Errorf("%q: got %v, %v, want a usage error", line, o, err)
		}
	}
}

// FuzzWords checks that any word is read back from a line.
func FuzzWords(f *testing.F) {
	for _, word := range []string{"", "a b", "'", `"`, `\`, "#", "$x", "a\x00\n", "\xff", "ä", `"a"`, `"\"`, "''"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		line := "ip " + words.Quote(word) + " end"
		split := words.Split(line)
		if len(split) != 3 || words.Unquote(split[1]) != word || strings.ContainsAny(line, "\n\x00") {
			t.Errorf("%q is written as %q and read as %q", word, line, split)
		}
	})
}
