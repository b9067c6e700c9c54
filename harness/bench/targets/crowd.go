//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// leaseFolder is where host-local has its networks.
const leaseFolder = "/var/lib/cni/networks"

// A crowd is what a node has already: containers on its bridge, and leases, of which each container has one. They have been
// there for long, and are quiet: what Linux sends for each when it is new, and for hours after, in search of a router, is
// handed to all others, and would be measured instead.
type crowd struct {
	containers, leases int
	quiet              time.Duration // after which they are
}

// lull is longer than the kernel is busy with an ADD, or a DEL, that has ended.
const lull = 100 * time.Millisecond

// letBe waits where a crowd, or what is measured by turns with one, would else find the kernel busy.
func (c crowd) letBe(besides bool) {
	if besides || c != (crowd{}) {
		time.Sleep(lull)
	}
}

// gather makes them on a node whose bridge is there, as the plugins would.
func (c crowd) gather(n node) error {
	if c == (crowd{}) {
		return nil
	}
	self, err := n.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	bridge, err := self.LinkByName("cni0")
	if err != nil {
		return err
	}
	ip := netip.MustParseAddr("10.1.1.0")
	for i := range max(c.containers, c.leases) {
		ip = ip.Next()
		id := fmt.Sprint("crowd", i)
		if i < c.containers {
			if err := plugIn(n, self, bridge.Index, id, netip.PrefixFrom(ip, 16)); err != nil {
				return err
			}
		}
		if err := os.WriteFile(leaseFile(n, ip.String()), []byte(id+"\r\neth0"), 0o600); err != nil {
			return err
		}
	}
	time.Sleep(c.quiet)
	return os.WriteFile(leaseFile(n, "last_reserved_ip.0"), []byte(ip.String()), 0o600)
}

func leaseFile(n node, name string) string { return filepath.Join(leaseFolder, n.name, name) }

// plugIn makes a container with an address, and its veth pair.
func plugIn(n node, self kernel.NetNS, bridge int, id string, address netip.Prefix) error {
	path, err := n.addPod(id)
	if err != nil {
		return err
	}
	pod, err := n.OpenNetNS(path)
	if err != nil {
		return err
	}
	defer pod.Close()
	if err := pod.SetSysctl("net/ipv6/conf/default/router_solicitations", "0"); err != nil {
		return err
	}
	if err := self.AddLink(kernel.LinkSpec{
		Name: "veth" + id, Kind: kernel.KindVeth, Master: bridge, Up: true,
		Peer: kernel.PeerSpec{Name: "eth0", NetNS: pod},
	}); err != nil {
		return err
	}
	eth0, err := pod.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := pod.AddAddress(kernel.Address{Link: eth0.Index, Prefix: address}); err != nil {
		return err
	}
	return pod.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)})
}
