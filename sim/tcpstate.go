package sim

import "time"

// A tcpState is what conntrack takes a TCP connection to be in: the index of kernel.TCPStates, or one of the last two.
type tcpState uint8

const (
	sNO tcpState = iota // none
	sSS                 // SYN_SENT
	sSR                 // SYN_RECV
	sES                 // ESTABLISHED
	sFW                 // FIN_WAIT
	sCW                 // CLOSE_WAIT
	sLA                 // LAST_ACK
	sTW                 // TIME_WAIT
	sCL                 // CLOSE
	sS2                 // SYN_SENT2
	sIV                 // the packet cannot be of the connection
	sIG                 // it changes nothing
)

// tcpTimes are how long a connection is remembered in a state without a packet: net/netfilter/nf_conntrack_proto_tcp.c,
// tcp_timeouts.
var tcpTimes = [...]time.Duration{
	sSS: 2 * time.Minute, sSR: time.Minute, sES: 5 * 24 * time.Hour, sFW: 2 * time.Minute, sCW: time.Minute,
	sLA: 30 * time.Second, sTW: 2 * time.Minute, sCL: 10 * time.Second, sS2: 2 * time.Minute,
}

// tcpUnanswered is how long one is that was seen in its middle, as long as nobody answers (TCP_CONNTRACK_UNACK).
const tcpUnanswered = 5 * time.Minute

// The kinds of segments that change states: get_conntrack_index.
const (
	segmentSYN = iota
	segmentSYNACK
	segmentFIN
	segmentACK
	segmentRST
	segmentNone
)

// tcpStates are the states that follow, by whether the segment goes back, its kind, and the state there is.
// (net/netfilter/nf_conntrack_proto_tcp.c: tcp_conntracks.)
var tcpStates = [2][segmentNone + 1][sS2 + 1]tcpState{
	{
		//               sNO  sSS  sSR  sES  sFW  sCW  sLA  sTW  sCL  sS2
		segmentSYN:    {sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
		segmentSYNACK: {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
		segmentFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		segmentACK:    {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
		segmentRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		segmentNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
	{
		segmentSYN:    {sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
		segmentSYNACK: {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
		segmentFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		segmentACK:    {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
		segmentRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		segmentNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
}

// The flags of a TCP header, of which the 14th byte has them.
const (
	tcpFIN = 1 << iota
	tcpSYN
	tcpRST
	tcpPSH
	tcpACK
	tcpCWR    = 0x80
	tcpHeader = 20
	tcpFlags  = 13
)

func segmentKind(segment []byte) int {
	switch flags := segment[tcpFlags]; {
	case flags&tcpRST != 0:
		return segmentRST
	case flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK:
		return segmentSYNACK
	case flags&tcpSYN != 0:
		return segmentSYN
	case flags&tcpFIN != 0:
		return segmentFIN
	case flags&tcpACK != 0:
		return segmentACK
	}
	return segmentNone
}

// nextTCP follows a segment, and reports whether it can be of the connection; again asks for it to be followed once more,
// as the first of a new one. Windows are not looked at. (nf_conntrack_tcp_packet.)
func (c *connection) nextTCP(segment []byte, isReply bool, now time.Duration) (ok, again bool) {
	direction := 0
	if isReply {
		direction = 1
	}
	kind, old := segmentKind(segment), c.tcp
	switch next := tcpStates[direction][kind][old]; {
	case next == sIV:
		return false, false
	case next == sIG:
		return true, false
	case next == sSS && (old == sTW || old == sCL):
		return true, true // a connection that is over is opened anew
	case !c.replied && kind == segmentRST:
		c.tcp, c.over = next, true // if all that comes back is a reset there was no connection
	case !c.replied && kind == segmentSYN && old == sSS:
		c.tcp = next // a SYN that is sent again does not renew the time
	default:
		c.tcp = next
		c.assured = c.assured || c.replied && next == sES && (old == sSR || old == sES)
		c.until = now + tcpTimes[next]
		if next == sES && !c.replied {
			c.until = now + tcpUnanswered
		}
	}
	return true, false
}
