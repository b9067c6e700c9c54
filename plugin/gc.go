package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// gc is GC: it deletes what belongs to attachments of the network that the runtime does not list, and goes on when
// something cannot be deleted. What attachments share (the bridge, its addresses, forwarding) and what is of other
// networks stays. So do the veth pairs of the reference plugin, whose names do not tell the network; the rules that it
// made are known by their comments. Rules against spoofing do not tell the network: they go with the link that they are
// about.
//
// With CNILAB_GC_DRYRUN=1 it only says what it would do.
//
// No ADD or DEL of the network is under way. SPEC 1.1.0, section 3, "Lifecycle & Ordering": "The runtime must ensure
// that no add or delete operations are in progress before executing gc".
func (c *call) gc(ctx context.Context) error {
	valid, err := config.ParseValidAttachments(c.stdin)
	if err != nil {
		return err
	}
	self, err := c.machine.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	host := self
	if c.rehearses() {
		host = &rehearsal{NetNS: self, to: c.stderr, gone: map[int]bool{}}
	}
	return runAll(ctx, []step{
		{"delete stale veth pairs", func(ctx context.Context) error { return c.deleteStalePairs(ctx, host, valid) }},
		{"delete stale rules of nftables", func(context.Context) error { return c.deleteStaleNFTRules(host, valid) }},
		{"delete stale rules of iptables", func(ctx context.Context) error {
			return changeRules(host, kernel.IPTables, natStale(c.network.Name, valid, c.released(ctx)))
		}},
		{"release stale addresses", func(ctx context.Context) error { return c.releaseStale(ctx, valid) }},
	})
}

// rehearses reports whether GC only says what it would do.
func (c *call) rehearses() bool { return lookup(c.env.all, rehearse) == "1" }

// deleteStaleNFTRules deletes in one transaction. It looks for links when it has read the rules: other networks may have
// ADDs under way, whose links come before their rules.
func (c *call) deleteStaleNFTRules(host kernel.NetNS, valid []types.GCAttachment) error {
	return changeRules(host, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		links, err := host.Links()
		exists := map[string]bool{}
		for i := range links {
			exists[links[i].Name] = true
		}
		return append(nftStale(tables, c.network.Name, valid), spoofStale(tables, exists)...), err
	})
}

func (c *call) deleteStalePairs(ctx context.Context, host kernel.NetNS, valid []types.GCAttachment) error {
	links, err := host.Links()
	if err != nil {
		return err
	}
	keep := c.hostEnds(valid)
	var failures []error
	for _, l := range links {
		if isHostEndOf(c.network.Name, l) && !keep[l.Name] {
			failures = append(failures, deleteLink(host, l.Index))
		}
	}
	failures = append(failures, c.giveBackStale(host, links, valid))
	return errors.Join(append(failures, c.deleteUnusedGateways(ctx, host, links))...)
}

// hostEnds returns the names of the host ends of attachments.
func (c *call) hostEnds(of []types.GCAttachment) map[string]bool {
	names := map[string]bool{}
	for _, a := range of {
		names[attachment{network: c.network.Name, containerID: a.ContainerID, ifname: a.IfName}.hostEnd()] = true
	}
	return names
}

// releaseStale hands GC on: SPEC 1.1.0, section 2: "Plugins MUST forward any GC calls to delegated plugins."
func (c *call) releaseStale(ctx context.Context, valid []types.GCAttachment) error {
	plugin, err := c.findIPAM()
	if err != nil || plugin == nil {
		return err
	}
	return c.gcBy(ctx, plugin, valid)
}

// gcBy is GC of an IPAM plugin, which may be called as a program of its own.
func (c *call) gcBy(ctx context.Context, plugin ipam.Plugin, valid []types.GCAttachment) error {
	if !c.rehearses() {
		return plugin.GC(ctx, c.request(), valid)
	}
	lister, ok := plugin.(ipam.Lister)
	if !ok {
		say(c.stderr, "have IPAM plugin "+c.network.IPAM+" do its GC")
		return nil
	}
	leases, err := lister.Leases(ctx, c.request())
	for _, l := range leases {
		if !slices.ContainsFunc(valid, l.IsOf) {
			say(c.stderr, fmt.Sprintf("release %s of %s %s", l.IP, l.ContainerID, l.IfName))
		}
	}
	return err
}

// countHostEnds returns how many attachments of the network there are.
func (c *call) countHostEnds(links []kernel.Link) (n int) {
	for _, l := range links {
		if isHostEndOf(c.network.Name, l) {
			n++
		}
	}
	return n
}
