package hostlocal

import (
	"context"
	"errors"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// GC releases every lease of the network that no valid attachment owns. A torn one, whose owner nobody knows, is free
// anyway. It believes no index.
func (p Plugin) GC(ctx context.Context, r ipam.Request, valid []types.GCAttachment) error {
	return hostFailure(p.inStore(ctx, r, func(b *ledger) error {
		if b.written != nil {
			if err := b.reread(); err != nil {
				return err
			}
		}
		failures := []error{b.remove(b.temporary)}
		for _, l := range b.leases {
			if !slices.ContainsFunc(valid, l.ownedBy) {
				failures = append(failures, b.release(l))
			}
		}
		return errors.Join(append(failures, b.saveIfRoom())...)
	}))
}
