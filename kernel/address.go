package kernel

import "net/netip"

// Addresses are the IP addresses of a namespace's links.
type Addresses interface {
	// Addresses returns the addresses of the link with the index, or of all links for index 0, in the kernel's order:
	// by link, IPv4 before IPv6. A link that is not there has none (no error).
	Addresses(link int) ([]Address, error)

	// AddAddress gives a link an address (RTM_NEWADDR with NLM_F_CREATE|NLM_F_EXCL). IPv4: a second one out of the
	// same subnet becomes secondary. IPv6: it is tentative until duplicate address detection ends, unless NoDAD is
	// set or the link's accept_dad is 0.
	//
	//	ENODEV         no link has the index
	//	EEXIST         the link has the address: IPv4 with the same prefix length, IPv6 with any
	//	EINVAL         no address is given
	//	EADDRNOTAVAIL  IPv6: a multicast or unspecified address, or the loopback address on another link than lo
	//	EACCES         IPv6 is disabled on the link
	AddAddress(a Address) error

	// DeleteAddress takes an address, named by Link and Prefix, away. EADDRNOTAVAIL where the link does not have it;
	// ENODEV where no link has the index.
	DeleteAddress(a Address) error
}

// An Address of a link. AddAddress uses Link, Prefix, Broadcast, Scope and NoDAD; the rest is the kernel's to say.
type Address struct {
	Link      int
	Prefix    netip.Prefix // the address and the length of its subnet's prefix
	Broadcast netip.Addr   // IPv4 only; the zero Addr: none
	Scope     Scope
	NoDAD     bool // IFA_F_NODAD: IPv6 only, never tentative; its local route still comes up to a millisecond later
	Secondary bool // IPv4: not the first of its subnet
	Tentative bool // IPv6: duplicate address detection has not ended
	DADFailed bool // IPv6: someone else has it
}

// A Scope is the distance at which an address is valid or a route's destination lies, by Linux's numbers.
type Scope uint8

// The scopes; include/uapi/linux/rtnetlink.h.
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)
