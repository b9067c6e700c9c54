//go:build linux

package linux

import (
	"sync"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A netlinkSocket belongs for good to the namespace in which it was opened; it can be used from any thread.
//
// It blocks: the kernel has answered when sendto(2) returns. The library's is watched by the runtime's poller, asks for its
// own number with each request, and clears 64 KB on the stack for each answer, for which a goroutine's has to grow six times.
type netlinkSocket struct {
	fd  int
	mu  sync.Mutex // held from a request until it is answered
	seq uint32     // of the last request
}

// openNetlink opens a socket in the namespace of the thread. The kernel gives it its number with the first request.
func openNetlink(protocol int) (*netlinkSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, err
	}
	s := &netlinkSocket{fd: fd}
	if err := s.set(unix.NETLINK_EXT_ACK, 1); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *netlinkSocket) close() { unix.Close(s.fd) }

// set sets an option of netlink's.
func (s *netlinkSocket) set(option, value int) error {
	return unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, option, value)
}

// ask sends one request and returns what the messages of the answer have behind their heads. EINTR where what was dumped
// changed meanwhile.
func (s *netlinkSocket) ask(kind, flags int, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	if err := s.send(netlinkMessage(kind, flags, s.seq, parts...)); err != nil {
		return nil, err
	}
	var a answer
	for !a.whole {
		messages, err := s.receive()
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			if m.Header.Seq == s.seq && !a.whole {
				a.take(m)
			}
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.parts, nil
}

// An answer is what came of one request so far.
type answer struct {
	parts   [][]byte
	changed bool // it is a dump of what changed meanwhile
	whole   bool
	err     error
}

func (a *answer) take(m syscall.NetlinkMessage) {
	a.changed = a.changed || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
	switch m.Header.Type {
	case unix.NLMSG_ERROR, unix.NLMSG_DONE:
		a.whole, a.err = true, acknowledgement(m)
	default:
		a.parts = append(a.parts, m.Data)
		a.whole = m.Header.Flags&unix.NLM_F_MULTI == 0
	}
	if a.whole && a.changed && a.err == nil {
		a.err = because(unix.EINTR, tooFast)
	}
}

// netlinkMessage is a request in the kernel's form.
func netlinkMessage(kind, flags int, seq uint32, parts ...nl.NetlinkRequestData) []byte {
	request := nl.NewNetlinkRequest(kind, flags)
	request.Seq, request.Data = seq, parts
	return request.Serialize()
}

// send sends messages to the kernel.
func (s *netlinkSocket) send(messages []byte) error {
	return unix.Sendto(s.fd, messages, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// longestAnswer is more than the kernel ever sends at once: 32 KiB of a dump (netlink_recvmsg), or a description of one
// link, which is longer than that where it has more than a hundred virtual functions.
const longestAnswer = 1 << 16

// received are buffers for what comes; of a new one only the pages that are written are ever touched.
var received = sync.Pool{New: func() any { return new([longestAnswer]byte) }}

// receive waits for the next messages of the kernel's; what another process sends is refused.
func (s *netlinkSocket) receive() ([]syscall.NetlinkMessage, error) {
	buffer := received.Get().(*[longestAnswer]byte)
	defer received.Put(buffer)
	var from unix.Sockaddr
	n, err := retry(func() (n int, err error) {
		n, from, err = unix.Recvfrom(s.fd, buffer[:], unix.MSG_TRUNC)
		return n, err
	})
	if err != nil {
		return nil, err
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return nil, because(unix.EPROTO, "somebody else than the kernel answered")
	}
	if n > len(buffer) {
		return nil, because(unix.EMSGSIZE, "the kernel's answer is too long")
	}
	return syscall.ParseNetlinkMessage(append([]byte(nil), buffer[:n]...))
}

// acknowledgement reads a message that ends an answer, with the kernel's words where it has some; nil is success. Behind
// the errno comes, but at the end of a dump, the request, or its head alone (netlink_ack).
func acknowledgement(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return nil
	}
	errno := unix.Errno(-intOf(m.Data))
	if errno == 0 {
		return nil
	}
	rest := m.Data[4:]
	if m.Header.Type == unix.NLMSG_ERROR {
		echoed := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 {
			echoed = int(uint32Of(rest)+3) &^ 3
		}
		rest = rest[min(echoed, len(rest)):]
	}
	message := ""
	if m.Header.Flags&unix.NLM_F_ACK_TLVS != 0 {
		attributes(rest, func(kind uint16, value []byte) {
			if kind == unix.NLMSGERR_ATTR_MSG {
				message = stringOf(value)
			}
		})
	}
	if message == "" {
		return errno
	}
	return because(errno, message)
}
