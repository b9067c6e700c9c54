package netstack

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/cnilab/cnilab/sim"
)

// A Transport is the sockets of one namespace. No lock of its own is held while it calls the stack or the namespace.
type Transport struct {
	l3         sim.Layer3
	clock      *clock
	link       *link
	stack      *stack.Stack
	processors *processors
	row        []segment // room of Deliver's

	mu        sync.Mutex
	closed    bool
	addrs     map[netip.Addr]bool    // what the stack has
	pathMTU   int                    // what the stack takes for the MTU of every route
	sockets   uint64                 // ever opened
	woken     []*socket              // have something to do in Settle
	exchanges map[*exchange]struct{} // probes under way
	listening []*conn                // those of Listen
}

var _ sim.Transport = (*Transport)(nil)

// Every world can share gVisor's factories: they keep no state but random tables that nothing here reads.
var (
	ipv4Factory = ipv4.NewProtocolWithOptions(ipv4.Options{})
	ipv6Factory = ipv6.NewProtocolWithOptions(ipv6.Options{})
)

// New makes the sockets of the namespace behind l3.
func New(l3 sim.Layer3) (sim.Transport, error) {
	rng := &random{state: l3.Seed()}
	t := &Transport{
		l3:        l3,
		clock:     newClock(l3),
		link:      &link{l3: l3},
		addrs:     make(map[netip.Addr]bool),
		exchanges: make(map[*exchange]struct{}),
	}
	t.stack = stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			withOurSource(ipv4Factory, l3),
			withOurSource(ipv6Factory, l3),
		},
		TransportProtocols: []stack.TransportProtocolFactory{
			tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
		Clock:      t.clock,
		RandSource: rng,
		SecureRNG:  rng,
		IPTables:   &stack.IPTables{}, // netfilter is sim's; the default tables would cost kilobytes
	})
	t.processors = newProcessors(t.stack.TransportProtocolInstance(tcp.ProtocolNumber).(queueingProtocol))
	t.clock.fired = t.processors.owe
	t.setBuffers()
	if err := t.attach(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// setBuffers has the buffers of TCP grow to what Linux has in net.ipv4.tcp_rmem and tcp_wmem: 6 MB to receive into, and 4 MB
// for what is sent, of which half is data there (sk_sndbuf counts memory; net/ipv4/tcp_input.c: tcp_sndbuf_expand). Half of
// the receiver's is its window, here as there. The sender's being less, it is that which limits who sends over no distance,
// and what he writes goes in full trains; the window would cut them to the size of what was acknowledged.
func (t *Transport) setBuffers() {
	receive := tcpip.TCPReceiveBufferSizeRangeOption{
		Min: tcp.MinBufferSize, Default: tcp.DefaultReceiveBufferSize, Max: 6 << 20,
	}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: tcp.DefaultSendBufferSize, Max: 2 << 20}
	t.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &receive)
	t.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &send)
}

// attach makes the interface. It takes whatever it is given (promiscuous mode), because sim has already decided that
// it is for this namespace; sockets bind to the addresses of SetAddresses alone.
func (t *Transport) attach() error {
	if err := t.stack.CreateNIC(nicID, t.link); err != nil {
		return fmt.Errorf("netstack: making the interface: %v", err)
	}
	if err := t.stack.SetPromiscuousMode(nicID, true); err != nil {
		return fmt.Errorf("netstack: promiscuous mode: %v", err)
	}
	t.setPathMTU(ethernetMTU)
	return nil
}

// ethernetMTU is what the stack goes by before the first connection: its ICMP errors are cut by it.
const ethernetMTU = 1500

// setPathMTU tells the stack the MTU of the connection that is about to begin: from it the stack takes the MSS it
// announces. The table has to have a route at all for each family; what they lead to is sim's to say.
func (t *Transport) setPathMTU(mtu int) {
	t.mu.Lock()
	same := t.pathMTU == mtu
	t.pathMTU = mtu
	t.mu.Unlock()
	if same || mtu <= 0 {
		return
	}
	t.stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nicID, MTU: uint32(mtu)},
		{Destination: header.IPv6EmptySubnet, NIC: nicID, MTU: uint32(mtu)},
	})
}

