package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

var (
	testClient = netip.MustParseAddrPort("10.1.0.2:40000")
	testServer = netip.MustParseAddrPort("10.2.0.2:80")
)

// A connection goes through the states that conntrack has for it, each of which is remembered as long as Linux does.
func TestConntrackFollowsTCP(t *testing.T) {
	const there, back = false, true
	for _, tt := range []struct {
		name    string
		flags   []byte
		isReply []bool
		want    kernel.TCPState
		left    time.Duration
		assured bool
	}{
		{"begun", []byte{tcpSYN}, []bool{there}, kernel.SynSent, 120 * time.Second, false},
		{"answered", []byte{tcpSYN, tcpSYN | tcpACK}, []bool{there, back}, kernel.SynReceived, 60 * time.Second, false},
		{"established", []byte{tcpSYN, tcpSYN | tcpACK, tcpACK}, []bool{there, back, there}, kernel.Established, 5 * 24 * time.Hour, true},
		{
			"closing",
			[]byte{tcpSYN, tcpSYN | tcpACK, tcpACK, tcpFIN | tcpACK},
			[]bool{there, back, there, there},
			kernel.FinWait, 120 * time.Second, true,
		},
		{
			"half closed",
			[]byte{tcpSYN, tcpSYN | tcpACK, tcpACK, tcpFIN | tcpACK, tcpACK},
			[]bool{there, back, there, there, back},
			kernel.CloseWait, 60 * time.Second, true,
		},
		{
			"both close",
			[]byte{tcpSYN, tcpSYN | tcpACK, tcpACK, tcpFIN | tcpACK, tcpFIN | tcpACK},
			[]bool{there, back, there, there, back},
			kernel.LastAck, 30 * time.Second, true,
		},
		{
			"closed",
			[]byte{tcpSYN, tcpSYN | tcpACK, tcpACK, tcpFIN | tcpACK, tcpFIN | tcpACK, tcpACK},
			[]bool{there, back, there, there, back, there},
			kernel.TimeWait, 120 * time.Second, true,
		},
		{
			"reset",
			[]byte{tcpSYN, tcpSYN | tcpACK, tcpACK, tcpRST},
			[]bool{there, back, there, back},
			kernel.Closed, 10 * time.Second, true,
		},
		{"seen in its middle", []byte{tcpACK}, []bool{there}, kernel.Established, 300 * time.Second, false},
		{"seen in its middle, and answered", []byte{tcpACK, tcpACK, tcpACK}, []bool{there, back, there}, kernel.Established, 5 * 24 * time.Hour, true},
		{"opened by both", []byte{tcpSYN, tcpSYN}, []bool{there, back}, kernel.SynSent2, 120 * time.Second, false},
	} {
		c := &connection{orig: newTuple(testClient, testServer, protoTCP)}
		for i, flags := range tt.flags {
			if ok, again := c.next(testSegment(flags), tt.isReply[i], 0); !ok || again {
				t.Errorf("%s: segment %d: ok %v, again %v", tt.name, i, ok, again)
			}
			c.replied = c.replied || tt.isReply[i]
		}
		if got := c.shown(0); got.State != tt.want || got.Left != tt.left || got.Assured != tt.assured {
			t.Errorf("%s: %s for %s, assured %v; want %s for %s, assured %v", tt.name, got.State, got.Left, got.Assured, tt.want, tt.left, tt.assured)
		}
	}
}

func TestConntrackKnowsWhatCannotBe(t *testing.T) {
	for name, flags := range map[string]byte{"an answer first": tcpSYN | tcpACK, "the end first": tcpFIN | tcpACK, "a reset": tcpRST, "nothing": 0} {
		c := &connection{orig: newTuple(testClient, testServer, protoTCP)}
		if ok, _ := c.next(testSegment(flags), false, 0); ok {
			t.Errorf("%s begins a connection", name)
		}
	}
}

// A port that was used before can be used again at once.
func TestConntrackBeginsAnewAfterTheEnd(t *testing.T) {
	c := &connection{orig: newTuple(testClient, testServer, protoTCP), tcp: sTW, replied: true}
	if ok, again := c.next(testSegment(tcpSYN), false, 0); !ok || !again {
		t.Errorf("a SYN in TIME_WAIT: ok %v, again %v", ok, again)
	}
}

func testSegment(flags byte) packet {
	segment := make([]byte, tcpHeader)
	segment[12], segment[tcpFlags] = tcpHeader/4<<4, flags
	return newPacket(testClient.Addr(), testServer.Addr(), protoTCP, segment)
}

func TestConnectionsEnd(t *testing.T) {
	orig := newTuple(testClient, testServer, protoUDP)
	p := newPacket(testClient.Addr(), testServer.Addr(), protoUDP, make([]byte, 8))
	for _, tt := range []struct {
		replied bool
		age     time.Duration // when the last packet passes
		left    time.Duration
	}{
		{false, 0, 30 * time.Second},
		{true, time.Second, 30 * time.Second},
		{true, 3 * time.Second, 120 * time.Second},
	} {
		var all connections
		c := &connection{orig: orig, reply: orig.inverse(), replied: tt.replied, streamFrom: streamAfter}
		c.next(p, false, tt.age)
		all.note(c, tt.age)
		end := tt.age + tt.left
		if found, _ := all.find(&orig, end-1); found == nil {
			t.Errorf("%+v: forgotten too early", tt)
		}
		if found, _ := all.find(&orig, end); found != nil || all.tuples.size() != 0 {
			t.Errorf("%+v: not forgotten: %v, %d left", tt, found, all.tuples.size())
		}
	}
}

// Connections that have ended do not pile up where nobody asks for them.
func TestConnectionsThatHaveEndedAreSwept(t *testing.T) {
	var all connections
	for i := range 10 * minSweep {
		from := netip.AddrPortFrom(testClient.Addr(), uint16(i))
		c := &connection{orig: newTuple(from, testServer, protoUDP), until: time.Duration(i + 1)}
		c.reply = c.orig.inverse()
		all.note(c, time.Duration(i))
	}
	if all.tuples.size() > minSweep+2 {
		t.Errorf("%d tuples of one connection that has not ended", all.tuples.size())
	}
}
