package sim

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An arp is a message of the address resolution protocol for IPv4 over Ethernet: RFC 826.
type arp struct {
	op                   uint16
	senderMAC, targetMAC mac
	senderIP, targetIP   netip.Addr
}

const (
	arpRequest = 1
	arpReply   = 2
	arpLen     = 28
)

// arpStart is what every message begins with: hardware and protocol types, and the lengths of their addresses.
var arpStart = [6]byte{0, 1, 8, 0, 6, 4}

func parseARP(data []byte) (m arp, ok bool) {
	if len(data) < arpLen || [6]byte(data[:6]) != arpStart {
		return arp{}, false
	}
	return arp{
		op:        binary.BigEndian.Uint16(data[6:]),
		senderMAC: mac(data[8:14]),
		senderIP:  netip.AddrFrom4([4]byte(data[14:18])),
		targetMAC: mac(data[18:24]),
		targetIP:  netip.AddrFrom4([4]byte(data[24:28])),
	}, true
}

func (m arp) bytes() []byte {
	b := append([]byte(nil), arpStart[:]...)
	b = binary.BigEndian.AppendUint16(b, m.op)
	sender, target := m.senderIP.As4(), m.targetIP.As4()
	b = append(append(b, m.senderMAC[:]...), sender[:]...)
	return append(append(b, m.targetMAC[:]...), target[:]...)
}

// gratuitous reports whether the sender speaks of itself. (net/ipv4/arp.c: arp_is_garp.)
func (m arp) gratuitous() bool {
	return m.senderIP == m.targetIP && (m.op == arpRequest || m.targetMAC == mac{} || m.targetMAC == m.senderMAC)
}

// sendARP sends a message from the link. (net/ipv4/arp.c: arp_send_dst.)
func (l *link) sendARP(to mac, m arp) {
	m.senderMAC = l.mac
	l.transmit(frame{dst: to, src: l.mac, kind: typeARP, payload: m.bytes()})
}

// inputARP answers requests and learns. (net/ipv4/arp.c:
// arp_process.)
func (l *link) inputARP(f frame) {
	m, ok := parseARP(f.payload)
	if !ok || l.loopback() || m.targetIP.IsLoopback() || m.targetIP.IsMulticast() ||
		m.op != arpRequest && m.op != arpReply {
		return
	}
	// Of the 10,000 who hear a question nearly all have nothing to do with it: they are to find out soon.
	answers, proxies := false, false
	if m.op == arpRequest {
		answers = l.answersFor(m)
		proxies = !answers && l.proxies(m)
	}
	switch {
	case !answers && !proxies, l.ns.hasLocal4(m.senderIP):
		l.overhear(m, f.dst == l.mac)
	case answers, f.dst == l.mac:
		l.answerARP(m)
	default:
		l.answerLater(m)
	}
}

// proxies reports whether the link answers for somebody else: a router does, where proxy_arp is set, for whom it would
// forward to by another link. (net/ipv4/arp.c: arp_fwd_proxy.)
func (l *link) proxies(m arp) bool {
	if l.conf4.at(forwarding4) == 0 || l.either4("proxy_arp") == 0 {
		return false
	}
	to, errno := l.ns.route(flow{src: m.senderIP, dst: m.targetIP, in: l})
	return errno == 0 && to.kind == kernel.Unicast && to.link != l
}

// proxyDelay bounds the random time after which a broadcast question about somebody else is answered, so that he can do
// so first. (net/ipv4/arp.c: arp_tbl, proxy_delay.)
const proxyDelay = 800 * time.Millisecond

// answerLater is net/core/neighbour.c: pneigh_enqueue, neigh_proxy_process.
func (l *link) answerLater(m arp) {
	delay := time.Duration(l.world().rand.Int64N(int64(proxyDelay)))
	l.world().after(delay, func() {
		if !l.gone && l.up && l.proxies(m) {
			l.answerARP(m)
		}
	})
}

// answersFor reports whether the link answers a request: for every address of the namespace, or what arp_ignore leaves
// of them. (net/ipv4/arp.c: arp_ignore.)
func (l *link) answersFor(m arp) bool {
	if !l.ns.hasLocal4(m.targetIP) {
		return false
	}
	own := l.find(m.targetIP)
	switch l.either4("arp_ignore") {
	case 1:
		return own != nil
	case 2:
		return own != nil && own.subnet().Contains(m.senderIP)
	case 8:
		return false
	}
	return true
}

// answerARP answers a request, and learns who asks: he will soon send. One who asks from no address looks for
// duplicates of his own.
func (l *link) answerARP(m arp) {
	if m.senderIP.IsValid() && !m.senderIP.IsUnspecified() {
		l.confirm(l.neighbourAt(m.senderIP), m.senderMAC, kernel.Stale, true)
	}
	l.sendARP(m.senderMAC, arp{
		op: arpReply, senderIP: m.targetIP, targetMAC: m.senderMAC, targetIP: m.senderIP,
	})
}

// overhear brings an entry that is there up to date. An answer to ourselves confirms it; all else says no more than
// that the MAC is likely right. An entry that has just changed (locktime) keeps what it has, lest two answers quarrel.
func (l *link) overhear(m arp, toUs bool) {
	n := l.neighbours[m.senderIP]
	if n == nil {
		return
	}
	state := kernel.Stale
	if m.op == arpReply && toUs {
		state = kernel.Reachable
	}
	settled := l.world().clock.elapsed()-n.updated > lockTime
	l.confirm(n, m.senderMAC, state, settled || m.gratuitous())
}

// announce tells everybody the MAC of the link's addresses, when the link comes up or its MAC changes, where arp_notify
// is set. (net/ipv4/devinet.c: inetdev_send_gratuitous_arp.)
func (l *link) announce() {
	if l.either4("arp_notify") == 0 {
		return
	}
	for _, a := range l.addresses4 {
		l.sendARP(broadcastMAC, arp{op: arpRequest, senderIP: a.ip(), targetIP: a.ip()})
	}
}
