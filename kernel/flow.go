package kernel

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Flows is what the conntrack of a namespace knows: who talks to whom, and how their packets are translated. It follows
// flows as long as there is a rule that needs it: one that translates, or that has a match on a flow's state.
type Flows interface {
	// Flows returns the flows of both IP versions, sorted.
	//
	//	EOPNOTSUPP  the kernel lacks conntrack, or the interface that tells of it
	//	EPERM       the caller may not
	Flows() ([]Flow, error)

	// DeleteFlows has conntrack forget all flows that a filter is true of, and returns how many. The next packet of one
	// begins a new flow, which is asked about anew. Errors as of Flows.
	DeleteFlows(f FlowFilter) (deleted int, err error)
}

// A Flow is one that conntrack follows.
type Flow struct {
	Protocol uint8     // above IP
	Original FlowTuple // of the packets of who began, as they came
	Reply    FlowTuple // of the packets that come back; where nothing is translated, Original inverted
	State    TCPState  // "" but for TCP
	Replied  bool      // there was a packet with Reply
	Assured  bool      // it is not forgotten where room is scarce, as others are
	Mark     uint32    // see FilterMark
	Left     time.Duration
}

// A FlowTuple says from where to where packets go. Of pings the identifier is the port of who asks.
type FlowTuple struct{ From, To netip.AddrPort }

// Inverse is the tuple of packets that go back.
func (t FlowTuple) Inverse() FlowTuple { return FlowTuple{t.To, t.From} }

// A TCPState is what conntrack takes a connection to be in, by the names of conntrack(8).
type TCPState string

// The states, in their order (include/uapi/linux/netfilter/nf_conntrack_tcp.h: enum tcp_conntrack). A Flow of TCP that is
// begun in the middle is Established at once.
const (
	SynSent     TCPState = "SYN_SENT"
	SynReceived TCPState = "SYN_RECV"
	Established TCPState = "ESTABLISHED"
	FinWait     TCPState = "FIN_WAIT"
	CloseWait   TCPState = "CLOSE_WAIT"
	LastAck     TCPState = "LAST_ACK"
	TimeWait    TCPState = "TIME_WAIT"
	Closed      TCPState = "CLOSE"
	SynSent2    TCPState = "SYN_SENT2" // both have begun
)

// TCPStates are the states by Linux's numbers; the first is that of no flow.
var TCPStates = []TCPState{
	"NONE", SynSent, SynReceived, Established, FinWait, CloseWait, LastAck, TimeWait, Closed, SynSent2,
}

// A FlowFilter is true of flows that have all that is given, as the options of "conntrack -D" are.
type FlowFilter struct {
	Family           Family // 0: both
	Protocol         uint8  // 0: any
	Source           netip.Addr
	Destination      netip.Addr
	ReplySource      netip.Addr
	ReplyDestination netip.Addr
	SourcePort       uint16 // 0: any, which is none of a flow's
	DestinationPort  uint16
}

// Matches reports whether the filter is true of a flow.
func (f FlowFilter) Matches(flow Flow) bool {
	from, to := flow.Original.From, flow.Original.To
	for _, asked := range []struct{ want, is netip.Addr }{
		{f.Source, from.Addr()},
		{f.Destination, to.Addr()},
		{f.ReplySource, flow.Reply.From.Addr()},
		{f.ReplyDestination, flow.Reply.To.Addr()},
	} {
		if asked.want.IsValid() && asked.want != asked.is {
			return false
		}
	}
	return (f.Family == 0 || (f.Family == IPv4) == from.Addr().Is4()) && (f.Protocol == 0 || f.Protocol == flow.Protocol) &&
		(f.SourcePort == 0 || f.SourcePort == from.Port()) && (f.DestinationPort == 0 || f.DestinationPort == to.Port())
}

