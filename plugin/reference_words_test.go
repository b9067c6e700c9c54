package plugin_test

import (
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// plainWords replaces what each run chooses: paths, names of host ends, and MAC addresses, which are called after the
// link that has them, so that it is seen which are the same.
type plainWords struct {
	l     *lab
	paths *strings.Replacer
	asked string            // all requests: an address that stands there was not chosen by the plugin
	macs  map[string]string // "MAC(eth0)", by address
	names []string          // pairs for a strings.Replacer: the port of a VLAN's gateway, PORT
	local []string          // pairs for a strings.Replacer: link-local address, "fe80::(eth0)"
}

var (
	anyMAC    = regexp.MustCompile(`\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b`)
	hostVeths = regexp.MustCompile(`\bveth[0-9a-z]{8,11}\b`)
	// portOfGateway is one end of a pair that is in the host's namespace with both: the reference names it as a host end.
	portOfGateway = regexp.MustCompile(`^(veth[0-9a-f]{8}|vlan[0-9a-z]{11})$`)
	// earlierLocal is a link-local address made of a MAC address that no link was seen with.
	earlierLocal = regexp.MustCompile(`\bfe80::[0-9a-f]{1,4}:[0-9a-f]{0,2}ff:fe[0-9a-f]{2}:[0-9a-f]{1,4}\b`)
)

func newPlainWords(l *lab) *plainWords {
	pairs := []string{l.dataDir, "DIR", l.cniPath, "PATH"}
	if l.prefix != "" {
		pairs = append(pairs, l.prefix, "")
	}
	return &plainWords{l: l, paths: strings.NewReplacer(pairs...), macs: map[string]string{zeroMAC: zeroMAC}}
}

const zeroMAC = "00:00:00:00:00:00"

func (p *plainWords) keep(r request) { p.asked += strings.ToLower(r.conf + strings.Join(r.env, " ")) }

// learn gives the addresses of all links names. An unpinned bridge has the address of its port, and so comes last.
func (p *plainWords) learn() {
	for _, netns := range p.l.pods {
		p.learnIn(p.l.open(netns), kernel.KindVeth)
	}
	p.learnIn(p.l.self, kernel.KindVeth)
	p.learnIn(p.l.self, kernel.KindBridge)
}

func (p *plainWords) learnIn(ns kernel.NetNS, kind string) {
	links, err := ns.Links()
	p.l.must(err)
	for _, link := range links {
		if link.Kind != kind {
			continue
		}
		name := hostVeths.ReplaceAllString(link.Name, "VETH")
		if link.PeerHere && portOfGateway.MatchString(link.Name) {
			p.names = append(p.names, link.Name, "PORT")
			name = "VETH" // an unpinned bridge has the lower address of its two ports, whichever that is
		}
		p.call(link.MAC, name)
	}
}

func (p *plainWords) named(text string) string {
	return hostVeths.ReplaceAllString(strings.NewReplacer(p.names...).Replace(text), "VETH")
}

func (p *plainWords) call(mac net.HardwareAddr, link string) {
	address := mac.String()
	if p.macs[address] != "" {
		return
	}
	p.macs[address] = "MAC(" + link + ")"
	if strings.Contains(p.asked, address) {
		p.macs[address] = address
	}
	p.local = append(p.local, linkLocal(mac).String(), "fe80::("+link+")")
}

// linkLocal is the IPv6 address that Linux makes of a MAC address (addrconf_ifid_eui48, include/net/addrconf.h).
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
	})
}

func (p *plainWords) text(s string) string {
	s = strings.NewReplacer(p.local...).Replace(p.paths.Replace(s))
	s = anyMAC.ReplaceAllStringFunc(s, func(mac string) string {
		if name, ok := p.macs[mac]; ok {
			return name
		}
		return mac
	})
	return p.named(earlierLocal.ReplaceAllString(s, "fe80::(earlier)"))
}

func (p *plainWords) snapshot(s kernel.Snapshot) kernel.Snapshot {
	plain, err := kernel.ParseSnapshot(p.text(s.String()))
	p.l.must(err)
	return plain
}
