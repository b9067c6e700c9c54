package plugin_test

import (
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
)

// TestCheckFindsWhatIsBroken breaks one promise of ADD at a time.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		name  string
		sever func(l *lab, pod kernel.NetNS, host, eth0, bridge kernel.Link) error
		code  uint
		words string
	}{
		{"bridge gone", func(l *lab, _ kernel.NetNS, _, _, bridge kernel.Link) error {
			return l.self.DeleteLink(bridge.Index)
		}, 103, "no link br-test"},
		{"bridge down", func(l *lab, _ kernel.NetNS, _, _, bridge kernel.Link) error {
			return l.self.ChangeLink(bridge.Index, kernel.LinkChange{Up: new(false)})
		}, 103, "br-test in netns host is down"},
		{"no port", func(l *lab, _ kernel.NetNS, host, _, _ kernel.Link) error {
			return l.self.ChangeLink(host.Index, kernel.LinkChange{Master: new(0)})
		}, 103, "is not a port of bridge br-test"},
		{"host end down", func(l *lab, _ kernel.NetNS, host, _, _ kernel.Link) error {
			return l.self.ChangeLink(host.Index, kernel.LinkChange{Up: new(false)})
		}, 103, "in netns host is down"},
		{"veth gone", func(l *lab, _ kernel.NetNS, host, _, _ kernel.Link) error {
			return l.self.DeleteLink(host.Index)
		}, 103, "no link eth0"},
		{"container's end down", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			return pod.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(false)})
		}, 103, "eth0 in netns a is down"},
		{"another eth0", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			if err := pod.ChangeLink(eth0.Index, kernel.LinkChange{Name: new("was0")}); err != nil {
				return err
			}
			return pod.AddLink(kernel.LinkSpec{
				Name: "eth0", Kind: kernel.KindVeth, Up: true,
				Peer: kernel.PeerSpec{Name: "eth1"},
			})
		}, 103, "are not the ends of one veth pair"},
		{"MAC", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			return pod.ChangeLink(eth0.Index, kernel.LinkChange{MAC: pinned})
		}, 103, "eth0 has MAC address 02:00:00:00:00:01"},
		{"MTU", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			return pod.ChangeLink(eth0.Index, kernel.LinkChange{MTU: new(1300)})
		}, 103, "eth0 has MTU 1300, not 1400"},
		{"address", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			return pod.DeleteAddress(kernel.Address{Link: eth0.Index, Prefix: prefix("10.9.0.2/24")})
		}, 103, "eth0 in netns a has no address 10.9.0.2/24"},
		{"default route", func(_ *lab, pod kernel.NetNS, _, _, _ kernel.Link) error {
			return pod.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")})
		}, 103, "no route 0.0.0.0/0 via 10.9.0.1 in netns a"},
		{"default route elsewhere", func(_ *lab, pod kernel.NetNS, _, eth0, _ kernel.Link) error {
			if err := pod.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")}); err != nil {
				return err
			}
			route := kernel.Route{Dst: prefix("0.0.0.0/0"), Gateway: prefix("10.9.0.9/32").Addr(), Link: eth0.Index}
			return pod.AddRoute(route, kernel.Exclusive)
		}, 103, "no route 0.0.0.0/0 via 10.9.0.1 in netns a"},
		{"gateway's address", func(l *lab, _ kernel.NetNS, _, _, bridge kernel.Link) error {
			return l.self.DeleteAddress(kernel.Address{Link: bridge.Index, Prefix: prefix("10.9.0.1/24")})
		}, 103, "br-test in netns host has no address 10.9.0.1/24"},
		{"forwarding", func(l *lab, _ kernel.NetNS, _, _, _ kernel.Link) error {
			return l.self.SetSysctl("net/ipv4/ip_forward", "0")
		}, 103, "net/ipv4/ip_forward is 0"},
		{"lease", func(l *lab, _ kernel.NetNS, _, _, _ kernel.Link) error {
			return l.Remove(l.dataDir + "/net/10.9.0.2")
		}, 999, "10.9.0.2 is not reserved for container a"},
		{"another's lease", func(l *lab, _ kernel.NetNS, _, _, _ kernel.Link) error {
			return l.WriteFile(l.dataDir+"/net/10.9.0.2", []byte("b\r\neth0"), 0o600)
		}, 999, "10.9.0.2 is not reserved for container a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *lab) {
				check, pod, host, eth0, bridge := l.attached()
				l.succeed(check)
				l.must(c.sever(l, pod, host, eth0, bridge))
				l.fail(check, c.code, c.words)
			})
		})
	}
}

