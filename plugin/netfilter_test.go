package plugin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// masqueraded is a configuration with ipMasq by a backend.
func masqueraded(b kernel.FilterBackend) map[string]any {
	return map[string]any{"ipMasq": true, "ipMasqBackend": string(b)}
}

// onBothNetfilters runs a test with each backend of netfilter, on each kernel.
func onBothNetfilters(t *testing.T, test func(t *testing.T, l *lab, b kernel.FilterBackend)) {
	for _, b := range []kernel.FilterBackend{kernel.IPTables, kernel.NFTables} {
		t.Run(string(b), func(t *testing.T) {
			onEach(t, func(t *testing.T, l *lab) { test(t, l, b) })
		})
	}
}

func (l *lab) wantRules(when string, want []string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.rules()); diff != "" {
		l.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// TestSharedTablesOfOthersStay: an ADD that fails takes back what it made for all, unless that was there before, or another
// container uses it by then.
func TestSharedTablesOfOthersStay(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		keys := masqueraded(kernel.NFTables)
		keys["macspoofchk"] = true
		conf, netns := l.conf(keys), l.pod("a")
		failing := request{verb: "ADD", id: "a", netns: netns, conf: conf, to: brokenPipe()}
		fail := func(when string) {
			before := l.snapshot()
			if a := l.call(failing); a.exit != 1 {
				t.Errorf("%s: exit %d", when, a.exit)
			}
			l.wantState(when, before)
		}
		fail("with nothing there")
		l.addSharedRules()
		fail("with the tables there")
		l.forgetTables()
		b, result := l.pod("b"), (*types100.Result)(nil)
		failing.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op == intercept.NetNSLock && result == nil {
				result = new(types100.Result) // its own ADD comes here, too
				result = l.add("b", b, conf)
			}
			return next()
		})
		l.call(failing)
		before := l.snapshot()
		l.succeed(request{verb: "CHECK", id: "b", netns: b, conf: l.withPrev(conf, result)})
		l.wantState("CHECK of the other container", before)
	})
}

// TestDelFindsRules whatever it is told: with the namespace gone, without prevResult, without IPAM's leases, with a
// configuration that wants no masquerading any more, twice.
func TestDelFindsRules(t *testing.T) {
	onBothNetfilters(t, func(t *testing.T, l *lab, b kernel.FilterBackend) {
		keys := masqueraded(b)
		keys["macspoofchk"] = true
		conf := l.conf(keys)
		l.add("neighbour", l.pod("neighbour"), conf)
		before := l.rules()
		for _, c := range []struct {
			name string
			del  func(netns string, prev any) request
		}{
			{"namespace there", func(netns string, _ any) request { return request{netns: netns, conf: conf} }},
			{"with prevResult", func(_ string, prev any) request { return request{conf: l.withPrev(conf, prev)} }},
			{"no namespace", func(string, any) request { return request{conf: conf} }},
			{"namespace gone", func(netns string, _ any) request {
				l.must(l.DeleteNetNS(netns))
				l.must(l.AddNetNS(netns)) // another one has its name
				return request{netns: netns, conf: conf}
			}},
			{"other keys", func(netns string, _ any) request { return request{netns: netns, conf: l.conf(nil)} }},
			{"no lease", func(netns string, _ any) request {
				for _, ip := range l.leases("net")[1:] {
					l.must(l.Remove(l.dataDir + "/net/" + ip))
				}
				return request{netns: netns, conf: conf}
			}},
			{"another IPAM plugin", func(netns string, _ any) request {
				l.installFixed(dualStack)
				return request{netns: netns, conf: l.conf(map[string]any{"ipam": map[string]any{"type": "fixed"}})}
			}},
		} {
			netns := l.pod("a" + strings.ReplaceAll(c.name, " ", "-"))
			prev := l.add("a", netns, conf)
			if len(l.rules()) == len(before) {
				t.Fatalf("%s: ADD made no rules", c.name)
			}
			del := c.del(netns, prev)
			del.verb, del.id = "DEL", "a"
			l.succeed(del)
			l.wantRules(c.name, before)
			l.succeed(del)
			l.wantRules(c.name+", again", before)
			l.succeed(request{verb: "DEL", id: "a", conf: conf})
		}
	})
}

