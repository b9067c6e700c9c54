//go:build linux

package main

// The networks that are measured, by letter. To have one more, add it here and to lives.
const (
	oneSubnet  = `"ipam": {"type": "host-local", "subnet": "10.1.0.0/16"}`
	twoSubnets = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]]}`
)

var (
	confA = configuration{"a", "isGateway", `"isGateway": true, ` + oneSubnet}
	confB = configuration{"b", "isGateway, ipMasq by iptables", `"isGateway": true, "ipMasq": true, "ipMasqBackend": "iptables", ` + oneSubnet}
	confC = configuration{"c", "isGateway, ipMasq by nftables", `"isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", ` + oneSubnet}
	confD = configuration{"d", "no addresses", `"ipam": {}`}
	confE = configuration{"e", "isGateway, IPv4 and IPv6", `"isGateway": true, ` + twoSubnets}
	confF = configuration{
		"f", "isDefaultGateway, IPv4 and IPv6, ipMasq by iptables",
		`"isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": "iptables", ` + twoSubnets,
	}
	confG = configuration{"g", "isGateway, macspoofchk", `"isGateway": true, "macspoofchk": true, ` + oneSubnet}
)
