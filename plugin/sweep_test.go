package plugin_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A situation is what an ADD is to do, and what it finds.
type situation struct {
	name    string
	keys    map[string]any
	given   string // what the IPAM program "fixed" prints; "": there is none
	prepare func(l *lab)
	// ops are some that the ADD has to make, so that a sweep that hit none of them is noticed.
	ops []intercept.Op
	// simulated alone: a real kernel takes seconds for each sweep, and has shown what it does in the others.
	simulated bool
}

var (
	layer2Ops = []intercept.Op{
		intercept.NetNSSelf, intercept.NetNSOpen, intercept.NetNSLock, intercept.LinkShow, intercept.LinkAdd,
		intercept.LinkSet, intercept.HostBootID,
	}
	chainedOps = []intercept.Op{intercept.NetNSSelf, intercept.NetNSLock, intercept.LinkShow, intercept.LinkSet}
	vlanOps    = append([]intercept.Op{intercept.VLANAdd, intercept.VLANDelete}, layer2Ops...)
	layer3Ops  = slices.Concat(layer2Ops, []intercept.Op{
		intercept.FileStat, intercept.ProgramIsSelf, intercept.FolderMake, intercept.FileLock,
		intercept.FileRead, intercept.FileWrite, intercept.FileLink, intercept.FileRename, intercept.FileRemove,
		intercept.SysctlSet, intercept.AddressAdd,
	})
	firstOps   = append([]intercept.Op{intercept.FolderRead}, layer3Ops...) // there is no index of leases yet
	gatewayOps = slices.Concat(firstOps, []intercept.Op{intercept.AddressList, intercept.SysctlGet})
	dualOps    = []intercept.Op{
		intercept.NetNSSelf, intercept.LinkAdd, intercept.LinkSet, intercept.ProgramExec, intercept.SysctlGet,
		intercept.SysctlSet, intercept.AddressList, intercept.AddressAdd, intercept.RouteAdd,
	}
	forceOps   = append([]intercept.Op{intercept.AddressDelete}, dualOps...)
	natOps     = append([]intercept.Op{intercept.RulesetChange}, dualOps...)
	filterOps  = append([]intercept.Op{intercept.RulesetList}, natOps...)
	defaultOps = slices.Concat(gatewayOps, []intercept.Op{intercept.RouteAdd})
)

