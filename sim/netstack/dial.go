package netstack

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cnilab/cnilab/kernel"
)

// Dial is sim.Transport's.
func (t *Transport) Dial(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	dial := t.dialTCP
	if strings.HasPrefix(network, "udp") {
		dial = t.dialUDP
	}
	err := ctx.Err() // nobody is asked for anything once it has ended
	var c net.Conn
	if err == nil {
		c, err = dial(ctx, network, from, to)
	}
	if err != nil {
		return nil, opError("dial", network, nil, netAddr(network, fullAddress(to.Addr(), to.Port())), err)
	}
	return c, nil
}

// dialTCP connects. What routers report ends it, as it ends a probe.
func (t *Transport) dialTCP(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	x, errno := t.begin(header.TCPProtocolNumber, from.Addr(), to)
	if errno != 0 {
		return nil, errno
	}
	defer x.forget()
	e, err := t.newEndpoint(x.proto, networkOf(to.Addr()))
	if err != nil {
		return nil, err
	}
	t.setPathMTU(t.l3.MTU(to.Addr()))
	if err := e.connect(ctx, x, from); err != nil {
		e.Abort()
		return nil, err
	}
	return t.connected(e, network), nil
}

func (e endpoint) connect(ctx context.Context, x *exchange, from netip.AddrPort) error {
	if err := e.Bind(fullAddress(from.Addr(), from.Port())); err != nil {
		return errnoOf(err)
	}
	local, _ := e.GetLocalAddress()
	x.bound(local.Port)
	err := e.Connect(fullAddress(x.to.Addr(), x.to.Port()))
	if _, started := err.(*tcpip.ErrConnectStarted); !started {
		return asError(errnoOf(err))
	}
	defer context.AfterFunc(ctx, e.transport.poke)()
	return e.block(waiter.EventOut, x.overOrDone(ctx), e.isConnected)
}

// isConnected answers nil once the connection stands.
func (e endpoint) isConnected() tcpip.Error {
	if err := e.LastError(); err != nil {
		return err
	}
	if _, err := e.GetRemoteAddress(); err != nil {
		return errBlocked
	}
	return nil
}

// overOrDone returns what ends a dial besides its answer: its context, and what routers say.
func (x *exchange) overOrDone(ctx context.Context) func() error {
	return func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		return asError(x.errno)
	}
}

// dialUDP connects a UDP socket, which says nothing to anybody.
func (t *Transport) dialUDP(_ context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	if !to.Addr().IsValid() {
		return nil, kernel.EINVAL
	}
	if _, err := t.l3.Source(to.Addr()); err != nil {
		return nil, errnoIn(err)
	}
	e, err := t.newEndpoint(header.UDPProtocolNumber, networkOf(to.Addr()))
	if err != nil {
		return nil, err
	}
	if err := e.connectUDP(from, to); err != nil {
		e.Abort()
		return nil, errnoOf(err)
	}
	c := t.newConn(e, network)
	c.local, c.remote = e.localAddr(network), e.remoteAddr(network)
	return udpConn{c}, nil
}

func (e endpoint) connectUDP(from, to netip.AddrPort) tcpip.Error {
	if from != (netip.AddrPort{}) {
		if err := e.Bind(fullAddress(from.Addr(), from.Port())); err != nil {
			return err
		}
	}
	return e.Connect(fullAddress(to.Addr(), to.Port()))
}
