// Package ipam is the seam between an interface plugin and whatever manages its IP addresses: SPEC 1.1.0, section 4, as
// calls over plain values. Packages hostlocal and static answer them in process, and read requests by the same rules, which
// are here; package delegate answers by executing a program.
package ipam

import (
	"context"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// A Plugin manages the addresses of networks. Its errors are, or wrap, a *types.Error where the specification has a
// code for them.
type Plugin interface {
	// Add reserves the attachment's addresses. The result has neither interfaces nor the index of one. After an error
	// the caller makes sure with Del that nothing stays reserved (section 4: "If, on ADD, a delegated plugin fails, the
	// "upper" plugin should execute again with DEL before returning failure").
	Add(ctx context.Context, r Request) (*types100.Result, error)

	// Del releases whatever is reserved for the attachment. That nothing is, is no error.
	Del(ctx context.Context, r Request) error

	// Check returns an error unless what Add promised, by prevResult, is still reserved.
	Check(ctx context.Context, r Request) error

	// GC releases all that is reserved in the network for other attachments than the valid ones, and nothing of other
	// networks. An empty list means that none is valid. The request names no attachment.
	GC(ctx context.Context, r Request, valid []types.GCAttachment) error

	// Status returns an error unless Add could give an address now: code 50, as when the pool is exhausted; 51 where
	// containers that have one may be affected too. It changes nothing. The request names no attachment.
	Status(ctx context.Context, r Request) error
}

// A Validator is a Plugin that can tell what Add would refuse of a request, before anything is done. (A program that is
// executed cannot be asked.)
type Validator interface {
	Validate(r Request) error
}

// A Lister is a Plugin that can tell who has which address, and changes nothing.
type Lister interface {
	// Leases returns those of the request's attachment, or of more than that, without order.
	Leases(ctx context.Context, r Request) ([]Lease, error)
}

// A Lease is an address that somebody has.
type Lease struct {
	IP          netip.Addr
	ContainerID string
	IfName      string // "": some interface of the container
}

// IsOf reports whether the lease is an attachment's.
func (l Lease) IsOf(a types.GCAttachment) bool {
	return l.ContainerID == a.ContainerID && (l.IfName == a.IfName || l.IfName == "")
}

// A Request is one call, as the protocol hands it on.
type Request struct {
	CNIVersion  string
	Network     string   // the network's name
	ContainerID string   // CNI_CONTAINERID; "" for GC and Status
	IfName      string   // CNI_IFNAME; "" for GC and Status
	Args        string   // CNI_ARGS
	Env         []string // the whole environment, for a program that is executed
	Config      []byte   // the whole network configuration
}
