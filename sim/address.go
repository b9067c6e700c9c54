package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// An address of a link.
type address struct {
	kernel.Address // Link is set only in what is given out
	link           *link
	nonce          nonce       // of the solicitations of duplicate address detection
	learned        bool        // of a router: not IFA_F_PERMANENT
	stopDAD        func() bool // takes the end of duplicate address detection back; nil where none is under way
}

// ip returns the address without its prefix length.
func (a *address) ip() netip.Addr { return a.Prefix.Addr() }

// subnet returns the prefix the address is out of.
func (a *address) subnet() netip.Prefix { return a.Prefix.Masked() }

// describe returns the address as a reader is told.
func (a *address) describe() kernel.Address {
	d := a.Address
	d.Link = a.link.index
	return d
}

// find returns the address of the link with this very IP, nil where it has none.
func (l *link) find(ip netip.Addr) *address {
	list := l.addresses4
	if ip.Is6() {
		list = l.addresses6
	}
	for _, a := range list {
		if a.ip() == ip {
			return a
		}
	}
	return nil
}
