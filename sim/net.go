package sim

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// Sockets are the sockets of a namespace in the words of package net: for tests that let programs talk to each other
// through a simulated network. They know the networks tcp, tcp4, tcp6, udp, udp4 and udp6, and addresses in numbers:
// nobody resolves names there.
//
// Errors are *net.OpError as package net's are, with a kernel.Errno inside: errors.Is(err, kernel.ECONNREFUSED).
//
// The world's time goes on while goroutines wait at sockets, whether they were made by World.Go or not, as those of
// net/http are not. Where a goroutine that the world does not know computes, time does not leap before the process is
// quiet (or has not been for a tenth of a second): who sleeps by time.Sleep, or waits for the operating system, is not
// waited for. What such goroutines do is outside the world's promise that the same seed gives the same bytes; Dial,
// Listen, Read and Write of goroutines made by World.Go are within it.
//
// A deadline belongs to the clock that its time was read from. What time.Now gave (it has a monotonic reading: net/http's
// deadlines, http.Client.Timeout and contexts are such) is the process's time. Any other, World.Now's above all, is the
// world's, and a Read that nobody answers ends at such a deadline at once. To connect to nobody takes no real time either.
//
// Sockets do not keep their namespace alive. When it dies, or the world is closed, they answer ENETDOWN.
type Sockets struct {
	NetNS kernel.NetNS   // whose: a namespace of a Host, or what wraps one (package intercept)
	From  netip.AddrPort // where Dial dials from; a zero address is what the routes say, a zero port any
}

// Dial connects to an address, as net.Dial.
func (s Sockets) Dial(network, address string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, address)
}

// DialContext connects to an address, as net.Dialer's. It suits http.Transport.
func (s Sockets) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	t, to, err := s.open(network, address)
	if err == nil {
		n, _ := handleOf(s.NetNS)
		err = n.ns.checkZone(to.Addr())
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return t.Dial(ctx, network, s.From, toLocal(network, to))
}

// toLocal returns where a dial goes: to an empty host, or to all addresses, is to the namespace itself.
func toLocal(network string, to netip.AddrPort) netip.AddrPort {
	switch addr := to.Addr(); {
	case addr.IsValid() && !addr.IsUnspecified():
		return to
	case strings.HasSuffix(network, "6"), addr.Is6():
		return netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
}

// Listen listens for connections, as net.Listen: with an empty host in address at all addresses, with port 0 at any.
func (s Sockets) Listen(network, address string) (net.Listener, error) {
	t, at, err := s.open(network, address)
	if err == nil && !strings.HasPrefix(network, "tcp") {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return t.Listen(network, at)
}

// ListenPacket makes a UDP socket, as net.ListenPacket.
func (s Sockets) ListenPacket(network, address string) (net.PacketConn, error) {
	t, at, err := s.open(network, address)
	if err == nil && !strings.HasPrefix(network, "udp") {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return t.ListenPacket(network, at)
}

// HTTPClient returns a client that fetches from within the namespace. Its idle connections end with the world, or by
// CloseIdleConnections.
func (s Sockets) HTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.DialContext}}
}

// open reads an address and returns the sockets it is for.
func (s Sockets) open(network, address string) (Transport, netip.AddrPort, error) {
	at, err := parseNetAddress(network, address)
	if err != nil {
		return nil, at, err
	}
	n, ok := handleOf(s.NetNS)
	if !ok {
		return nil, at, kernel.EBADF
	}
	t, err := n.openSockets()
	return t, at, err
}

// parseNetAddress reads "host:port", where host is an address or empty.
func parseNetAddress(network, address string) (netip.AddrPort, error) {
	isOf, ok := netFamilies[network]
	if !ok {
		return netip.AddrPort{}, net.UnknownNetworkError(network)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return netip.AddrPort{}, &net.AddrError{Err: "no port number", Addr: address}
	}
	if host == "" {
		return netip.AddrPortFrom(netip.Addr{}, uint16(port)), nil
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return netip.AddrPort{}, &net.DNSError{Err: "nobody resolves names here: write an address", Name: host, IsNotFound: true}
	case !isOf(addr):
		return netip.AddrPort{}, &net.AddrError{Err: "no address of " + network, Addr: host}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// netFamilies tells of each network which addresses it has.
var netFamilies = map[string]func(netip.Addr) bool{
	"tcp": netip.Addr.IsValid, "tcp4": isIPv4, "tcp6": isIPv6,
	"udp": netip.Addr.IsValid, "udp4": isIPv4, "udp6": isIPv6,
}

func isIPv4(a netip.Addr) bool { return a.Unmap().Is4() }
func isIPv6(a netip.Addr) bool { return !isIPv4(a) }
