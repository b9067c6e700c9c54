package plugin

import (
	"context"

	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// hostLocal is the host-local IPAM plugin, which this program is by that name.
func (c *call) hostLocal(ctx context.Context) error {
	leases := hostlocal.Plugin{Files: c.machine}
	switch c.env.command {
	case verbAdd:
		return c.addLease(ctx, leases)
	case verbDel:
		return leases.Del(ctx, c.request())
	case verbCheck:
		return leases.Check(ctx, c.request())
	}
	return c.notBuilt()
}

// addLease gives the lease back when the result cannot be printed.
func (c *call) addLease(ctx context.Context, leases hostlocal.Plugin) error {
	result, err := leases.Add(ctx, c.request())
	if err != nil {
		return err
	}
	var u undo
	u.push("release the address", func(ctx context.Context) error { return leases.Del(ctx, c.request()) })
	if err := c.printResult(result); err != nil {
		return undone(err, u.run(ctx))
	}
	return nil
}
