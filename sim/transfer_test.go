package sim_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// transferLabs are ways for a connection from one pod to another.
var transferLabs = map[string]func(*testing.T) (l *lab, from, to kernel.NetNS, at string){
	"bridged": func(t *testing.T) (*lab, kernel.NetNS, kernel.NetNS, string) {
		l, from, to := twoPods(t)
		return l, from, to, "10.1.0.3:80"
	},
	"routed": func(t *testing.T) (*lab, kernel.NetNS, kernel.NetNS, string) {
		l, from, to := twoBridges(t)
		l.forward()
		return l, from, to, "10.2.0.2:80"
	},
	"masqueraded": func(t *testing.T) (*lab, kernel.NetNS, kernel.NetNS, string) {
		l, from, to := twoBridges(t)
		l.forward()
		l.masquerade("10.1.0.0/16")
		return l, from, to, "10.2.0.2:80"
	},
	"by a bridge that is promiscuous": func(t *testing.T) (*lab, kernel.NetNS, kernel.NetNS, string) {
		l, from, to := twoPods(t)
		l.must(l.node.ChangeLink(l.index(l.node, "cni0"), kernel.LinkChange{Promisc: new(true)}))
		return l, from, to, "10.1.0.3:80"
	},
}

// TestTransfer: what is written is what is read, and who begins to watch in the midst of it sees whole packets with their
// checksums.
func TestTransfer(t *testing.T) {
	for name, lab := range transferLabs {
		t.Run(name, func(t *testing.T) {
			l, from, to, at := lab(t)
			var got bytes.Buffer
			listener := must(sim.Sockets{NetNS: to}.Listen("tcp", ":80"))(t)
			wait := l.world.Go(func() {
				conn := must(listener.Accept())(t)
				_ = must(io.Copy(&got, conn))(t)
				_ = conn.Close()
			})
			conn := must(sim.Sockets{NetNS: from}.Dial("tcp", at))(t)
			data := payload(5_000_000)
			_ = must(conn.Write(data[:3_000_000]))(t)
			seen := 0
			stop := l.world.Watch(func(s sim.Sight) {
				if isTCP(s.Frame) {
					seen++
					checkTCP(t, s)
				}
			})
			_ = must(conn.Write(data[3_000_000:]))(t)
			stop()
			_ = conn.Close()
			l.must(wait())
			if !bytes.Equal(got.Bytes(), data) {
				t.Errorf("%d bytes were read that are others", got.Len())
			}
			if seen == 0 {
				t.Error("nothing was seen")
			}
		})
	}
}

const etherHeader = 14

func isTCP(frame []byte) bool {
	return len(frame) > etherHeader+20 && frame[etherHeader]>>4 == 4 && frame[etherHeader+9] == 6
}

// checkTCP looks at the lengths and the checksum of a frame without options in its IPv4 header.
func checkTCP(t *testing.T, s sim.Sight) {
	t.Helper()
	ip := s.Frame[etherHeader:]
	if n := int(binary.BigEndian.Uint16(ip[2:])); n != len(ip) {
		t.Errorf("%v %s: %d bytes, of %d", s.Place, s.Event, len(ip), n)
		return
	}
	sum := uint32(6 + len(ip) - 20)
	for i, b := range ip[12:] { // the addresses and what follows the header
		sum += uint32(b) << (8 * (1 - i%2))
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Errorf("%v %s: the checksum of %d bytes is off by %#x", s.Place, s.Event, len(ip), ^uint16(sum))
	}
}
