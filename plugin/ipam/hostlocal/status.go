package hostlocal

import (
	"context"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// The code of STATUS for a plugin that cannot carry out ADD: SPEC 1.1.0, section 5, "Error".
const codeNotAvailable = 50

// Status returns an error with code 50 where the pool has no free address.
func (p Plugin) Status(ctx context.Context, r ipam.Request) error {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return err
	}
	return hostFailure(p.inStore(ctx, r, func(_ store, all []lease) error {
		taken := map[string]bool{}
		for _, l := range all {
			taken[l.ip.String()] = !l.torn()
		}
		for ip := range c.Pool.After(c.Pool.Last) {
			if !taken[ip.String()] {
				return nil
			}
		}
		return types.NewError(codeNotAvailable,
			fmt.Sprintf("no IP addresses available in range set: %s-%s", c.Pool.First, c.Pool.Last),
			"delete attachments that are no longer used, or enlarge the range")
	}))
}