// TestSharedChain: the interfaces of a container in a network share a chain of iptables. Each DEL takes its own, and the
// last one the chain; whatever it knows.
func TestSharedChain(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(masqueraded(kernel.IPTables))
		netns := l.pod("a")
		as := func(ifname, verb string) request {
			return request{verb: verb, id: "a", netns: netns, conf: conf, env: []string{"CNI_IFNAME=" + ifname}}
		}
		l.succeed(as("eth0", "ADD"))
		alone := l.rules()
		if len(alone) != 4 {
			t.Fatalf("rules of one interface: %q, want chain, two rules and a jump", alone)
		}
		for _, known := range []string{"leases", "nothing", "previous result"} {
			prev := l.result(l.succeed(as("eth1", "ADD")))
			if both := l.rules(); len(both) != 5 {
				t.Fatalf("rules of both: %q, want one more jump", both)
			}
			del := as("eth1", "DEL")
			switch known {
			case "nothing":
				l.must(l.Remove(l.dataDir + "/net/" + prev.IPs[0].Address.IP.String()))
				fallthrough
			case "previous result":
				del.conf = l.withPrev(conf, prev)
			}
			l.succeed(del)
			l.wantRules("DEL of one of two, knowing "+known, alone)
			l.succeed(as("eth1", "DEL"))
			l.wantRules("DEL again", alone)
		}
		l.succeed(as("eth0", "DEL"))
		l.wantRules("DEL of the last", nil)
	})
}

// TestSharedChainWithoutLeases: the other interface of the container is the reference plugin's, whose host end has no
// alias, and the IPAM plugin cannot be asked whose address is whose. The container's namespace can.
func TestSharedChainWithoutLeases(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(masqueraded(kernel.IPTables))
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
		l.succeed(r)
		alone := l.rules()
		host, err := l.self.LinkByName(l.veths(l.self)[0])
		l.must(err)
		l.must(l.self.ChangeLink(host.Index, kernel.LinkChange{Alias: new("")}))
		l.must(l.Remove(l.dataDir + "/net/10.9.0.2"))
		r.env = []string{"CNI_IFNAME=eth1"}
		prev := l.result(l.succeed(r))
		if both := l.rules(); len(both) != len(alone)+1 {
			t.Fatalf("rules of both: %q, want one more jump than in %q", both, alone)
		}
		del := r.as("DEL")
		del.conf = l.withPrev(conf, prev)
		l.succeed(del)
		l.wantRules("DEL of one of two", alone)
	})
}

// TestSharedChainOfSubnets: what is for one subnet goes with the last interface in it.
func TestSharedChainOfSubnets(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		in := func(subnet string) string {
			keys := masqueraded(kernel.IPTables)
			keys["ipam"] = map[string]any{"type": "host-local", "subnet": subnet, "dataDir": l.dataDir}
			return l.conf(keys)
		}
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: in("10.9.0.0/24")}
		l.succeed(r)
		alone := l.rules()
		other := request{verb: "ADD", id: "a", netns: r.netns, conf: in("10.8.0.0/24"), env: []string{"CNI_IFNAME=eth1"}}
		l.succeed(other)
		if !slices.ContainsFunc(l.rules(), func(s string) bool { return strings.Contains(s, "-d 10.8.0.0/24") }) {
			t.Fatalf("no rule for the second subnet: %q", l.rules())
		}
		l.succeed(other.as("DEL"))
		l.wantRules("DEL of the second", alone)
	})
}

// TestStaleRulesAreReplaced: an ADD was cut off, its lease and its interface were cleaned away by hand, and the next one
// gets another address.
func TestStaleRulesAreReplaced(t *testing.T) {
	onBothNetfilters(t, func(t *testing.T, l *lab, b kernel.FilterBackend) {
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(masqueraded(b))}
		l.succeed(r)
		first := l.rules()
		link, err := l.self.LinkByName(l.veths(l.self)[0])
		l.must(err)
		l.must(l.self.DeleteLink(link.Index))
		l.must(l.Remove(l.dataDir + "/net/10.9.0.2"))
		l.succeed(r)
		if now := l.rules(); len(now) != len(first) || !strings.Contains(fmt.Sprint(now), "10.9.0.3") {
			t.Errorf("rules of the second ADD: %q, want those of the first with another address: %q", now, first)
		}
		l.succeed(r.as("DEL"))
		l.wantRules("DEL", nil)
	})
}

