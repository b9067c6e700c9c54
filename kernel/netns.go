package kernel

import (
	"context"
	"fmt"
	"time"
)

// A NetNS is an open network namespace. Its methods may be called concurrently; after Close every one answers EBADF.
type NetNS interface {
	Links
	Ports
	VLANs
	FDB
	Addresses
	Routes
	Rules
	Neighbours
	Sysctls
	Netfilter
	Flows
	Routers
	Probes

	// Name is a label for people: the last element of the path it was opened by, "host" for Namespaces.Self.
	Name() string

	// ID tells namespaces apart: two handles are of the same namespace if and only if their IDs are equal.
	ID() NSID

	// Lock takes the exclusive advisory lock of the namespace, which all processes of the host share: flock(2) on
	// the namespace file itself, so that nothing lies about afterwards. It waits for at most wait.
	//
	//	EAGAIN     it was still held after wait
	//	ECANCELED  ctx ended first
	Lock(ctx context.Context, wait time.Duration) (unlock func(), err error)

	// Close gives the handle back. The namespace lives on while others refer to it. Closing twice does nothing.
	Close()
}

// An NSID identifies a namespace on its host: device and inode of the nsfs file.
type NSID struct {
	Dev, Ino uint64
}

// String returns the form that readlink prints of /proc/PID/ns/net, as "net:[4026531840]".
func (id NSID) String() string { return fmt.Sprintf("net:[%d]", id.Ino) }

// A Family is an address family, by Linux's number.
type Family int

// The families of the internet protocols.
const (
	IPv4 Family = 2  // AF_INET
	IPv6 Family = 10 // AF_INET6
)

// String returns "IPv4" or "IPv6".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return fmt.Sprintf("family %d", int(f))
}