// attached makes an attachment with all there is, and returns the CHECK of it and its links.
func (l *lab) attached() (check request, pod kernel.NetNS, host, eth0, bridge kernel.Link) {
	l.t.Helper()
	conf := l.conf(map[string]any{"isDefaultGateway": true, "mtu": 1400})
	netns := l.pod("a")
	check = request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
	pod = l.open(netns)
	var err error
	host, err = l.self.LinkByName(l.veths(l.self)[0])
	l.must(err)
	eth0, err = pod.LinkByName("eth0")
	l.must(err)
	bridge, err = l.self.LinkByName("br-test")
	l.must(err)
	return check, pod, host, eth0, bridge
}

// TestCheckAllows what others may change.
func TestCheckAllows(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		check, pod, host, eth0, bridge := l.attached()
		l.must(l.self.ChangeLink(bridge.Index, kernel.LinkChange{Promisc: new(true), MAC: pinned}))
		l.must(l.self.ChangeLink(host.Index, kernel.LinkChange{Alias: new("rack 4")}))
		l.must(pod.AddAddress(kernel.Address{Link: eth0.Index, Prefix: prefix("192.0.2.1/32")}))
		l.must(pod.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")}))
		moved := kernel.Route{Dst: prefix("0.0.0.0/0"), Gateway: prefix("10.9.0.1/32").Addr(), Link: eth0.Index, Table: 100}
		l.must(pod.AddRoute(moved, kernel.Exclusive))
		l.add("b", l.pod("b"), l.conf(map[string]any{"isDefaultGateway": true}))
		before := l.snapshot()
		if a := l.succeed(check); a.stdout != "" {
			t.Errorf("CHECK prints %s", a.stdout)
		}
		l.wantState("CHECK", before)
	})
}

// TestCheckInChain: an earlier plugin's route without a gateway leads by that plugin's, not by ours.
func TestCheckInChain(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns, conf := l.pod("a"), l.conf(map[string]any{"isDefaultGateway": true})
		prev, pod := l.add("a", netns, conf), l.open(netns)
		l.must(pod.AddLink(kernel.LinkSpec{Name: "net1", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "far1"}}))
		net1, err := pod.LinkByName("net1")
		l.must(err)
		l.must(pod.AddAddress(kernel.Address{Link: net1.Index, Prefix: prefix("192.0.2.2/24")}))
		earlier := kernel.Route{Dst: prefix("198.51.100.0/24"), Gateway: prefix("192.0.2.1/32").Addr(), Link: net1.Index}
		l.must(pod.AddRoute(earlier, kernel.Exclusive))

		prev.Interfaces = append(prev.Interfaces, &types100.Interface{Name: "net1", Sandbox: netns})
		prev.IPs = append(prev.IPs, &types100.IPConfig{
			Interface: new(len(prev.Interfaces) - 1), Address: net.IPNet{IP: net.IPv4(192, 0, 2, 2), Mask: net.CIDRMask(24, 32)}, Gateway: net.IPv4(192, 0, 2, 1),
		})
		prev.Routes = append(prev.Routes, &types.Route{Dst: net.IPNet{IP: net.IPv4(198, 51, 100, 0), Mask: net.CIDRMask(24, 32)}})
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, prev)}
		l.succeed(check)
		l.must(pod.DeleteRoute(earlier))
		l.fail(check, 103, "no route 198.51.100.0/24 in netns a")
	})
}

// TestCheckLayer2: the reference cannot.
func TestCheckLayer2(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"ipam": nil})
		netns := l.pod("a")
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
		l.succeed(check)
		l.succeed(check.as("DEL"))
		l.fail(check, 103, "no link veth", "no link eth0")
	})
}

func TestCheckNeedsPrevResult(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		l.add("a", netns, l.conf(nil))
		l.fail(request{verb: "CHECK", id: "a", netns: netns, conf: l.conf(nil)}, 7, "prevResult")
		empty := l.withPrev(l.conf(nil), map[string]any{"cniVersion": "1.1.0"})
		l.fail(request{verb: "CHECK", id: "a", netns: netns, conf: empty}, 7, "prevResult has no interface eth0")
	})
}