// SortFlows brings flows into the order of Flows.
func SortFlows(flows []Flow) {
	slices.SortFunc(flows, func(a, b Flow) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), a.Original.From.Compare(b.Original.From),
			a.Original.To.Compare(b.Original.To), a.Reply.From.Compare(b.Reply.From), a.Reply.To.Compare(b.Reply.To))
	})
}

// flowProtocol names a protocol as conntrack(8) does, or gives its number.
func flowProtocol(number uint8) string {
	if p := FilterProtocolOf(number); p != "" {
		return string(p)
	}
	return strconv.Itoa(int(number))
}

// object is the flow's line in a snapshot: what "conntrack -L" prints, without what is of the moment or random: how long it
// is left, and the port, or identifier, of who began.
func (f Flow) object() Object {
	o := Object{Noun: NounFlow, Name: flowProtocol(f.Protocol)}
	o.add("state", string(f.State))
	for _, side := range []struct {
		prefix string
		FlowTuple
		port  uint16
		where string
	}{
		{"", f.Original, f.Original.To.Port(), "dport"},
		{"reply-", f.Reply, f.Reply.From.Port(), "sport"},
	} {
		o.add(side.prefix+"src", side.From.Addr().String())
		o.add(side.prefix+"dst", side.To.Addr().String())
		if FilterProtocolOf(f.Protocol).HasPorts() {
			o.add(side.prefix+side.where, strconv.Itoa(int(side.port)))
		}
	}
	o.addFlag("unreplied", !f.Replied)
	o.addFlag("assured", f.Assured)
	if f.Mark != 0 {
		o.add("mark", strconv.FormatUint(uint64(f.Mark), 10))
	}
	return o
}

// Words are the options of "conntrack -D" that say the same as the filter.
func (f FlowFilter) Words() []string {
	var w []string
	add := func(option, value string, given bool) {
		if given {
			w = append(w, option, value)
		}
	}
	add("-f", strings.ToLower(f.Family.String()), f.Family != 0)
	add("-p", flowProtocol(f.Protocol), f.Protocol != 0)
	for _, a := range []struct {
		option string
		netip.Addr
	}{{"-s", f.Source}, {"-d", f.Destination}, {"-r", f.ReplySource}, {"-q", f.ReplyDestination}} {
		add(a.option, a.String(), a.IsValid())
	}
	add("--sport", strconv.Itoa(int(f.SourcePort)), f.SourcePort != 0)
	add("--dport", strconv.Itoa(int(f.DestinationPort)), f.DestinationPort != 0)
	return w
}

// ParseFlowFilter reads what Words writes.
func ParseFlowFilter(words []string) (f FlowFilter, err error) {
	r := &wordReader{rest: words}
	for len(r.rest) > 0 && r.err == nil {
		switch option := r.next(); option {
		case "-f":
			f.Family = map[string]Family{"ipv4": IPv4, "ipv6": IPv6}[r.next()]
		case "-p":
			f.Protocol = r.flowProtocol()
		case "-s":
			f.Source = r.address()
		case "-d":
			f.Destination = r.address()
		case "-r":
			f.ReplySource = r.address()
		case "-q":
			f.ReplyDestination = r.address()
		case "--sport":
			f.SourcePort = r.port()
		case "--dport":
			f.DestinationPort = r.port()
		default:
			r.fail("does not know " + strconv.Quote(option))
		}
	}
	return f, r.err
}

func (r *wordReader) flowProtocol() uint8 {
	word := r.next()
	if number := FilterProtocol(word).Number(); number != 0 {
		return number
	}
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		r.fail("no protocol: " + word)
	}
	return uint8(n)
}

func (r *wordReader) address() netip.Addr {
	a, err := netip.ParseAddr(r.next())
	if err != nil {
		r.fail(err.Error())
	}
	return a
}

func (r *wordReader) port() uint16 {
	ports, err := readPorts(r.next(), "-")
	if err != nil || ports.First != ports.Last {
		r.fail("no port")
	}
	return ports.First
}
