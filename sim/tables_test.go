package sim_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

func newHost(t *testing.T, c sim.Config) *sim.Host {
	w := sim.NewWorld(c)
	t.Cleanup(w.Close)
	return w.AddHost("node")
}

func newPod(t *testing.T, h *sim.Host, name string) kernel.NetNS {
	t.Helper()
	path := kernel.NetNSDir + "/" + name
	if err := h.AddNetNS(path); err != nil {
		t.Fatal(err)
	}
	return must(h.OpenNetNS(path))(t)
}

// Linux renames links that are up since 6.2 only.
func TestRenameWhileUpDependsOnTheRelease(t *testing.T) {
	for profile, want := range map[sim.Profile]kernel.Errno{sim.Linux618: 0, sim.Linux61: kernel.EBUSY} {
		h := newHost(t, sim.Config{Profile: profile})
		node := must(h.Self())(t)
		must(0, node.AddLink(kernel.LinkSpec{Name: "br0", Kind: kernel.KindBridge, Up: true}))(t)
		br := must(node.LinkByName("br0"))(t)
		wantErrno(t, node.ChangeLink(br.Index, kernel.LinkChange{Name: new("br1")}), want)
	}
}

// The links of a namespace outlive its last reference for some milliseconds, and so do the names of the peers.
func TestNamespaceDiesLate(t *testing.T) {
	h := newHost(t, sim.Config{})
	node, pod := must(h.Self())(t), newPod(t, h, "pod")
	veth := kernel.LinkSpec{Name: "veth0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "eth0", NetNS: pod}}
	must(0, node.AddLink(veth))(t)
	must(0, h.DeleteNetNS(kernel.NetNSDir+"/pod"))(t)
	if _, err := node.LinkByName("veth0"); err != nil {
		t.Error("the veth went although the namespace is open: ", err)
	}
	pod.Close()
	veth.Peer.NetNS = nil
	wantErrno(t, node.AddLink(veth), kernel.EEXIST)
	must(0, h.Sleep(t.Context(), 20*time.Millisecond))(t)
	wantErrno(t, node.AddLink(veth), 0)
}

// A new namespace has IPv4's settings of the machine's own, and IPv6's as Linux was compiled
// (devconf_inherit_init_net).
func TestNewNamespaceInheritsIPv4Settings(t *testing.T) {
	h := newHost(t, sim.Config{})
	node := must(h.Self())(t)
	for _, key := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		must(0, node.SetSysctl(key, "1"))(t)
	}
	pod := newPod(t, h, "pod")
	for key, want := range map[string]string{"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "0"} {
		if got := must(pod.Sysctl(key))(t); got != want {
			t.Errorf("%s = %s, want %s", key, got, want)
		}
	}
}

func TestRandomMACsAreOfTheSeed(t *testing.T) {
	macOf := func(seed uint64) net.HardwareAddr {
		node := must(newHost(t, sim.Config{Seed: seed}).Self())(t)
		must(0, node.AddLink(kernel.LinkSpec{Name: "br0", Kind: kernel.KindBridge}))(t)
		return must(node.LinkByName("br0"))(t).MAC
	}
	first := macOf(1)
	if first[0]&3 != 2 {
		t.Errorf("%v is not unicast and locally administered", first)
	}
	if again := macOf(1); again.String() != first.String() {
		t.Errorf("the same seed gave %v and %v", first, again)
	}
	if other := macOf(2); other.String() == first.String() {
		t.Errorf("another seed gave %v too", other)
	}
}

// The simulation takes a namespace's handle back out of what wraps it, and none that is not its own.
func TestForeignHandleIsRefused(t *testing.T) {
	h, other := newHost(t, sim.Config{}), newHost(t, sim.Config{})
	node := must(h.Self())(t)
	spec := func(ns kernel.NetNS, name string) kernel.LinkSpec {
		return kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "eth0", NetNS: ns}}
	}
	wantErrno(t, node.AddLink(spec(wrapped{newPod(t, h, "pod")}, "veth0")), 0)
	wantErrno(t, node.AddLink(spec(newPod(t, other, "pod"), "veth1")), kernel.EBADF)
}

type wrapped struct{ kernel.NetNS }

func (w wrapped) Unwrap() kernel.NetNS { return w.NetNS }

// Two who look for duplicates of the same address: the one that asks first gets it.
func TestDuplicateAddressesAreFoundThroughBridges(t *testing.T) {
	h := newHost(t, sim.Config{})
	node := must(h.Self())(t)
	must(0, node.AddLink(kernel.LinkSpec{Name: "br0", Kind: kernel.KindBridge, Up: true}))(t)
	var pods []kernel.NetNS
	for _, name := range []string{"a", "b"} {
		pod := newPod(t, h, name)
		pods = append(pods, pod)
		must(0, node.AddLink(kernel.LinkSpec{
			Name: "veth-" + name, Kind: kernel.KindVeth, Up: true, Master: 2,
			Peer: kernel.PeerSpec{Name: "eth0", NetNS: pod},
		}))(t)
		must(0, pod.ChangeLink(2, kernel.LinkChange{Up: new(true)}))(t)
		must(0, pod.AddAddress(kernel.Address{Link: 2, Prefix: prefix("fd00::1/64")}))(t)
	}
	must(0, h.Sleep(context.Background(), 5*time.Second))(t)
	failed := 0
	for _, pod := range pods {
		for _, a := range must(pod.Addresses(2))(t) {
			if a.DADFailed {
				failed++
			}
			if a.Tentative != a.DADFailed {
				t.Errorf("%v: tentative %v, failed %v", a.Prefix, a.Tentative, a.DADFailed)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d addresses failed, want one of two", failed)
	}
}
