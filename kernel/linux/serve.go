//go:build linux

package linux

import (
	"context"
	"io"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A server answers at one socket until its context ends. Its socket keeps the namespace alive.
type server struct {
	*socket
	ctx     context.Context
	running sync.WaitGroup
}

// Serve implements kernel.Probes. At the unspecified IPv6 address it answers IPv4 calls, too.
func (ns *NetNS) Serve(s kernel.Service) (stop func(), err error) {
	stop, err = ns.serve(s)
	return stop, ns.fail("serve", string(s.Transport)+" "+s.At.String(), err)
}

func (ns *NetNS) serve(s kernel.Service) (stop func(), err error) {
	at := s.At
	if !at.Addr().IsValid() {
		at = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
	}
	socket, err := ns.transportSocket(s.Transport, at.Addr())
	if err != nil {
		return nil, err
	}
	if err := ns.listen(socket, s.Transport, at); err != nil {
		socket.Close()
		return nil, err
	}
	return start(socket, s.Transport), nil
}

// listen makes the socket ready for calls.
func (ns *NetNS) listen(s *socket, t kernel.Transport, at netip.AddrPort) error {
	own, err := ns.sockaddr(at)
	if err != nil {
		return err
	}
	if t == kernel.UDP {
		if err := s.tellDestinations(at.Addr()); err != nil {
			return err
		}
		return s.bind(own)
	}
	// Else the port of a service that was stopped stays taken while one of its connections lingers.
	if err := s.set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := s.bind(own); err != nil {
		return err
	}
	return s.do(func(fd int) error { return unix.Listen(fd, unix.SOMAXCONN) })
}

// start serves until stop is called, which returns when nothing of the service is left.
func start(s *socket, t kernel.Transport) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	srv := &server{socket: s, ctx: ctx}
	if t == kernel.TCP {
		srv.running.Go(srv.accept)
	} else {
		srv.running.Go(srv.datagrams)
	}
	return func() {
		cancel()
		s.Close() // wakes who waits for it, and returns when the port is free
		srv.running.Wait()
	}
}

// closeAtEnd closes the socket when ctx ends, which wakes who waits for it.
func closeAtEnd(ctx context.Context, s *socket) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.Close() })
}

// accept serves every connection on its own.
func (srv *server) accept() {
	for srv.ctx.Err() == nil {
		conn, from, err := srv.next()
		if err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return
		}
		srv.running.Go(func() { srv.connection(conn, from) })
	}
}

// next waits for a connection.
func (srv *server) next() (conn *socket, from netip.AddrPort, err error) {
	err = srv.whenReadable(func(fd int) error {
		accepted, peer, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return err
		}
		from = addrPort(peer)
		conn, err = newSocket(accepted)
		return err
	})
	return conn, from, err
}

// connection answers one call.
func (srv *server) connection(conn *socket, from netip.AddrPort) {
	defer conn.Close()
	defer closeAtEnd(srv.ctx, conn)()
	payload, err := io.ReadAll(conn)
	if err != nil {
		return // the caller has gone, or the service stops
	}
	_, _ = conn.Write(reply(from, payload))
}

// reply is what a service answers to a call from there.
func reply(from netip.AddrPort, payload []byte) []byte {
	return append([]byte(from.String()+"\n"), payload...)
}

// datagrams answers one call after the other. An error that an earlier answer brought back is nobody's.
func (srv *server) datagrams() {
	buffer := make([]byte, longestDatagram)
	for srv.ctx.Err() == nil {
		_ = srv.whenReadable(func(fd int) error { return answerDatagram(fd, buffer) })
	}
}

// answerDatagram answers from the very address that was called: the caller listens to no other.
func answerDatagram(fd int, buffer []byte) error {
	var control [128]byte
	n, nc, _, from, err := unix.Recvmsg(fd, buffer, control[:], 0)
	if err != nil {
		return err
	}
	return unix.Sendmsg(fd, reply(addrPort(from), buffer[:n]), sourceOf(control[:nc]), from, 0)
}

// tellDestinations asks for the address at which each datagram arrives.
func (s *socket) tellDestinations(at netip.Addr) error {
	if at.Is4() {
		return s.set(unix.SOL_IP, unix.IP_PKTINFO, 1)
	}
	return s.set(unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// sourceOf makes a control message that sends from the address at which a datagram arrived, by any link unless the
// address needs one.
func sourceOf(control []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return nil
	}
	data := messages[0].Data
	if messages[0].Header.Level == unix.SOL_IP {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: [4]byte(data[4:8])}) // struct in_pktinfo
	}
	info := unix.Inet6Pktinfo{Addr: [16]byte(data[:16])} // struct in6_pktinfo
	if netip.AddrFrom16(info.Addr).IsLinkLocalUnicast() {
		info.Ifindex = uint32Of(data[16:])
	}
	return unix.PktInfo6(&info)
}