var situations = []situation{
	{name: "layer 2", keys: map[string]any{"ipam": nil}, ops: layer2Ops},
	{name: "layer 2 with mtu", simulated: true, keys: map[string]any{"ipam": nil, "mtu": 1400}, ops: layer2Ops},
	{name: "promiscuous", simulated: true, keys: map[string]any{"ipam": nil, "promiscMode": true}, ops: layer2Ops},
	{
		name: "promiscuous, bridge there", simulated: true, keys: map[string]any{"ipam": nil, "promiscMode": true},
		ops: layer2Ops, prepare: (*lab).addBridge,
	},
	{
		name: "modes of the port", simulated: true,
		keys: map[string]any{"ipam": nil, "hairpinMode": true, "portIsolation": true},
		ops:  append([]intercept.Op{intercept.PortSet}, layer2Ops...),
	},
	{
		name: "interface left down", simulated: true,
		keys: map[string]any{"ipam": nil, "disableContainerInterface": true}, ops: layer2Ops,
	},
	{
		name: "chained, interface adopted", keys: chainedKeys, ops: chainedOps, prepare: (*lab).addTap,
	},
	{
		name: "chained, interface adopted, VLAN", simulated: true, prepare: (*lab).addTapInVLAN,
		keys: map[string]any{"vlan": 7, "hairpinMode": true, "isGateway": true, "prevResult": tapResult},
		ops:  slices.Concat(chainedOps, []intercept.Op{intercept.VLANAdd, intercept.PortSet, intercept.FileLink}),
	},
	{
		name: "VLAN", simulated: true,
		keys: map[string]any{"ipam": nil, "vlan": 100, "vlanTrunk": []any{map[string]any{"minID": 5, "maxID": 7}}},
		ops:  vlanOps,
	},
	{
		name: "VLAN, bridge does not filter", simulated: true, keys: map[string]any{"ipam": nil, "vlan": 100},
		ops: append([]intercept.Op{intercept.BridgeSet}, vlanOps...), prepare: (*lab).addBridge,
	},
	{
		name: "gateway of a VLAN", simulated: true, keys: map[string]any{"isDefaultGateway": true, "vlan": 100},
		ops: slices.Concat(vlanOps, defaultOps),
	},
	{
		name: "gateway of a VLAN, second container", simulated: true,
		keys: map[string]any{"isDefaultGateway": true, "vlan": 100}, ops: slices.Concat(vlanOps, layer3Ops),
		prepare: func(l *lab) {
			l.add("first", l.pod("first"), l.conf(map[string]any{"isDefaultGateway": true, "vlan": 100}))
		},
	},
	{
		name: "gateway of a VLAN, both families", given: dualStack, simulated: true,
		keys: map[string]any{"isDefaultGateway": true, "vlan": 100, "ipam": map[string]any{"type": "fixed"}},
		ops:  slices.Concat(vlanOps, dualOps),
	},
	{name: "addresses", simulated: true, ops: firstOps},
	{name: "gateway", simulated: true, keys: map[string]any{"isGateway": true}, ops: gatewayOps},
	{name: "default gateway", keys: map[string]any{"isDefaultGateway": true}, ops: defaultOps},
	{
		name: "default gateway, bridge there", simulated: true,
		keys: map[string]any{"isDefaultGateway": true}, ops: defaultOps,
		prepare: (*lab).addBridge,
	},
	{
		name: "default gateway, bridge down", simulated: true,
		keys: map[string]any{"isDefaultGateway": true}, ops: defaultOps,
		prepare: (*lab).addDownBridge,
	},
	{
		name: "default gateway, second container", keys: map[string]any{"isDefaultGateway": true}, ops: layer3Ops,
		prepare: func(l *lab) { l.add("first", l.pod("first"), l.conf(map[string]any{"isDefaultGateway": true})) },
	},
	{
		name: "both families", given: dualStack, ops: dualOps, simulated: true,
		keys: map[string]any{"isDefaultGateway": true, "ipam": map[string]any{"type": "fixed"}},
	},
	{
		name: "both families, duplicates detected", given: dualStack, ops: dualOps, simulated: true,
		keys: map[string]any{"isDefaultGateway": true, "enabledad": true, "ipam": map[string]any{"type": "fixed"}},
	},
	{
		name: "both families, bridge has others' addresses", given: dualStack, ops: forceOps, simulated: true,
		keys: map[string]any{
			"isDefaultGateway": true, "forceAddress": true, "ipam": map[string]any{"type": "fixed"},
		},
		prepare: (*lab).addOccupiedBridge,
	},
	{
		name: "masquerade by iptables, both families", given: dualStack, ops: natOps, simulated: true,
		keys: map[string]any{
			"isGateway": true, "ipMasq": true, "ipMasqBackend": "iptables", "ipam": map[string]any{"type": "fixed"},
		},
	},
	{
		name: "masquerade by nftables, both families", given: dualStack, ops: filterOps,
		simulated: true, keys: map[string]any{
			"isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", "ipam": map[string]any{"type": "fixed"},
		},
	},
	{
		name: "masquerade, no spoofing", ops: []intercept.Op{intercept.RulesetChange},
		keys: map[string]any{"ipMasq": true, "ipMasqBackend": "iptables", "macspoofchk": true},
	},
}

// dualStack is what an IPAM program gives.
const dualStack = `{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.2/24"}, {"address": "fd00:9::2/64"}],
	"routes": [{"dst": "fd00:8::/64"}, {"dst": "fd00:8::/64", "gw": "fd00:9::1"}]}`

// addOccupiedBridge makes a bridge with addresses of which a gateway's can stand beside the last alone.
func (l *lab) addOccupiedBridge() {
	l.addBridge()
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	// Linux would give it a link-local address once it has a carrier.
	l.must(l.self.SetSysctl("net/ipv6/conf/br-test/addr_gen_mode", "1"))
	l.must(l.self.SetSysctl("net/ipv6/conf/br-test/disable_ipv6", "0"))
	for _, a := range []string{"10.7.0.1/24", "10.7.0.2/24", "10.8.0.1/24", "fd00:9::9/48", "fd00:7::1/64"} {
		l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: prefix(a), NoDAD: strings.Contains(a, ":")}))
	}
	l.awaitLocal("fd00:9::9/128")
	l.awaitLocal("fd00:7::1/128")
}

// awaitLocal waits for the route that Linux adds for an IPv6 address some time after the address (addrconf_dad_work).
func (l *lab) awaitLocal(dst string) {
	l.t.Helper()
	for range 1000 {
		routes, err := l.self.Routes(kernel.IPv6)
		l.must(err)
		if slices.ContainsFunc(routes, func(r kernel.Route) bool { return r.Dst == prefix(dst) }) {
			return
		}
		l.must(l.Sleep(l.t.Context(), 5*time.Millisecond))
	}
	l.t.Fatalf("no local route to %s", dst)
}

