// Package netstack gives the namespaces of package sim their sockets: gVisor's TCP, UDP, ICMP echo and reassembly
// behind sim's own links, bridges and routes.
//
// [New] makes one stack for one namespace. The stack has a single interface without link layer; whatever a socket sends
// goes to the namespace's sim.Layer3, and what sim finds to be for the namespace is handed up by Deliver. Routes,
// neighbours, forwarding and fragmentation are sim's; the stack knows the namespace's addresses and nothing else.
//
// What a socket of TCP writes is copied into its buffer, and from there to who reads it: on its way it is the Body of a
// packet (body.go), without a checksum as long as nobody looks. A segment of a connection that stands goes past the stack's
// IP (segment.go), and those that sim hands over in a row are worked off at once, and acknowledged once.
//
// # Determinism
//
// The stack's clock is the world's, its randomness comes from Layer3.Seed, and no goroutine of this package exists:
// services react to events of their endpoints, in Settle; probes wait in Layer3.Await. gVisor's TCP has goroutines of
// its own ("processors"); they run only within Deliver and Settle, see processors.go. The net.Conns and their like (block.go) wait in
// Layer3.Linger, with the goroutine of whoever calls them.
package netstack
