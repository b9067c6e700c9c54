package plugin_test

import (
	"path"
	"slices"
	"testing"
)

// A row is one of the reference's own tests of its bridge plugin (plugins/main/bridge/bridge_test.go), and the dialogues
// in which ours is held to the same.
type row struct {
	name, what string
	dialogues  []string // patterns of their names
	lacking    string   // what of the test no dialogue can do
}

// rows are all of them, under short names.
var rows = []row{
	{"trunk", "vlanTrunk is read", []string{"vlan-layer2-none-*", "vlan-layer2-trunk-*", "vlan-layer2-trunk-of-one-*"}, ""},
	{"trunk-wrong", "vlanTrunk is refused", []string{"wrong-trunk-*"}, ""},
	{"vlan-wrong", "vlan 0, -100 and 5000", []string{"vlan-layer2-none-*", "wrong-vlan", "wrong-vlan-*"}, ""},
	{"B1", "a bridge is made", []string{"layer2-*"}, ""},
	{"B2", "a bridge that exists is used", []string{"bridge-there-*"}, ""},
	{"B3", "promiscMode", []string{"promiscuous-*"}, ""},
	{"B4", "the bridge keeps its MAC address", []string{"gateway-*", "ipv6-*"}, ""},
	{"B5-v4", "a second IPv4 address", []string{"wrong-address-conflict", "force-address-?.?.?", "gateway-there-*"}, ""},
	{"B5-overlapping", "an overlapping IPv6 address", []string{"wrong-address-conflict-ipv6", "force-address-ipv6-*"}, ""},
	{"B5-disjoint", "an IPv6 address beside", []string{"address-beside-ipv6-*", "force-address-beside-ipv6-*"}, ""},
	{"A1", "IPv4 with a default gateway", []string{"default-gateway-*"}, ""},
	{"A2", "IPv6", []string{"ipv6-*"}, ""},
	{"A3", "dual stack", []string{"dual-*"}, ""},
	{"A4", "three subnets", []string{"three-subnets-*"}, ""},
	{"A5", "DNS of resolvConf", []string{"resolv-conf-*"}, ""},
	{"L1", "layer 2", []string{"layer2-*"}, ""},
	{"L2", "vlan", []string{"vlan-layer2-one-*"}, ""},
	{"L3", "vlanTrunk", []string{"vlan-layer2-trunk-?.?.?"}, ""},
	{"L4", "vlan and vlanTrunk", []string{"vlan-layer2-both-*"}, ""},
	{"L5", "vlan without the default VLAN", []string{"vlan-layer2-alone-*"}, ""},
	{"V1", "vlan with a gateway, IPv4", []string{"vlan-gateway-v4-beside-default-*"}, ""},
	{"V2", "IPv6", []string{"vlan-gateway-ipv6-beside-default-*"}, ""},
	{"V3", "dual stack", []string{"vlan-gateway-dual-beside-default-*"}, ""},
	{"V4", "three subnets", []string{"vlan-gateway-three-beside-default-*"}, ""},
	{"V5", "V1 without the default VLAN", []string{"vlan-gateway-v4-alone-*"}, ""},
	{"V6", "V2 without the default VLAN", []string{"vlan-gateway-ipv6-alone-*"}, ""},
	{"V7", "V3 without the default VLAN", []string{"vlan-gateway-dual-alone-*"}, ""},
	{"V8", "V4 without the default VLAN", []string{"vlan-gateway-three-alone-*"}, ""},
	{"D1", "DEL of what was never added", []string{"never-added-*"}, ""},
	{"M1", "MAC address of CNI_ARGS", []string{"mac-of-args-*"}, ""},
	{"M2", "MAC address of args.cni", []string{"mac-of-cni-*"}, ""},
	{"M3", "MAC address of runtimeConfig", []string{"mac-of-runtime-*"}, ""},
	{
		"F1", "an ADD that fails behind IPAM keeps no lease",
		[]string{"wrong-address-conflict*", "wrong-two-gateways"},
		"the reference's test sets a variable of its process (debugPostIPAMError); here its bridge refuses the gateway's address",
	},
	{"masquerade", "ipMasq", []string{"masquerade-?.?.?"}, ""},
	{"masquerade-iptables", "by iptables", []string{"masquerade-iptables-*"}, ""},
	{"masquerade-nftables", "by nftables", []string{"masquerade-nftables-*"}, ""},
	{"C1", "CHECK, IPv4", []string{"default-gateway-*"}, ""},
	{"C2", "CHECK, IPv6", []string{"ipv6-*"}, ""},
	{"C3", "CHECK, dual stack", []string{"dual-*"}, ""},
	{"S1", "macspoofchk", []string{"spoof-check-*"}, ""},
	{"X1", "disableContainerInterface with IPAM", []string{"wrong-disabled-ipam"}, ""},
	{"X2", "disableContainerInterface", []string{"disabled-interface-*"}, ""},
	{"P1", "no portIsolation", []string{"gateway-*"}, ""},
	{"P2", "portIsolation", []string{"isolation-*"}, ""},
}

func (r row) has(dialogue string) bool {
	return slices.ContainsFunc(r.dialogues, func(pattern string) bool {
		ok, err := path.Match(pattern, dialogue)
		return ok && err == nil
	})
}

// TestRowsHaveDialogues: no row is about a dialogue that is not there.
func TestRowsHaveDialogues(t *testing.T) {
	all := dialogues()
	for _, r := range rows {
		for _, pattern := range r.dialogues {
			if !slices.ContainsFunc(all, func(d dialogue) bool { return (row{dialogues: []string{pattern}}).has(d.name()) }) {
				t.Errorf("row %s: no dialogue is called %s", r.name, pattern)
			}
		}
	}
}

// tellRows says of each row how many of its dialogues were held with the reference itself, and which rows were not, or not
// whole.
func (c *comparison) tellRows(t *testing.T) {
	t.Helper()
	for _, r := range rows {
		held, all := c.heldOf(r)
		t.Logf("row %s: %d of %d dialogues: %s", r.name, held, all, r.what)
		if r.lacking != "" {
			t.Logf("row %s is covered otherwise: %s", r.name, r.lacking)
		}
	}
}

func (c *comparison) heldOf(r row) (held, all int) {
	for _, d := range dialogues() {
		if !r.has(d.name()) {
			continue
		}
		all++
		if c.held[d.name()] {
			held++
		}
	}
	return held, all
}
