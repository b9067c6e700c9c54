//go:build linux

package main

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// A message is a netlink message under way: its header's length is filled in last.
type message []byte

// newMessage begins a request.
func newMessage(kind, flags uint16, body []byte) message {
	m := make(message, unix.SizeofNlMsghdr, 512)
	binary.NativeEndian.PutUint16(m[4:], kind)
	binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_REQUEST|flags)
	return append(m, body...)
}

// linkBody is struct ifinfomsg.
func linkBody(index int, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], change)
	return b
}

// attribute adds a struct nlattr and what it holds, filled up to four bytes.
func (m message) attribute(kind uint16, value []byte) message {
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofNlAttr+len(value)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, value...)
	for len(m)%4 != 0 {
		m = append(m, 0)
	}
	return m
}

// attributes returns what add adds, to be the value of another attribute.
func attributes(body []byte, add func(message) message) []byte { return add(message(body)) }

func number(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

func text(s string) []byte { return append([]byte(s), 0) }

// A socket asks one network namespace: that of the thread that opened it.
type socket struct{ fd int }

func newSocket() (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return socket{}, err
	}
	return socket{fd}, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// ask sends a message and returns the first of the answer: what was asked for, or an acknowledgement.
func (s socket) ask(m message) (body []byte, err error) {
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	if err := unix.Sendto(s.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	answer := make([]byte, 1<<14)
	n, _, err := unix.Recvfrom(s.fd, answer, 0)
	if err != nil {
		return nil, err
	}
	if n < unix.SizeofNlMsghdr+4 {
		return nil, unix.EBADMSG
	}
	body = answer[unix.SizeofNlMsghdr:n]
	if binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return body, nil
	}
	if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
		return nil, fmt.Errorf("message %d: %w", binary.NativeEndian.Uint16(m[4:]), unix.Errno(errno))
	}
	return nil, nil
}

// index asks for a link.
func (s socket) index(name string) (int, error) {
	link, err := s.link(name)
	if err != nil {
		return 0, err
	}
	return int(binary.NativeEndian.Uint32(link[4:])), nil
}

// operUp is IF_OPER_UP of include/uapi/linux/if.h.
const operUp = 6

// operState asks for a link, too.
func (s socket) operState(name string) (int, error) {
	link, err := s.link(name)
	if err != nil {
		return 0, err
	}
	for rest := link[unix.SizeofIfInfomsg:]; len(rest) >= unix.SizeofNlAttr; {
		length := int(binary.NativeEndian.Uint16(rest))
		aligned := (length + 3) &^ 3
		switch {
		case length < unix.SizeofNlAttr || aligned > len(rest):
			return 0, unix.EBADMSG
		case binary.NativeEndian.Uint16(rest[2:]) == unix.IFLA_OPERSTATE && length > unix.SizeofNlAttr:
			return int(rest[unix.SizeofNlAttr]), nil
		}
		rest = rest[aligned:]
	}
	return 0, unix.EBADMSG
}

// link asks for a link, without its counters.
func (s socket) link(name string) ([]byte, error) {
	link, err := s.ask(newMessage(unix.RTM_GETLINK, 0, linkBody(0, 0, 0)).
		attribute(unix.IFLA_EXT_MASK, number(withoutStatistics)).attribute(unix.IFLA_IFNAME, text(name)))
	if err == nil && len(link) < unix.SizeofIfInfomsg {
		err = unix.EBADMSG
	}
	return link, err
}

// withoutStatistics is RTEXT_FILTER_SKIP_STATS of include/uapi/linux/rtnetlink.h.
const withoutStatistics = 1 << 3
