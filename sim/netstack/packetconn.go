package netstack

import (
	"bytes"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cnilab/cnilab/kernel"
)

// A udpConn is a UDP socket: a net.PacketConn, and a net.Conn where it was dialled.
type udpConn struct{ *conn }

var (
	_ net.Conn       = udpConn{}
	_ net.PacketConn = udpConn{}
)

// Read is net.Conn's.
func (c udpConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, c.fail("read", c.overClosed())
	}
	n, _, err := c.ReadFrom(b)
	return n, err
}

// ReadFrom is net.PacketConn's. A dialled socket hears of port unreachable: ECONNREFUSED.
func (c udpConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	if len(b) == 0 { // for which the stack has no datagram, and package net has
		_, from, err = c.ReadFrom(make([]byte, 1))
		return 0, from, err
	}
	err = c.block(waiter.EventIn, c.overBy(&c.read), func() tcpip.Error {
		to := tcpip.SliceWriter(b)
		result, err := c.Endpoint.Read(&to, tcpip.ReadOptions{NeedRemoteAddr: true})
		if err == nil {
			n, from = result.Count, net.UDPAddrFromAddrPort(addrPortOf(result.RemoteAddr))
		}
		return err
	})
	return n, from, c.fail("read", err)
}

// Write is net.Conn's.
func (c udpConn) Write(b []byte) (int, error) {
	if c.remote == nil {
		return 0, c.fail("write", kernel.EDESTADDRREQ)
	}
	n, err := c.send(b, tcpip.WriteOptions{})
	return n, c.fail("write", err)
}

// WriteTo is net.PacketConn's.
func (c udpConn) WriteTo(b []byte, to net.Addr) (n int, err error) {
	dst, err := parseTarget(to)
	switch {
	case c.remote != nil:
		err = net.ErrWriteToConnected
	case err == nil:
		_, err = c.transport.l3.Source(dst.Addr())
	}
	if err == nil {
		full := fullAddress(dst.Addr(), dst.Port())
		n, err = c.send(b, tcpip.WriteOptions{To: &full})
	}
	return n, opError("write", c.network, c.local, to, err)
}

// parseTarget reads where a datagram goes: to an address that says so in its text, whatever its type.
func parseTarget(to net.Addr) (netip.AddrPort, error) {
	if to == nil {
		return netip.AddrPort{}, &net.AddrError{Err: "missing address"}
	}
	at, err := netip.ParseAddrPort(to.String())
	if err != nil {
		err = &net.AddrError{Err: "no address and port", Addr: to.String()}
	}
	return at, err
}

// send returns the plain error.
func (c udpConn) send(b []byte, options tcpip.WriteOptions) (n int, err error) {
	err = c.block(waiter.EventOut, c.overBy(&c.write), func() tcpip.Error {
		written, err := c.Endpoint.Write(bytes.NewReader(b), options)
		n = int(written)
		return err
	})
	return n, err
}
