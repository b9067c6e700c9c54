package sim_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

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
	"by IPv6": func(t *testing.T) (*lab, kernel.NetNS, kernel.NetNS, string) {
		l, from, to := twoPods(t)
		l.address(from, "eth0", "fd00:1::2/64")
		l.address(to, "eth0", "fd00:1::3/64")
		l.must(l.host.Sleep(background, 3*time.Second)) // DAD
		return l, from, to, "[fd00:1::3]:80"
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
				if checkTCP(t, s) {
					seen++
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

// TestTransfersAreAcknowledgedInRows: who gets many trains at one instant acknowledges them once.
func TestTransfersAreAcknowledgedInRows(t *testing.T) {
	l, from, to := twoPods(t)
	sent := map[string]int{}
	defer l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Sent && s.Place.Link == "eth0" && checkTCP(t, s) {
			sent[s.Place.NetNS]++
		}
	})()
	l.serve(to, kernel.TCP, "0.0.0.0:80")
	conn := must(sim.Sockets{NetNS: from}.Dial("tcp", "10.1.0.3:80"))(t)
	_ = must(conn.Write(payload(10_000_000)))(t)
	_ = conn.Close()
	l.must(l.host.Sleep(background, time.Second))
	if trains, acks := sent["a"], sent["b"]; trains < 100 || acks > trains/3 {
		t.Errorf("%d trains, and %d acknowledgements", trains, acks)
	}
}

// tcpIn returns the addresses of a packet without options or extension headers, and the TCP segment in it, whose length the
// packet says; nil where it has none.
func tcpIn(frame []byte) (addrs, segment []byte, length int) {
	const etherHeader = 14
	const ip4, ip6, tcp = 20, 40, 6
	switch ip := frame[min(etherHeader, len(frame)):]; {
	case len(ip) > ip4 && ip[0] == 4<<4|ip4/4 && ip[9] == tcp:
		return ip[12:ip4], ip[ip4:], int(binary.BigEndian.Uint16(ip[2:])) - ip4
	case len(ip) > ip6 && ip[0]>>4 == 6 && ip[6] == tcp:
		return ip[8:ip6], ip[ip6:], int(binary.BigEndian.Uint16(ip[4:]))
	}
	return nil, nil, 0
}

// checkTCP looks at the length and the checksum of a segment, if there is one, and reports whether there is.
func checkTCP(t *testing.T, s sim.Sight) (is bool) {
	t.Helper()
	addrs, segment, length := tcpIn(s.Frame)
	if segment == nil {
		return false
	}
	if length != len(segment) {
		t.Errorf("%v %s: %d bytes, of %d", s.Place, s.Event, len(segment), length)
	}
	sum := uint32(6 + len(segment)) // the protocol's number
	for i, b := range slices.Concat(addrs, segment) {
		sum += uint32(b) << (8 * (1 - i%2))
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Errorf("%v %s: the checksum of %d bytes is off by %#x", s.Place, s.Event, len(segment), ^uint16(sum))
	}
	return true
}