// TestHalfOfIPTablesIsUndone: it does not work for IPv6, when the rules for IPv4 have been made already. Nothing of them
// stays, whether nftables takes its place or does not work either.
func TestHalfOfIPTablesIsUndone(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		for _, nftables := range []bool{false, true} {
			r := request{verb: "ADD", id: "a", netns: netns, conf: l.dual(map[string]any{"ipMasq": true})}
			r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
				byNFT := strings.HasPrefix(c.Object, "nftables")
				if c.Op == intercept.RulesetChange && (byNFT && !nftables || !byNFT && strings.Contains(c.Object, "ff00::/8")) {
					return refusal(c, kernel.EOPNOTSUPP)
				}
				return next()
			})
			if !nftables {
				before := l.snapshot()
				l.fail(r, 101, "ipMasq by iptables does not work on this machine", "EOPNOTSUPP")
				l.wantState("ADD", before)
				continue
			}
			l.succeed(r)
			if rules := fmt.Sprint(l.rules()); strings.Contains(rules, "CNI-") || !strings.Contains(rules, "masq_checks") {
				t.Errorf("rules after ADD: %s", rules)
			}
			l.succeed(r.as("DEL"))
			l.wantRules("DEL", nil)
		}
	})
}

// TestBackendIsChosen: iptables, unless nftables alone is usable. What is asked for is not replaced.
func TestBackendIsChosen(t *testing.T) {
	lacks := func(all ...kernel.FilterBackend) intercept.Hook {
		return func(c intercept.Call, next func() error) error {
			isRules := c.Op == intercept.RulesetCheck || c.Op == intercept.RulesetChange || c.Op == intercept.RulesetList
			for _, b := range all {
				if isRules && strings.HasPrefix(c.Object, string(b)) {
					return refusal(c, kernel.EOPNOTSUPP)
				}
			}
			return next()
		}
	}
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		for _, c := range []struct {
			asked any
			lacks []kernel.FilterBackend
			words string // of the rules; "": it is refused
		}{
			{nil, nil, "-j MASQUERADE"},
			{nil, []kernel.FilterBackend{kernel.NFTables}, "-j MASQUERADE"},
			{nil, []kernel.FilterBackend{kernel.IPTables}, "masq_checks"},
			{nil, []kernel.FilterBackend{kernel.IPTables, kernel.NFTables}, ""},
			{"iptables", []kernel.FilterBackend{kernel.IPTables}, ""},
			{"nftables", []kernel.FilterBackend{kernel.NFTables}, ""},
			{"nftables", nil, "masq_checks"},
		} {
			r := request{
				verb: "ADD", id: "a", netns: netns, conf: l.conf(map[string]any{"ipMasq": true, "ipMasqBackend": c.asked}),
				on: intercept.Wrap(l.Host, lacks(c.lacks...)),
			}
			status := request{verb: "STATUS", conf: r.conf, on: r.on}
			if c.words == "" {
				before := l.snapshot()
				l.fail(r, 101, "masquerade the addresses", "does not work on this machine", "EOPNOTSUPP")
				l.wantState("a refused ADD", before)
				l.fail(status, 50, "does not work on this machine", "EOPNOTSUPP")
				continue
			}
			l.succeed(status)
			l.succeed(r)
			if rules := fmt.Sprint(l.rules()); !strings.Contains(rules, c.words) {
				t.Errorf("asked for %v without %v: %s, want %s", c.asked, c.lacks, rules, c.words)
			}
			l.succeed(r.as("DEL"))
			l.wantRules("DEL", nil)
		}
	})
}

// TestUnknownBackend is refused before anything is done.
func TestUnknownBackend(t *testing.T) {
	l := newLab(t, newSim(t))
	r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(masqueraded("ipchains"))}
	r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
		t.Errorf("%s", c)
		return next()
	})
	l.fail(r, 7, `unknown ipmasq backend "ipchains"`)
	r.conf = l.conf(map[string]any{"ipMasq": true, "ipMasqBackend": "ipchains", "ipam": nil})
	r.on = nil
	l.succeed(r) // without addresses there is nothing to masquerade
}

// TestCheckFindsRules that are gone or changed, one at a time, and says which.
func TestCheckFindsRules(t *testing.T) {
	onBothNetfilters(t, func(t *testing.T, l *lab, b kernel.FilterBackend) {
		keys := masqueraded(b)
		keys["macspoofchk"] = true
		conf, netns := l.conf(keys), l.pod("a")
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
		l.succeed(check)
		for _, backend := range []kernel.FilterBackend{kernel.NFTables, kernel.IPTables} {
			tables, err := l.self.Ruleset(backend)
			l.must(err)
			for _, table := range tables {
				for _, chain := range table.Chains {
					for _, rule := range chain.Rules {
						l.without(backend, table, chain.Name, rule, func() { l.fail(check, 103, "missing rule: ") })
					}
				}
			}
		}
		l.succeed(check)
	})
}

