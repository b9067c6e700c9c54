package hostlocal

import (
	"context"
	"errors"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// The code of STATUS for a plugin that cannot carry out ADD: SPEC 1.1.0, section 5, "Error".
const codeNotAvailable = 50

// Status returns an error with code 50 where a range set has no address to give, or the leases cannot be written. It
// tries that with the temporary file, and makes the network's folder where it is not there, as an ADD would.
func (p Plugin) Status(ctx context.Context, r ipam.Request) error {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return err
	}
	return notAvailable(p.couldAdd(ctx, r, c))
}

func (p Plugin) couldAdd(ctx context.Context, r ipam.Request, c Config) error {
	boot, err := p.Files.BootID()
	if err != nil {
		return err
	}
	if _, err := p.dns(c.ResolvConf); err != nil {
		return err
	}
	s := newStore(p.Files, c.DataDir, r.Network)
	if err := p.Files.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	return p.inStore(ctx, r, func(b *ledger) error {
		for _, set := range c.Sets {
			_, ok, err := b.next(set, netip.Addr{}, boot)
			switch {
			case err != nil:
				return err
			case !ok:
				return exhausted(codeNotAvailable, set)
			}
		}
		return errors.Join(b.writeTemporary([]byte(r.Network)), b.remove(b.temporary)) // an empty file needs no room
	})
}

// notAvailable gives a failure of the host the code that STATUS has for it.
func notAvailable(err error) error {
	if kernel.ErrnoOf(err) == 0 {
		return err
	}
	return types.NewError(codeNotAvailable, "host-local: "+err.Error(), "")
}