// SetAddresses gives the stack exactly these addresses, each alone in its subnet.
func (t *Transport) SetAddresses(addrs []netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a := range t.addrs {
		if !slices.Contains(addrs, a) {
			t.stack.RemoveAddress(nicID, stackAddr(a))
			delete(t.addrs, a)
		}
	}
	for _, a := range addrs {
		if !t.addrs[a] && t.addAddress(a) {
			t.addrs[a] = true
		}
	}
}

func (t *Transport) addAddress(a netip.Addr) bool {
	err := t.stack.AddProtocolAddress(nicID, tcpip.ProtocolAddress{
		Protocol:          networkOf(a),
		AddressWithPrefix: subnetOf(a),
	}, stack.AddressProperties{})
	return err == nil
}

// subnetOf returns the address alone in its subnet, but all of 127/8 for the loopback address: gVisor then answers for
// every address of that (network/ipv4/ipv4.go, AcquireAssignedAddress).
func subnetOf(a netip.Addr) tcpip.AddressWithPrefix {
	s := stackAddr(a).WithPrefix()
	if a.Is4() && a.IsLoopback() {
		s.PrefixLen = 8
	}
	return s
}

// Deliver takes packets that are for the namespace. Those in a row of one connection are worked off at once.
func (t *Transport) Deliver(packets ...sim.Packet) {
	for len(packets) > 0 {
		ep, row := t.connectionOf(packets)
		if ep == nil {
			t.deliver(packets[0])
			packets = packets[1:]
			continue
		}
		t.processors.deliverTo(ep, row)
		packets = packets[len(row):]
		clear(row)
	}
}

func (t *Transport) deliver(p sim.Packet) {
	if p.Body != nil { // for nobody, most likely
		p = sim.Packet{Data: p.Bytes()}
	}
	t.noteError(p.Data)
	if src, ok := sourceOfSYN(p.Data); ok {
		t.setPathMTU(t.l3.MTU(src))
	}
	t.processors.deliver(func() { t.link.deliver(p) })
}

// sourceOfSYN returns where a packet comes from that may begin a connection.
func sourceOfSYN(data []byte) (src netip.Addr, ok bool) {
	var segment header.TCP
	switch header.IPVersion(data) {
	case header.IPv4Version:
		ip := header.IPv4(data)
		if ip.IsValid(len(data)) && ip.TransportProtocol() == header.TCPProtocolNumber && ip.FragmentOffset() == 0 {
			src, segment = addrOf(ip.SourceAddress()), ip.Payload()
		}
	case header.IPv6Version:
		ip := header.IPv6(data)
		if ip.IsValid(len(data)) && ip.NextHeader() == uint8(header.TCPProtocolNumber) {
			src, segment = addrOf(ip.SourceAddress()), ip.Payload()
		}
	}
	return src, len(segment) >= header.TCPMinimumSize && segment.Flags().Contains(header.TCPFlagSyn)
}

// Settle works off what the stack has received and what its sockets have to do about it.
func (t *Transport) Settle() {
	for {
		t.processors.drain()
		woken := t.takeWoken()
		if len(woken) == 0 {
			return
		}
		for _, s := range woken {
			s.react()
		}
		t.processors.owe()
	}
}

// Close ends all sockets without a word. Probes under way end with ENETDOWN.
func (t *Transport) Close() {
	t.link.closed.Store(true)
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	exchanges := t.exchanges
	t.exchanges = nil
	t.mu.Unlock()
	if closed {
		return
	}
	for x := range exchanges {
		x.fail(errDown)
	}
	t.clock.close()
	t.processors.close()
	t.stack.Destroy()
}

func (t *Transport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}
