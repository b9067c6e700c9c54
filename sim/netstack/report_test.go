package netstack_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// icmpAbout is a router's error about a packet.
func icmpAbout(p sim.Packet, typ header.ICMPv4Type, code header.ICMPv4Code) *sim.Packet {
	about := header.IPv4(p.Data)
	quoted := p.Data[:min(len(p.Data), int(about.HeaderLength())+8)]
	data := make([]byte, header.IPv4MinimumSize+header.ICMPv4MinimumSize+len(quoted))
	ip := header.IPv4(data)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(data)),
		TTL:         64,
		Protocol:    uint8(header.ICMPv4ProtocolNumber),
		SrcAddr:     tcpip.AddrFrom4([4]byte{10, 0, 0, 254}),
		DstAddr:     about.SourceAddress(),
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	message := header.ICMPv4(ip.Payload())
	copy(message[header.ICMPv4MinimumSize:], quoted)
	message.SetType(typ)
	message.SetCode(code)
	message.SetChecksum(^checksum.Checksum(message, 0))
	return &sim.Packet{Data: data}
}

func TestReports(t *testing.T) {
	reports := []struct {
		typ   header.ICMPv4Type
		code  header.ICMPv4Code
		errno kernel.Errno
	}{
		{header.ICMPv4DstUnreachable, header.ICMPv4NetUnreachable, kernel.ENETUNREACH},
		{header.ICMPv4DstUnreachable, header.ICMPv4HostUnreachable, kernel.EHOSTUNREACH},
		{header.ICMPv4DstUnreachable, header.ICMPv4PortUnreachable, kernel.ECONNREFUSED},
		{header.ICMPv4DstUnreachable, header.ICMPv4AdminProhibited, kernel.EHOSTUNREACH},
		{header.ICMPv4TimeExceeded, header.ICMPv4TTLExceeded, kernel.EHOSTUNREACH},
		{header.ICMPv4SrcQuench, 0, kernel.ETIMEDOUT},
	}
	for _, r := range reports {
		w := newWire(t)
		a := w.join("10.0.0.1")
		a.report = func(p sim.Packet) *sim.Packet { return icmpAbout(p, r.typ, r.code) }
		for name, err := range probeAll(a, addr("10.0.0.2"), time.Second) {
			t.Run(fmt.Sprintf("%s type %d code %d", name, r.typ, r.code), func(t *testing.T) {
				wantErrno(t, err, r.errno)
			})
		}
	}
}

// TestReportAboutOthers: an error about somebody else's packet ends nothing.
func TestReportAboutOthers(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1")
	a.report = func(p sim.Packet) *sim.Packet {
		header.IPv4(p.Data).SetDestinationAddress(tcpip.AddrFrom4([4]byte{10, 0, 0, 3}))
		return icmpAbout(p, header.ICMPv4DstUnreachable, header.ICMPv4HostUnreachable)
	}
	for name, err := range probeAll(a, addr("10.0.0.2"), time.Second) {
		t.Run(name, func(t *testing.T) { wantErrno(t, err, kernel.ETIMEDOUT) })
	}
}

// TestMTU: a connection between ends of different MTU finds the smaller one.
func TestMTU(t *testing.T) {
	for _, mtus := range [][2]int{{1500, 1400}, {1400, 1500}, {9000, 1500}, {1500, 65535}} {
		w := newWire(t)
		a, b := w.join("10.0.0.1"), w.join("10.0.0.2")
		a.mtu, b.mtu = mtus[0], mtus[1]
		for _, e := range []*end{a, b} {
			e.report = tooBig(e)
		}
		serve(t, b, kernel.TCP, "0.0.0.0:80")
		call := kernel.Call{
			Transport: kernel.TCP, To: addrPort("10.0.0.2:80"), Payload: payload(200_000), Timeout: time.Minute,
		}
		if answer, err := a.Call(background, call); err != nil || len(answer.Payload) != 200_000 {
			t.Errorf("MTUs %v: %d bytes, %v", mtus, len(answer.Payload), err)
		}
	}
}

// tooBig reports what has DF and does not fit the end's own link.
func tooBig(e *end) func(sim.Packet) *sim.Packet {
	return func(p sim.Packet) *sim.Packet {
		if len(p.Data) <= e.mtu || header.IPv4(p.Data).Flags()&header.IPv4FlagDontFragment == 0 {
			return nil
		}
		icmp := icmpAbout(p, header.ICMPv4DstUnreachable, header.ICMPv4FragmentationNeeded)
		message := header.ICMPv4(header.IPv4(icmp.Data).Payload())
		message.SetMTU(uint16(e.mtu))
		message.SetChecksum(0)
		message.SetChecksum(^checksum.Checksum(message, 0))
		return icmp
	}
}

// TestRefused: who has no service says so, before the first connection and in both families.
func TestRefused(t *testing.T) {
	for _, to := range []string{"10.0.0.2", "fd00::2"} {
		for _, transport := range []kernel.Transport{kernel.UDP, kernel.TCP} {
			w := newWire(t)
			a := w.join("10.0.0.1", "fd00::1")
			w.join("10.0.0.2", "fd00::2")
			call := kernel.Call{Transport: transport, To: netip.AddrPortFrom(addr(to), 80), Payload: payload(100)}
			_, err := a.Call(background, call)
			wantErrno(t, err, kernel.ECONNREFUSED)
		}
	}
}
