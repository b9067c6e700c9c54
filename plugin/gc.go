package plugin

import (
	"context"
	"errors"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// gc is GC: it deletes what belongs to attachments of the network that the runtime does not list, and goes on when
// something cannot be deleted. What attachments share (the bridge, its addresses, forwarding) and what is of other
// networks stays. So does what the reference plugin made, whose names do not tell the network.
//
// No ADD or DEL of the network is under way. SPEC 1.1.0, section 3, "Lifecycle & Ordering": "The runtime must ensure
// that no add or delete operations are in progress before executing gc".
func (c *call) gc(ctx context.Context) error {
	valid, err := config.ParseValidAttachments(c.stdin)
	if err != nil {
		return err
	}
	return runAll(ctx, []step{
		{"delete stale veth pairs", func(ctx context.Context) error { return c.deleteStalePairs(ctx, valid) }},
		{"release stale addresses", func(ctx context.Context) error { return c.releaseStale(ctx, valid) }},
	})
}

func (c *call) deleteStalePairs(ctx context.Context, valid []types.GCAttachment) error {
	host, err := c.machine.Self()
	if err != nil {
		return err
	}
	defer host.Close()
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
	return plugin.GC(ctx, c.request(), valid)
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
