package hostlocal

import (
	"context"
	"strings"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// Leases returns all leases of the network. It believes no index, and changes nothing.
func (p Plugin) Leases(ctx context.Context, r ipam.Request) (all []ipam.Lease, err error) {
	return all, hostFailure(p.inStore(ctx, r, func(b *ledger) error {
		if b.written != nil {
			if err := b.reread(); err != nil {
				return err
			}
		}
		for _, l := range b.leases {
			id, ifname, _ := strings.Cut(l.owner, lineBreak)
			all = append(all, ipam.Lease{IP: l.ip, ContainerID: id, IfName: ifname})
		}
		return nil
	}))
}
