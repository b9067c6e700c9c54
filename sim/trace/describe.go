package trace

import (
	"fmt"
	"net"
	"strings"
	"unicode"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// describe says what a frame is, in a line: "10.1.0.2:4242 > 10.1.0.3:80 tcp SYN".
func describe(frame []byte) string {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var parts []string
	for _, l := range p.Layers() {
		if text := describeLayer(p, l); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

func describeLayer(p gopacket.Packet, l gopacket.Layer) string {
	switch l := l.(type) {
	case *layers.Dot1Q:
		return fmt.Sprintf("vlan %d", l.VLANIdentifier)
	case *layers.ARP:
		return describeARP(l)
	case *layers.TCP:
		return fmt.Sprintf("%s tcp %s%s", between(p, int(l.SrcPort), int(l.DstPort)), tcpFlags(l), length(l.Payload))
	case *layers.UDP:
		return between(p, int(l.SrcPort), int(l.DstPort)) + " udp" + length(l.Payload)
	case *layers.ICMPv4:
		return between(p, 0, 0) + " icmp " + spaced(l.TypeCode.String())
	case *layers.ICMPv6:
		return between(p, 0, 0) + " icmp6 " + spaced(l.TypeCode.String())
	case *layers.ICMPv6NeighborSolicitation:
		return "who has " + l.TargetAddress.String()
	case *layers.ICMPv6NeighborAdvertisement:
		return l.TargetAddress.String()
	case *gopacket.Fragment:
		return between(p, 0, 0) + " fragment"
	}
	return ""
}

// spaced is a type and code of gopacket, "DestinationUnreachable(Port)", in words.
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && (unicode.IsUpper(r) && name[i-1] != '(' || r == '(') {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func describeARP(l *layers.ARP) string {
	target, sender := net.IP(l.DstProtAddress), net.IP(l.SourceProtAddress)
	if l.Operation == layers.ARPRequest {
		return fmt.Sprintf("arp who has %s, says %s", target, sender)
	}
	return fmt.Sprintf("arp %s is at %s", sender, net.HardwareAddr(l.SourceHwAddress))
}

// between is "source > destination", with ports where there are any.
func between(p gopacket.Packet, from, to int) string {
	network := p.NetworkLayer()
	if network == nil {
		return ""
	}
	flow := network.NetworkFlow()
	return endpoint(flow.Src(), from) + " > " + endpoint(flow.Dst(), to)
}

func endpoint(e gopacket.Endpoint, port int) string {
	switch {
	case port == 0:
		return e.String()
	case e.EndpointType() == layers.EndpointIPv6:
		return fmt.Sprintf("[%s]:%d", e, port)
	}
	return fmt.Sprintf("%s:%d", e, port)
}

func tcpFlags(l *layers.TCP) string {
	var flags []string
	for _, f := range []struct {
		set  bool
		name string
	}{{l.SYN, "SYN"}, {l.FIN, "FIN"}, {l.RST, "RST"}, {l.PSH, "PSH"}, {l.ACK, "ACK"}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return strings.Join(flags, ",")
}

func length(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d bytes", len(payload))
}
