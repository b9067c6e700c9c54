package hostlocal

import (
	"context"
	"errors"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// GC releases every lease of the network that no valid attachment owns. A torn one, whose owner nobody knows, is free
// anyway.
func (p Plugin) GC(ctx context.Context, r ipam.Request, valid []types.GCAttachment) error {
	return hostFailure(p.inStore(ctx, r, func(s store, all []lease) error {
		var failures []error
		for _, l := range all {
			if !slices.ContainsFunc(valid, l.ownedBy) {
				failures = append(failures, s.release(l.ip))
			}
		}
		return errors.Join(failures...)
	}))
}

// ownedBy knows leases of old releases of the reference too, which have the container's id alone.
func (l lease) ownedBy(a types.GCAttachment) bool {
	return l.owner == a.ContainerID+lineBreak+a.IfName || l.owner == a.ContainerID
}