// without calls do while a rule says something else.
func (l *lab) without(b kernel.FilterBackend, t kernel.FilterTable, chain string, rule kernel.FilterRule, do func()) {
	l.t.Helper()
	other := rule
	other.Handle, other.Matches = 0, append(slices.Clone(rule.Matches), kernel.FilterMatch{On: kernel.MatchInLink, Link: "elsewhere"})
	if chain == "POSTROUTING" {
		other.Matches[len(other.Matches)-1].On = kernel.MatchOutLink
	}
	rule.Handle = 0
	exchange := func(old, now kernel.FilterRule) {
		c := kernel.FilterChange{Do: kernel.DeleteRule, Family: t.Family, Table: t.Name, Chain: chain, Rule: old}
		d := c
		d.Do, d.Rule = kernel.AddRule, now
		l.must(l.self.ChangeRuleset(b, []kernel.FilterChange{c, d}))
	}
	exchange(rule, other)
	do()
	exchange(other, rule)
}

// TestGCFindsRules of containers that are not listed, and nothing of the living, of other networks and of others.
func TestGCFindsRules(t *testing.T) {
	onBothNetfilters(t, func(t *testing.T, l *lab, b kernel.FilterBackend) {
		keys := masqueraded(b)
		keys["macspoofchk"] = true
		other := map[string]any{
			"name": "other", "ipam": map[string]any{"type": "host-local", "subnet": "10.8.0.0/24", "dataDir": l.dataDir},
		}
		for key, value := range keys {
			other[key] = value
		}
		l.add("living", l.pod("living"), l.conf(keys))
		l.add("another", l.pod("another"), l.conf(other))
		before := l.rules()
		l.add("dead", l.pod("dead"), l.conf(keys))
		l.succeed(request{
			verb: "ADD", id: "living", netns: l.netns("living"), conf: l.conf(keys), env: []string{"CNI_IFNAME=eth1"},
		})
		whole := l.snapshot()
		gc := l.gc(validKey, keys, "living")
		gc.env = []string{"CNILAB_GC_DRYRUN=1"}
		said := l.succeed(gc).stderr
		for _, words := range []string{"delete link veth", "net/dead/eth0", "net/living/eth1", "release 10.9.0.3", "release 10.9.0.4", "dead"} {
			if !strings.Contains(said, "GC would") || !strings.Contains(said, words) {
				t.Errorf("a rehearsal says nothing of %q:\n%s", words, said)
			}
		}
		if strings.Contains(said, "another") || strings.Contains(said, "net/living/eth0") {
			t.Errorf("a rehearsal is about the living:\n%s", said)
		}
		l.wantState("a rehearsal", whole)
		gc.env = nil
		l.succeed(gc)
		l.wantRules("GC", before)
		l.succeed(gc)
		l.wantRules("GC again", before)
	})
}

// TestDelOfInvalidStatic: what an address is to be is no longer valid, and no result says what it was; the rules go.
func TestDelOfInvalidStatic(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := func(address string) string {
			return l.conf(map[string]any{
				"cniVersion": "0.3.1", "ipMasq": true, "ipMasqBackend": "iptables",
				"ipam": map[string]any{"type": "static", "addresses": []any{map[string]any{"address": address}}},
			})
		}
		netns := l.pod("a")
		l.succeed(request{verb: "ADD", id: "a", netns: netns, conf: conf("10.9.0.7/24")})
		l.succeed(request{verb: "DEL", id: "a", netns: netns, conf: conf("10.9.0.7")})
		l.wantRules("DEL", nil)
	})
}

// TestInterfaceNamedAsAChain: net1-mac has the name of a chain of net1's. The second of the two is refused, DEL of it has
// nothing to do, and the first is left alone.
func TestInterfaceNamedAsAChain(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addSharedRules()
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"ipam": nil, "macspoofchk": true})}
		for _, names := range [][]string{{"net1", "net1-mac"}, {"net1-mac", "net1"}} {
			first, second := r, r
			first.env, second.env = []string{"CNI_IFNAME=" + names[0]}, []string{"CNI_IFNAME=" + names[1]}
			l.succeed(first)
			before := l.snapshot()
			if e := l.fail(second, 101, "drop frames from other MAC addresses", "EEXIST"); strings.Contains(e.Msg, "undo") {
				t.Error(e.Msg)
			}
			l.wantState("ADD", before)
			l.succeed(second.as("DEL"))
			l.wantState("DEL of what was refused", before)
			l.succeed(first.as("DEL"))
			l.wantRules("DEL", nil)
		}
	})
}
