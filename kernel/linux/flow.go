//go:build linux

package linux

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// What package unix lacks of include/uapi/linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h and
// nf_conntrack_common.h.
const (
	subsystemConntrack = 1

	ctGet    = 1
	ctDelete = 2

	ctaTupleOriginal = 1
	ctaTupleReply    = 2
	ctaStatus        = 3
	ctaProtoInfo     = 4
	ctaTimeout       = 7
	ctaMark          = 8
	ctaID            = 12

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaProtoNumber     = 1
	ctaProtoSourcePort = 2
	ctaProtoDestPort   = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPv6ID   = 7

	ctaProtoInfoTCP      = 1
	ctaProtoInfoTCPState = 1

	statusSeenReply = 1 << 1
	statusAssured   = 1 << 2
)

// Flows implements kernel.Flows.
func (ns *NetNS) Flows() ([]kernel.Flow, error) {
	found, err := ns.flows()
	flows := make([]kernel.Flow, len(found))
	for i, f := range found {
		flows[i] = f.Flow
	}
	kernel.SortFlows(flows)
	return flows, ns.fail("flow list", "", err)
}

// DeleteFlows implements kernel.Flows.
func (ns *NetNS) DeleteFlows(f kernel.FlowFilter) (int, error) {
	deleted, err := ns.deleteFlows(f)
	return deleted, ns.fail("flow delete", strings.Join(f.Words(), " "), err)
}

func (ns *NetNS) deleteFlows(f kernel.FlowFilter) (deleted int, err error) {
	found, err := ns.flows()
	if err != nil {
		return 0, err
	}
	found = slices.DeleteFunc(found, func(flow knownFlow) bool { return !f.Matches(flow.Flow) })
	err = ns.onNFT(func(s nftSocket) error {
		for _, flow := range found {
			_, err := s.askConntrack(ctDelete, unix.NLM_F_ACK, flow.family, flow.named()...)
			if is(err, unix.ENOENT) {
				continue // it has ended meanwhile
			}
			if err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	return deleted, err
}

// A knownFlow is a flow with what the kernel finds it by.
type knownFlow struct {
	kernel.Flow
	family       uint8
	original, id []byte
}

func (f *knownFlow) named() []nl.NetlinkRequestData {
	return []nl.NetlinkRequestData{nl.NewRtAttr(ctaTupleOriginal|unix.NLA_F_NESTED, f.original), nl.NewRtAttr(ctaID, f.id)}
}

func (ns *NetNS) flows() (flows []knownFlow, err error) {
	err = ns.onNFT(func(s nftSocket) error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			messages, err := retry(func() ([][]byte, error) { return s.askConntrack(ctGet, unix.NLM_F_DUMP, family) })
			if err != nil {
				return err
			}
			for _, m := range messages {
				flows = append(flows, parseFlow(m))
			}
		}
		return nil
	})
	return flows, err
}

// askConntrack sends one request. EOPNOTSUPP where the kernel has no such interface (net/netfilter/nfnetlink.c
// nfnetlink_rcv_msg: EINVAL for a subsystem that is not there).
func (s nftSocket) askConntrack(kind, flags int, family uint8, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	head := &nl.Nfgenmsg{NfgenFamily: family}
	messages, err := s.ask(subsystemConntrack<<8|kind, flags, append([]nl.NetlinkRequestData{head}, parts...)...)
	if is(err, unix.EINVAL) && kind == ctGet {
		err = unix.EOPNOTSUPP
	}
	return messages, err
}

func parseFlow(m []byte) knownFlow {
	f := knownFlow{family: m[0]}
	attributes(m[nl.SizeofNfgenmsg:], func(kind uint16, value []byte) {
		switch kind {
		case ctaTupleOriginal:
			f.original = slices.Clone(value)
			f.Original, f.Protocol = parseTuple(value, true)
		case ctaTupleReply:
			f.Reply, _ = parseTuple(value, false)
		case ctaID:
			f.id = slices.Clone(value)
		case ctaStatus:
			status := binary.BigEndian.Uint32(value)
			f.Replied, f.Assured = status&statusSeenReply != 0, status&statusAssured != 0
		case ctaTimeout:
			f.Left = time.Duration(binary.BigEndian.Uint32(value)) * time.Second
		case ctaMark:
			f.Mark = binary.BigEndian.Uint32(value)
		case ctaProtoInfo:
			f.State = parseTCPState(value)
		}
	})
	return f
}

// parseTuple reads the attributes of a tuple. Of pings the identifier is the port of who asks.
func parseTuple(data []byte, asks bool) (t kernel.FlowTuple, protocol uint8) {
	var from, to netip.Addr
	var fromPort, toPort uint16
	attributes(data, func(part uint16, value []byte) {
		attributes(value, func(kind uint16, value []byte) {
			switch {
			case part == ctaTupleIP && kind%2 == 1: // CTA_IP_V4_SRC, CTA_IP_V6_SRC
				from = addrOf(value)
			case part == ctaTupleIP:
				to = addrOf(value)
			case kind == ctaProtoNumber:
				protocol = value[0]
			case kind == ctaProtoSourcePort, asks && (kind == ctaProtoICMPID || kind == ctaProtoICMPv6ID):
				fromPort = binary.BigEndian.Uint16(value)
			case kind == ctaProtoDestPort, kind == ctaProtoICMPID, kind == ctaProtoICMPv6ID:
				toPort = binary.BigEndian.Uint16(value)
			}
		})
	})
	return kernel.FlowTuple{From: netip.AddrPortFrom(from, fromPort), To: netip.AddrPortFrom(to, toPort)}, protocol
}

func parseTCPState(data []byte) (state kernel.TCPState) {
	attributes(data, func(kind uint16, value []byte) {
		if kind != ctaProtoInfoTCP {
			return
		}
		attributes(value, func(kind uint16, value []byte) {
			if kind == ctaProtoInfoTCPState && int(value[0]) < len(kernel.TCPStates) {
				state = kernel.TCPStates[value[0]]
			}
		})
	})
	return state
}