// installFixed makes an IPAM program that always gives the same.
func (l *lab) installFixed(given string) {
	l.t.Helper()
	if given == "" {
		return
	}
	file := l.cniPath + "/fixed"
	if h, ok := l.Host.(withOwnPath); ok {
		b := &addressBook{answers: map[string]string{"ADD": given}}
		l.must(h.Host.(interface {
			Install(name string, p kernel.Program) error
		}).Install(file, b.run))
		return
	}
	script := "#!/bin/sh\ncase $CNI_COMMAND in ADD) echo '" + given + "' ;; esac\n"
	l.must(l.WriteFile(file, []byte(script), 0o755))
}

// pinned is a bridge's address. One that nobody has set goes with the last port (br_stp_recalculate_bridge_id), whoever
// that was, so that the state could not be as before.
var pinned = net.HardwareAddr{2, 0, 0, 0, 0, 1}

func (l *lab) addBridge() {
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "br-test", Kind: kernel.KindBridge, MAC: pinned, Up: true}))
}

// addSharedRules makes the tables and chains of nftables that attachments share and leave.
func (l *lab) addSharedRules() {
	l.t.Helper()
	for _, line := range []string{
		"add table inet cni_plugins_masquerade { comment 'Masquerading for plugins from github.com/containernetworking/plugins' ; }",
		"add chain inet cni_plugins_masquerade masq_checks " +
			"{ comment 'Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet' ; }",
		"add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; }",
		"flush chain inet cni_plugins_masquerade postrouting",
		"add rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return",
		"add rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return",
		"add rule inet cni_plugins_masquerade postrouting goto masq_checks",
		"add table bridge nat",
		"add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; }",
	} {
		l.changeRules("nft", line)
	}
}

// changeRules makes a change as a scenario writes it.
func (l *lab) changeRules(program, line string) {
	l.t.Helper()
	words, err := kernel.SplitIPTables(strings.ReplaceAll(line, "'", `"`))
	l.must(err)
	b, changes, err := kernel.ParseFilterChanges(program, words)
	l.must(err)
	l.must(l.self.ChangeRuleset(b, changes))
}

// rules are the lines of a snapshot about both backends, without the tables and chains that attachments share.
func (l *lab) rules() (lines []string) {
	l.t.Helper()
	for _, b := range []kernel.FilterBackend{kernel.NFTables, kernel.IPTables} {
		tables, err := l.self.Ruleset(b)
		l.must(err)
		for _, o := range kernel.FilterObjects(b, tables) {
			shared := strings.HasPrefix(o.Name, "table ") || strings.Contains(o.Name, " postrouting ") ||
				strings.HasPrefix(o.Name, "chain inet") || strings.HasPrefix(o.Name, "chain bridge nat PREROUTING")
			if !shared {
				lines = append(lines, o.Name)
			}
		}
	}
	return lines
}

func (l *lab) addDownBridge() {
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "br-test", Kind: kernel.KindBridge, MAC: pinned}))
}

// onItsBackends runs a test on every backend, or where the situation is for it alone, in the simulation.
func (s situation) onItsBackends(t *testing.T, test func(t *testing.T, l *lab)) {
	if !s.simulated {
		onEach(t, test)
		return
	}
	t.Parallel()
	on(t, "sim", test)
}

// onEachSituation runs a test in every situation on every backend.
func onEachSituation(t *testing.T, test func(t *testing.T, l *lab, s situation, r request)) {
	t.Parallel()
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			s.onItsBackends(t, func(t *testing.T, l *lab) {
				l.installFixed(s.given)
				if s.prepare != nil {
					s.prepare(l)
				}
				r := request{verb: "ADD", id: "victim", netns: l.pod("victim"), conf: l.conf(s.keys)}
				test(t, l, s, r)
			})
		})
	}
}

// verb returns the same request for another verb.
func (r request) as(verb string) request {
	r.verb, r.on = verb, nil
	return r
}

// A mishap is a way in which a call goes wrong.
type mishap struct {
	name string
	do   func(c intercept.Call, next func() error) error
}

var (
	refused = mishap{"refused", func(c intercept.Call, _ func() error) error { return refusal(c, kernel.EIO) }}
	// lost is a call that is carried out, and whose answer, whatever it was, does not arrive.
	lost = mishap{"answer lost", func(c intercept.Call, next func() error) error {
		_ = next()
		return refusal(c, kernel.EIO)
	}}
	panics = mishap{"panic", func(intercept.Call, func() error) error { panic("at the wrong moment") }}

	mishaps = []mishap{refused, lost, panics}
)

