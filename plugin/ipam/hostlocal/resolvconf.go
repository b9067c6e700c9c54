package hostlocal

import (
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// parseResolvConf reads what resolv.conf(5) says. Keywords without a value, and those that a result cannot hold, are
// passed over, as by the reference.
func parseResolvConf(content string) types.DNS {
	var dns types.DNS
	for line := range strings.Lines(content) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch values := words[1:]; words[0] { // a comment begins with a word that is no keyword
		case "nameserver":
			dns.Nameservers = append(dns.Nameservers, values[0])
		case "domain":
			dns.Domain = values[0]
		case "search":
			dns.Search = append(dns.Search, values...)
		case "options":
			dns.Options = append(dns.Options, values...)
		}
	}
	return dns
}
