package netstack

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cnilab/cnilab/kernel"
)

// somaxconn is the number of connections that may wait for Accept: Linux's net.core.somaxconn, which package net asks
// for.
const somaxconn = 4096

// A listener is a net.Listener.
type listener struct{ *conn }

var _ net.Listener = listener{}

// Listen is sim.Transport's.
func (t *Transport) Listen(network string, at netip.AddrPort) (net.Listener, error) {
	c, err := t.bindConn(header.TCPProtocolNumber, network, at)
	if err == nil {
		if err = t.startListening(c); err == nil {
			return listener{c}, nil
		}
		c.Abort()
	}
	return nil, opError("listen", network, nil, net.TCPAddrFromAddrPort(at), err)
}

// startListening listens, unless another does so where they would meet: the stack has no objection where only one of them
// is at all addresses. (net/ipv4/inet_connection_sock.c: inet_bind_conflict.)
func (t *Transport) startListening(c *conn) error {
	if !t.book(c) {
		return kernel.EADDRINUSE
	}
	if err := c.Listen(somaxconn); err != nil {
		t.strike(c)
		return errnoOf(err)
	}
	c.listens = true
	return nil
}

// book enters who is to listen, if nobody is in the way.
func (t *Transport) book(c *conn) (ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.ContainsFunc(t.listening, c.meets) {
		return false
	}
	t.listening = append(t.listening, c)
	return true
}

func (t *Transport) strike(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listening = slices.DeleteFunc(t.listening, func(other *conn) bool { return other == c })
}

// meets reports whether a connection could be for either of two who listen.
func (c *conn) meets(other *conn) bool {
	a, b := c.local.(*net.TCPAddr).AddrPort(), other.local.(*net.TCPAddr).AddrPort()
	if a.Port() != b.Port() || !a.Addr().IsUnspecified() && !b.Addr().IsUnspecified() && a != b {
		return false
	}
	four, six := c.families()
	otherFour, otherSix := other.families()
	return four && otherFour || six && otherSix
}

// families tells whether connections of IPv4 and of IPv6 are for one who listens.
func (c *conn) families() (four, six bool) {
	at := c.local.(*net.TCPAddr).AddrPort().Addr()
	if at.IsUnspecified() {
		return c.network != "tcp6", c.network != "tcp4"
	}
	return at.Unmap().Is4(), !at.Unmap().Is4()
}

// Close is net.Listener's.
func (l listener) Close() error {
	l.transport.strike(l.conn)
	return l.conn.Close()
}

// ListenPacket is sim.Transport's.
func (t *Transport) ListenPacket(network string, at netip.AddrPort) (net.PacketConn, error) {
	c, err := t.bindConn(header.UDPProtocolNumber, network, at)
	if err != nil {
		return nil, opError("listen", network, nil, net.UDPAddrFromAddrPort(at), err)
	}
	return udpConn{c}, nil
}

// bindConn makes a conn that has an address of its own.
func (t *Transport) bindConn(proto tcpip.TransportProtocolNumber, network string, at netip.AddrPort) (*conn, error) {
	e, err := t.newEndpoint(proto, networkAt(network, at.Addr()))
	if err != nil {
		return nil, err
	}
	options := e.SocketOptions()
	options.SetV6Only(network == "tcp6" || network == "udp6")
	options.SetReuseAddress(proto == header.TCPProtocolNumber) // as package net does: TIME-WAIT is in nobody's way
	if err := e.Bind(fullAddress(at.Addr(), at.Port())); err != nil {
		e.Abort()
		return nil, errnoOf(err)
	}
	c := t.newConn(e, network)
	c.local = e.localAddr(network)
	return c, nil
}

// networkAt returns the family to listen with: for all addresses both, which is IPv6's.
func networkAt(network string, at netip.Addr) tcpip.NetworkProtocolNumber {
	switch {
	case network == "tcp4", network == "udp4", at.Is4() && !at.IsUnspecified():
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}

// Accept is net.Listener's. It ends at the deadline that SetDeadline gave, as *net.TCPListener's does.
func (l listener) Accept() (net.Conn, error) {
	var next endpoint
	err := l.block(waiter.EventIn, l.overBy(&l.read), func() (err tcpip.Error) {
		next.Endpoint, next.queue, err = l.Endpoint.Accept(nil)
		return err
	})
	if err != nil {
		return nil, l.fail("accept", err)
	}
	next.transport = l.transport
	return l.transport.connected(next, l.network), nil
}

// Addr is net.Listener's.
func (l listener) Addr() net.Addr { return l.local }

// connected makes a net.Conn of a connection that stands.
func (t *Transport) connected(e endpoint, network string) net.Conn {
	c := t.newConn(e, network)
	c.local, c.remote = e.localAddr(network), e.remoteAddr(network)
	return tcpConn{c}
}

func (e endpoint) localAddr(network string) net.Addr {
	addr, _ := e.GetLocalAddress()
	return netAddr(network, addr)
}

func (e endpoint) remoteAddr(network string) net.Addr {
	addr, _ := e.GetRemoteAddress()
	return netAddr(network, addr)
}

// netAddr returns an address of the stack as package net has it. For "any" the stack knows no family.
func netAddr(network string, full tcpip.FullAddress) net.Addr {
	at := addrPortOf(full)
	switch {
	case at.Addr().IsValid():
	case strings.HasSuffix(network, "4"):
		at = netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())
	default:
		at = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
	}
	if strings.HasPrefix(network, "tcp") {
		return net.TCPAddrFromAddrPort(at)
	}
	return net.UDPAddrFromAddrPort(at)
}