// A sweep lets each call of a verb go wrong in turn.
type sweep struct {
	mishap
	effects bool // only the calls that may change something go wrong
	hit     []intercept.Call
	passed  map[intercept.Op]bool // what the calls that only read did, if they are not to go wrong
}

// sweeps returns those that a backend is put through. In the simulation each mishap happens at every call. Linux, which
// takes some 50 ms to make and undo an attachment, is left once in each state in which a verb can fail: with each
// effect as the last one, and its answer lost. All other mishaps find it in one of these states: a call that is refused
// or panics, or a read whose answer is lost, in the state that the effect before it has left. What the plugin does about
// them is its own affair, and the same on each backend. CNILAB_REQUIRE_LINUX=1 has them all happen on Linux too.
func (l *lab) sweeps() (all []*sweep) {
	if l.sampled() {
		return []*sweep{{mishap: lost, effects: true, passed: map[intercept.Op]bool{}}}
	}
	for _, m := range mishaps {
		all = append(all, &sweep{mishap: m})
	}
	return all
}

// sampled says that this backend is only put through what no other stands for.
func (l *lab) sampled() bool { return !l.simulated && os.Getenv("CNILAB_REQUIRE_LINUX") != "1" }

// at lets the n-th call go wrong.
func (s *sweep) at(n int) intercept.Hook {
	if !s.effects {
		return s.mishap.at(n, &s.hit)
	}
	return func(c intercept.Call, next func() error) error {
		if !c.Mutates() {
			s.passed[c.Op] = true
		}
		if c.Effect != n {
			return next()
		}
		s.hit = append(s.hit, c)
		return s.do(c, next)
	}
}

// wantHits expects that the sweep came to each of these ops.
func (s *sweep) wantHits(t *testing.T, ops []intercept.Op) {
	t.Helper()
	wantHits(t, s.hit, slices.DeleteFunc(slices.Clone(ops), func(op intercept.Op) bool { return s.passed[op] }))
}

func refusal(c intercept.Call, errno kernel.Errno) error {
	return &kernel.Error{Op: string(c.Op), NetNS: c.NetNS, Object: c.Object, Errno: errno, Detail: "injected fault"}
}

// at lets the n-th call go wrong, and notes which it was.
func (m mishap) at(n int, hit *[]intercept.Call) intercept.Hook {
	return func(c intercept.Call, next func() error) error {
		if c.N != n {
			return next()
		}
		*hit = append(*hit, c)
		return m.do(c, next)
	}
}

// TestAddFailsWithoutTrace lets each call of an ADD go wrong in turn. ADD has to say so, and to leave the host as it
// was; a DEL after it has nothing to do and succeeds.
func TestAddFailsWithoutTrace(t *testing.T) {
	onEachSituation(t, func(t *testing.T, l *lab, s situation, r request) {
		before := l.snapshot()
		for _, m := range l.sweeps() {
			for n := 1; ; n++ {
				r.on = intercept.Wrap(l.Host, m.at(n))
				a := l.call(r)
				if len(m.hit) < n {
					if a.exit != 0 {
						t.Fatalf("%s: no call left to fail, and ADD fails: %s", m.name, a.stdout)
					}
					break
				}
				when := fmt.Sprintf("%s at call %d, %s", m.name, m.hit[n-1].N, m.hit[n-1])
				if a.exit == 0 {
					t.Fatalf("%s: ADD succeeds", when)
				}
				wantError(t, a)
				l.wantState(when, before)
				l.succeed(r.as("DEL"))
				l.wantState(when+", then DEL", before)
				if t.Failed() {
					return
				}
			}
			m.wantHits(t, s.ops)
			l.succeed(r.as("DEL"))
			l.forgetShared(s)
			l.wantState(m.name+": after a whole ADD and DEL", before)
		}
	})
}

// wantHits expects that a sweep came to each of these ops.
func wantHits(t *testing.T, hit []intercept.Call, ops []intercept.Op) {
	t.Helper()
	t.Logf("swept %d calls", len(hit))
	for _, op := range ops {
		if !slices.ContainsFunc(hit, func(c intercept.Call) bool { return c.Op == op }) {
			t.Errorf("the sweep over %d calls never came to %q", len(hit), op)
		}
	}
}

