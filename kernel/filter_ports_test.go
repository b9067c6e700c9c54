package kernel_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
)

// A list of ports is read back from its words, whatever else the rule says of ports.
func TestListsOfPortsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rule kernel.FilterRule
		for _, on := range []kernel.MatchKey{kernel.MatchDestinationPort, kernel.MatchSourcePorts, kernel.MatchDestinationPorts} {
			m := kernel.FilterMatch{On: on, Not: rapid.Bool().Draw(t, "not"), Protocol: kernel.FilterUDP}
			switch {
			case rapid.Bool().Draw(t, "left out"):
				continue
			case on == kernel.MatchDestinationPort:
				m.Ports = drawPorts(t)
			default:
				m.List = rapid.SliceOfN(rapid.Custom(drawPorts), 1, 8).Draw(t, "list")
			}
			rule.Matches = append(rule.Matches, m)
		}
		if rapid.Bool().Draw(t, "comment") {
			rule.Comment = "why"
		}
		rule.Action, rule.Random = kernel.Masquerade, rapid.Bool().Draw(t, "random")
		c := kernel.FilterChange{Do: kernel.AddRule, Family: kernel.FilterIP, Table: "nat", Chain: "c", Rule: rule}
		if c.Valid(kernel.IPTables) != nil {
			return // a range of all ports, or too many ports
		}
		words := c.Words(kernel.IPTables)
		_, got, err := kernel.ParseFilterChanges("iptables", words)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Rule, rule) {
			t.Fatalf("%v: got %+v, %v, want %+v", words, got, err, rule)
		}
	})
}

func drawPorts(t *rapid.T) kernel.PortRange {
	a, b := rapid.Uint16().Draw(t, "port"), rapid.Uint16().Draw(t, "port")
	if rapid.Bool().Draw(t, "one") {
		b = a
	}
	return kernel.PortRange{First: min(a, b), Last: max(a, b)}
}

// Each row is what iptables-save showed (1.8.9) of rules that are read, and written anew.
func TestWordsForPorts(t *testing.T) {
	for _, words := range []string{
		"-p tcp -m multiport --dports 80,443,8000:9000 -j ACCEPT", "-p udp -m multiport ! --sports 53,80",
		"-p tcp -m comment --comment why -m multiport --dports 8080 -j DNAT --to-destination 10.0.0.1",
		"-p tcp -m tcp --sport 1024:65535 -m multiport --dports 80,443", "-j MASQUERADE --random-fully",
		"-p tcp -m tcp --dport 80 -j SNAT --to-source 10.0.0.1:80 --random-fully",
	} {
		b, changes, err := kernel.ParseFilterChanges("iptables", strings.Fields("-t nat -A c "+words))
		if err != nil || changes[0].Valid(b) != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if got := strings.Join(changes[0].Rule.IPTablesWords(), " "); got != words {
			t.Errorf("%s is written anew as %q", words, got)
		}
	}
}

// What would be written anew in other words, or is no rule, is not read.
func TestPortsThatAreNotRead(t *testing.T) {
	for _, words := range []string{
		"-m multiport --dports 80", "-p icmp -m multiport --dports 80", "! -p tcp -m multiport --dports 80",
		"-p tcp -m tcp -m multiport --dports 80", "-p tcp -m multiport --ports 80", "-p tcp -m multiport --dports 80,",
		"-p tcp -m multiport --dports 80-81", "-p tcp -m multiport --dports", "-j MASQUERADE --random", "-j ACCEPT --random-fully",
		"-j SNAT --random-fully", "-j DNAT --to-destination 10.0.0.1 --random-fully", "-j MASQUERADE --random-fully --random-fully",
	} {
		b, changes, err := kernel.ParseFilterChanges("iptables", strings.Fields("-t nat -A c "+words))
		if err == nil {
			err = changes[0].Valid(b)
		}
		if err == nil {
			t.Errorf("%s is taken for a rule", words)
		}
	}
	for _, words := range []string{"tcp dports 80,443 accept", "accept fully-random", "dnat ip to 10.0.0.1 fully-random"} {
		b, changes, err := kernel.ParseFilterChanges("nft", strings.Fields("add rule ip t c "+words))
		if err == nil {
			err = changes[0].Valid(b)
		}
		if err == nil {
			t.Errorf("%s is taken for a rule", words)
		}
	}
}
