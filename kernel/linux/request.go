//go:build linux

package linux

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Flags of requests that change something, beside NLM_F_REQUEST, which nl sets.
const (
	create = unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_ACK
	change = unix.NLM_F_ACK
)

// change sends one request that changes something and waits for its acknowledgement.
func (ns *NetNS) change(kind, flags int, parts ...nl.NetlinkRequestData) error {
	_, err := ns.exchange(kind, flags, parts...)
	return err
}

// dump calls each with every message of the answer to one request for all there is.
func (ns *NetNS) dump(kind int, each func(message []byte), parts ...nl.NetlinkRequestData) error {
	messages, err := ns.exchange(kind, unix.NLM_F_DUMP, parts...)
	if err != nil {
		return err
	}
	for _, m := range messages {
		each(m)
	}
	return nil
}

// exchange sends one request over the namespace's socket and returns what comes back. It starts over when it is
// interrupted, also by a change to what is being dumped.
func (ns *NetNS) exchange(kind, flags int, parts ...nl.NetlinkRequestData) (messages [][]byte, err error) {
	err = ns.lease.use(func() error {
		messages, err = retry(func() ([][]byte, error) { return ns.route.ask(kind, flags, parts...) })
		return err
	})
	return messages, err
}

// The attributes of a message, by type. What makes the most common ones, and reads those of rules, stays out of its callers:
// in them it would be 20 KB of the plugin's binary.

//go:noinline
func attrUint32(kind int, v uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(v)) }

//go:noinline
func attrString(kind int, s string) *nl.RtAttr { return nl.NewRtAttr(kind, nl.ZeroTerminated(s)) }

func attrAddr(kind int, a netip.Addr) *nl.RtAttr { return nl.NewRtAttr(kind, a.AsSlice()) }

// attrFlags are the bits of an attribute's type that are not its number.
const attrFlags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER

// attributes calls each with the attributes of a message behind its fixed part; a nested one is read the same way.
// What does not fit ends it: the kernel does not send such.
//
//go:noinline // see attrUint32
func attributes(b []byte, each func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&^attrFlags, b[unix.SizeofRtAttr:size])
		b = b[min(len(b), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
}

func uint32Of(value []byte) uint32 {
	if len(value) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(value)
}

func uint16Of(value []byte) uint16 {
	if len(value) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(value)
}

func intOf(value []byte) int { return int(int32(uint32Of(value))) }

func stringOf(value []byte) string { return unix.ByteSliceToString(value) }

func addrOf(value []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(value)
	return a
}

// family is the address family of an address, by Linux's number.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// dev names a link by what is known of it: its index.
func dev(index int) string { return "dev #" + strconv.Itoa(index) }

// The library finds the byte order out when it is asked first, and is not prepared for two who ask at once.
var _ = nl.NativeEndian()