// forgetShared takes away what a successful ADD leaves behind on purpose, if the situation did not have it.
func (l *lab) forgetShared(s situation) {
	l.t.Helper()
	if len(l.veths(l.self)) > 0 {
		return // somebody uses it
	}
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	l.must(l.self.DeleteLink(bridge.Index))
	l.must(l.self.SetSysctl("net/ipv4/ip_forward", "0"))
	if s.given != "" {
		l.must(l.self.SetSysctl("net/ipv6/conf/all/forwarding", "0"))
		l.quiet(l.open(l.netns("victim")))
	}
	l.forgetTables()
	if s.prepare != nil {
		s.prepare(l)
	}
}

// forgetTables deletes all of nftables.
func (l *lab) forgetTables() {
	l.t.Helper()
	tables, err := l.self.Ruleset(kernel.NFTables)
	l.must(err)
	for _, table := range tables {
		l.must(l.self.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{
			{Do: kernel.DeleteTable, Family: table.Family, Table: table.Name},
		}))
	}
}

// TestCrashThenDel ends the process at each effect of an ADD. DEL has to leave nothing of the attachment, and the next
// ADD to succeed. A crash before an effect leaves what one after the effect before it has left.
func TestCrashThenDel(t *testing.T) {
	onEachSituation(t, func(t *testing.T, l *lab, s situation, r request) {
		others, rules := len(l.veths(l.self)), len(l.rules())
		moments := []bool{false, true}
		if l.sampled() {
			moments = []bool{true}
		}
		for _, after := range moments {
			for n := 1; ; n++ {
				crash := &intercept.Crash{Effect: n, After: after}
				r.on = intercept.Wrap(l.Host, crash.Hook)
				l.call(r)
				if !crash.Dead() {
					break
				}
				l.succeed(r.as("DEL"))
				if left := l.veths(l.self); len(left) != others {
					t.Errorf("crash at effect %d (after: %v), then DEL: left %v", n, after, left)
				}
				if left := l.leases("net"); len(left) != others && s.keys["ipam"] != nil {
					t.Errorf("crash at effect %d (after: %v), then DEL: left leases %v", n, after, left)
				}
				if left := l.rules(); len(left) != rules {
					t.Errorf("crash at effect %d (after: %v), then DEL: left rules %v", n, after, left)
				}
				l.wantNoTemporary()
				l.succeed(r.as("ADD"))
				l.succeed(r.as("DEL"))
			}
			l.succeed(r.as("DEL"))
		}
	})
}

// wantNoTemporary expects that host-local has tidied up.
func (l *lab) wantNoTemporary() {
	l.t.Helper()
	if _, err := l.Stat(l.dataDir + "/.net.tmp"); !errors.Is(err, kernel.ENOENT) {
		l.t.Errorf("host-local's temporary file: %v, want ENOENT", err)
	}
}

// TestDelTellsEveryFailure lets each call of a DEL go wrong in turn. It has to say so, and the next DEL to end the job.
func TestDelTellsEveryFailure(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		r := request{id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true})}
		for _, m := range l.sweeps() {
			for n := 1; ; n++ {
				l.succeed(r.as("ADD"))
				del := r.as("DEL")
				del.on = intercept.Wrap(l.Host, m.at(n))
				a := l.call(del)
				if len(m.hit) < n {
					if a.exit != 0 {
						t.Fatalf("no call left to fail, and DEL fails: %s", a.stdout)
					}
					break
				}
				if a.exit == 0 {
					t.Fatalf("%s at %s: DEL succeeds", m.name, m.hit[n-1])
				}
				wantError(t, a)
				l.succeed(r.as("DEL"))
				l.wantNothingLeft(fmt.Sprintf("%s at %s, then DEL", m.name, m.hit[n-1]))
			}
			m.wantHits(t, []intercept.Op{
				intercept.NetNSSelf, intercept.LinkShow, intercept.LinkDelete, intercept.FileStat, intercept.ProgramIsSelf,
				intercept.FileLock, intercept.FileRead, intercept.FileRemove,
			})
		}
	})
}

// TestCheckTellsEveryFailure: a CHECK that could not look is no CHECK.
func TestCheckTellsEveryFailure(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"isDefaultGateway": true})
		netns := l.pod("a")
		r := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
		before := l.snapshot()
		var hit []intercept.Call
		for n := 1; ; n++ {
			r.on = intercept.Wrap(l.Host, refused.at(n, &hit))
			a := l.call(r)
			if len(hit) < n {
				break
			}
			wantError(t, a)
		}
		l.wantState("CHECK", before)
		wantHits(t, hit, []intercept.Op{
			intercept.LinkShow, intercept.AddressList, intercept.RouteList, intercept.SysctlGet, intercept.FileLock,
		})
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
	})
}
