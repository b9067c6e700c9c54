package plugin

import (
	"net"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// A document is a JSON object.
type document map[string]any

// documentOf is what a result marshals to, at once: [types100.Result] marshals itself, reads that, leaves something out, and
// marshals what is left, and all that encoding/json has to find out about the types for that takes a thirtieth of an ADD.
func documentOf(r *types100.Result) document {
	d := document{}
	put(d, "cniVersion", r.CNIVersion)
	putAll(d, "interfaces", r.Interfaces, documentOfInterface)
	putAll(d, "ips", r.IPs, documentOfIP)
	putAll(d, "routes", r.Routes, documentOfRoute)
	if !r.DNS.IsEmpty() {
		d["dns"] = documentOfDNS(r.DNS)
	}
	return d
}

func documentOfInterface(i *types100.Interface) document {
	d := document{"name": i.Name}
	put(d, "mac", i.Mac)
	put(d, "mtu", i.Mtu)
	put(d, "sandbox", i.Sandbox)
	put(d, "socketPath", i.SocketPath)
	put(d, "pciID", i.PciID)
	return d
}

func documentOfIP(ip *types100.IPConfig) document {
	d := document{"address": ip.Address.String()}
	put(d, "interface", ip.Interface)
	putAddress(d, "gateway", ip.Gateway)
	return d
}

func documentOfRoute(r *types.Route) document {
	d := document{"dst": r.Dst.String()}
	putAddress(d, "gw", r.GW)
	put(d, "mtu", r.MTU)
	put(d, "advmss", r.AdvMSS)
	put(d, "priority", r.Priority)
	put(d, "table", r.Table)
	put(d, "scope", r.Scope)
	return d
}

func documentOfDNS(dns types.DNS) document {
	d := document{}
	put(d, "domain", dns.Domain)
	for key, list := range map[string][]string{"nameservers": dns.Nameservers, "search": dns.Search, "options": dns.Options} {
		if len(list) > 0 {
			d[key] = list
		}
	}
	return d
}

// put leaves out what has no value.
func put[T comparable](d document, key string, value T) {
	var none T
	if value != none {
		d[key] = value
	}
}

func putAddress(d document, key string, ip net.IP) {
	if len(ip) > 0 {
		d[key] = ip.String()
	}
}

func putAll[T any](d document, key string, of []*T, describe func(*T) document) {
	if len(of) == 0 {
		return
	}
	list := make([]document, len(of))
	for i, one := range of {
		if one != nil { // else it is null
			list[i] = describe(one)
		}
	}
	d[key] = list
}
