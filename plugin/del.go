package plugin

import (
	"context"
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

// del is DEL. The container's id, its interface and the network's name are enough for it: it finds the host end by its
// name, and with the host end the container's goes too, wherever that is. So it does not need CNI_NETNS, which may be
// empty, gone, a plain file, or somebody else's namespace by now. That there is nothing to delete is no error.
//
// SPEC 1.1.0, section 2: "plugins should always complete a DEL action without error to the fullest extent possible,
// even if some resources or state are missing". Where something is there and cannot be deleted, DEL says so, and
// another one goes on from there.
//
// The addresses are released last, and not while the container may still use them.
func (c *call) del(ctx context.Context) error {
	if err := c.takeDown(ctx); err != nil {
		return err
	}
	return run(ctx, []step{{"release the addresses", c.release}})
}

func (c *call) takeDown(ctx context.Context) error {
	var host kernel.NetNS
	err := run(ctx, []step{{"open the host's network namespace", func(context.Context) (err error) {
		host, err = c.machine.Self()
		return err
	}}})
	if err != nil {
		return err
	}
	defer host.Close()
	on := func(do func(context.Context, kernel.NetNS) error) func(context.Context) error {
		return func(ctx context.Context) error { return do(ctx, host) }
	}
	return runAll(ctx, []step{
		{"delete the veth pair", on(c.deletePair)},
		{"delete the reference plugin's veth pair", on(c.deleteReferencePair)},
		{"take the adopted interface off the bridge", on(c.giveBackAdopted)},
		{"delete the VLAN's gateway", on(c.deleteUnusedGateway)},
		{"delete the rules of nftables", on(c.deleteNFTRules)},
		{"delete the rules of iptables", on(c.deleteNATRules)},
	})
}

func (c *call) deletePair(_ context.Context, host kernel.NetNS) error {
	a := c.attachment()
	if err := deleteOwn(host, a.hostEnd(), a.owns); err != nil {
		return fmt.Errorf("%w (it is %s, of %s)", err, a.hostEnd(), a.alias())
	}
	return nil
}

func (c *call) release(ctx context.Context) error {
	plugin, err := c.findIPAM()
	if err != nil || plugin == nil {
		return err
	}
	return plugin.Del(ctx, c.request())
}
