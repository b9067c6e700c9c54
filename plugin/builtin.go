package plugin

import (
	"context"

	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
	"github.com/cnilab/cnilab/plugin/ipam/static"
)

// builtIn returns the IPAM plugin that this program is by the name; nil where it is none.
func (c *call) builtIn(name string) ipam.Plugin {
	switch name {
	case hostlocal.Name:
		return hostlocal.Plugin{Files: c.machine}
	case static.Name:
		return static.Plugin{}
	}
	return nil
}

// serveIPAM is an IPAM plugin as a program of its own.
func (c *call) serveIPAM(ctx context.Context, plugin ipam.Plugin) error {
	switch c.env.command {
	case verbAdd:
		return c.addLease(ctx, plugin)
	case verbDel:
		return plugin.Del(ctx, c.request())
	case verbCheck:
		return plugin.Check(ctx, c.request())
	case verbGC:
		return c.gcLeases(ctx, plugin)
	default: // parseEnvironment lets no other through
		return plugin.Status(ctx, c.request())
	}
}

// addLease gives the lease back when the result cannot be printed.
func (c *call) addLease(ctx context.Context, plugin ipam.Plugin) error {
	result, err := plugin.Add(ctx, c.request())
	if err != nil {
		return err
	}
	var u undo
	u.push("release the address", func(ctx context.Context) error { return plugin.Del(ctx, c.request()) })
	if err := c.printResult(result); err != nil {
		return undone(err, u.run(ctx))
	}
	return nil
}

func (c *call) gcLeases(ctx context.Context, plugin ipam.Plugin) error {
	valid, err := config.ParseValidAttachments(c.stdin)
	if err != nil {
		return err
	}
	return c.gcBy(ctx, plugin, valid)
}
