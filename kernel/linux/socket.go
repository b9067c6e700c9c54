//go:build linux

package linux

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A socket was opened inside a namespace, to which it belongs for good; it can be used from any thread. (Package net
// opens sockets in whatever namespace its thread happens to be in, and would bring a resolver along.)
type socket struct {
	*os.File
	raw syscall.RawConn
}

// socket opens a socket in the namespace.
func (ns *NetNS) socket(family uint8, kind, protocol int) (s *socket, err error) {
	err = ns.inside(func() error {
		fd, err := unix.Socket(int(family), kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			s, err = newSocket(fd)
		}
		return err
	})
	return s, err
}

// newSocket takes over a descriptor.
func newSocket(fd int) (*socket, error) {
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &socket{file, raw}, nil
}

// do runs a system call on the descriptor while it is open.
func (s *socket) do(call func(fd int) error) error {
	var err error
	if closed := s.raw.Control(func(fd uintptr) { err = call(int(fd)) }); closed != nil {
		return closed
	}
	return err
}

// set sets a socket option.
func (s *socket) set(level, option, value int) error {
	return s.do(func(fd int) error { return unix.SetsockoptInt(fd, level, option, value) })
}

// bind gives the socket its own address.
func (s *socket) bind(to unix.Sockaddr) error {
	return s.do(func(fd int) error { return unix.Bind(fd, to) })
}

// connect waits until the connection stands or has failed.
func (s *socket) connect(to unix.Sockaddr) error {
	err := s.do(func(fd int) error { return unix.Connect(fd, to) })
	if err != unix.EINPROGRESS {
		return err
	}
	return s.whenWritable(connected)
}

// connected is EAGAIN until the connection stands (nil) or has failed.
func connected(fd int) error {
	failure, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if failure != 0 {
		return unix.Errno(failure)
	}
	if _, err := unix.Getpeername(fd); err != unix.ENOTCONN {
		return err
	}
	return unix.EAGAIN
}

// whenReadable repeats the call until it is not EAGAIN, up to the deadline.
func (s *socket) whenReadable(call func(fd int) error) error { return repeat(s.raw.Read, call) }

// whenWritable repeats the call until it is not EAGAIN, up to the deadline.
func (s *socket) whenWritable(call func(fd int) error) error { return repeat(s.raw.Write, call) }

func repeat(wait func(func(fd uintptr) bool) error, call func(fd int) error) error {
	var err error
	if late := wait(func(fd uintptr) bool {
		err = call(int(fd))
		return err != unix.EAGAIN && err != unix.EINTR
	}); late != nil {
		return late
	}
	return err
}

// limit bounds all that the socket waits for: by timeout (0: DefaultProbeTimeout), and by ctx until stop is called.
func (s *socket) limit(ctx context.Context, timeout time.Duration) (stop func() bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if timeout == 0 {
		timeout = kernel.DefaultProbeTimeout
	}
	if err := s.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	return context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) }), nil
}

// whoEnded says whether it was ctx, not the time, that a socket's deadline stood for.
func whoEnded(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// sockaddr is a's form for system calls in the namespace, which knows the links that a zone can name.
func (ns *NetNS) sockaddr(a netip.AddrPort) (unix.Sockaddr, error) {
	ip := a.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	}
	if !ip.IsValid() {
		return nil, because(unix.EINVAL, "no address given")
	}
	zone, err := ns.zone(ip.Zone())
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone}, err
}

// zone is the index of the link that the zone of an IPv6 address names or numbers.
func (ns *NetNS) zone(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if index, err := strconv.ParseUint(zone, 10, 31); err == nil {
		return uint32(index), nil
	}
	link, err := ns.linkByName(zone)
	return uint32(link.Index), err
}

// addrPort reads what the kernel says of an address. IPv4 on an IPv6 socket is IPv4.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			ip = ip.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
