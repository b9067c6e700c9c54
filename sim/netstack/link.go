package netstack

import (
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/cnilab/cnilab/sim"
)

// nicID is the only interface's.
const nicID tcpip.NICID = 1

// A link is the stack's only interface: a pipe of IP packets to and from the namespace.
//
// It says that it is a loopback device, because then gVisor leaves to us what is sim's: loopback addresses from
// outside, multicast groups, neighbour discovery, link-local addresses (stack/registration.go, CapabilityLoopback). A
// loopback device also makes no checksums (Route.RequiresTXTransportChecksum); seal does.
type link struct {
	l3         sim.Layer3
	closed     atomic.Bool
	lastID     atomic.Uint32 // see identify
	dispatcher atomic.Pointer[stack.NetworkDispatcher]
}

var (
	_ stack.LinkEndpoint = (*link)(nil)
	_ stack.GSOEndpoint  = (*link)(nil)
)

// GSOMaxSize is how much TCP may hand over as one train of segments: as long as IP packets can be.
func (*link) GSOMaxSize() uint32 {
	return header.IPv4MaximumPayloadSize - header.IPv6MinimumSize - header.TCPHeaderMaximumSize
}

// SupportedGSO says that sim takes such trains.
func (*link) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }

// MTU is the greatest an IP packet can be: sim fragments.
func (*link) MTU() uint32                                  { return header.IPv4MaximumPayloadSize }
func (*link) SetMTU(uint32)                                {}
func (*link) MaxHeaderLength() uint16                      { return 0 }
func (*link) LinkAddress() tcpip.LinkAddress               { return "" }
func (*link) SetLinkAddress(tcpip.LinkAddress)             {}
func (*link) Capabilities() stack.LinkEndpointCapabilities { return stack.CapabilityLoopback }
func (*link) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareNone }
func (*link) AddHeader(*stack.PacketBuffer)                {}
func (*link) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (*link) SetOnCloseAction(func())                      {}
func (*link) Wait()                                        {}
func (*link) Close()                                       {}

// Attach comes with nil, from another goroutine, when the stack is destroyed.
func (l *link) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		l.dispatcher.Store(nil)
		return
	}
	l.dispatcher.Store(&d)
}

func (l *link) IsAttached() bool { return l.dispatcher.Load() != nil }

// WritePackets sends packets of the stack. Once the link is closed they vanish: a dying namespace says nothing.
func (l *link) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	sent := 0
	for _, pkt := range list.AsSlice() {
		if !l.closed.Load() {
			if err := l.send(pkt); err != nil {
				return sent, stackError(err)
			}
		}
		sent++
	}
	return sent, nil
}

func (l *link) send(pkt *stack.PacketBuffer) error {
	if segment := segmentOf(pkt); segment != 0 {
		return l.sendTrain(pkt, segment)
	}
	data := make([]byte, 0, pkt.Size())
	views, skip := pkt.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		part := v.AsSlice()
		front := min(skip, len(part))
		data, skip = append(data, part[front:]...), skip-front
	}
	l.seal(data)
	return l.l3.Send(sim.Packet{Data: data})
}

// sendTrain sends a packet that stands for several as its headers, with the payload apart.
func (l *link) sendTrain(pkt *stack.PacketBuffer, segment int) error {
	payload := pkt.ToBuffer()
	headers := make([]byte, pkt.HeaderSize())
	_, _ = payload.ReadAt(headers, 0)
	payload.TrimFront(int64(len(headers)))
	l.sealHeader(headers)
	return l.l3.Send(sim.Packet{Data: headers, Body: &body{payload}, Segment: segment})
}

// segmentOf is how long the packets of a train are, 0 where the packet is none.
func segmentOf(pkt *stack.PacketBuffer) int {
	mss := int(pkt.GSOOptions.MSS)
	if pkt.GSOOptions.Type == stack.GSONone || mss == 0 || pkt.Data().Size() <= mss {
		return 0
	}
	return pkt.HeaderSize() + mss
}

// deliver hands a packet up.
func (l *link) deliver(p sim.Packet) {
	d := l.dispatcher.Load()
	if d == nil || len(p.Data) == 0 {
		return
	}
	pkt := packetBuffer(p)
	defer pkt.DecRef()
	switch header.IPVersion(p.Data) {
	case header.IPv4Version:
		(*d).DeliverNetworkPacket(header.IPv4ProtocolNumber, pkt)
	case header.IPv6Version:
		(*d).DeliverNetworkPacket(header.IPv6ProtocolNumber, pkt)
	}
}

// packetBuffer is a packet as gVisor has it.
func packetBuffer(p sim.Packet) *stack.PacketBuffer {
	all := buffer.MakeWithData(p.Data)
	if p.Body != nil {
		rest := restOf(p)
		all.Merge(&rest)
	}
	return stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: all})
}
