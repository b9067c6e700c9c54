package flannel

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A subnet is what the flannel daemon has written down for its node, IPv4 first.
type subnet struct {
	networks []net.IPNet // of all nodes: these are reached through the gateway
	ranges   []string    // the node's own part of them
	mtu      uint64
	ipMasq   bool // the daemon masquerades, so that the delegate need not
}

// prefixKeys are the keys of the file that have prefixes, in commas.
var prefixKeys = []string{"FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK", "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"}

func readSubnet(files kernel.Files, name string) (s subnet, err error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return s, fmt.Errorf("%w: the flannel daemon writes it when it has got a subnet", err)
	}
	seen, prefixes := map[string]bool{}, map[string][]net.IPNet{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		seen[key] = true
		switch {
		case slices.Contains(prefixKeys, key):
			prefixes[key], err = parsePrefixes(value)
		case key == "FLANNEL_MTU":
			s.mtu, err = strconv.ParseUint(value, 10, 32)
		case key == "FLANNEL_IPMASQ":
			s.ipMasq = value == "true"
		}
		if err != nil {
			return s, fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	for _, key := range []string{"FLANNEL_MTU", "FLANNEL_IPMASQ"} {
		if !seen[key] {
			return s, fmt.Errorf("%s is missing %s", name, key)
		}
	}
	s.networks = slices.Concat(prefixes["FLANNEL_NETWORK"], prefixes["FLANNEL_IPV6_NETWORK"])
	for _, one := range slices.Concat(prefixes["FLANNEL_SUBNET"], prefixes["FLANNEL_IPV6_SUBNET"]) {
		s.ranges = append(s.ranges, one.String())
	}
	if len(s.networks) == 0 || len(s.ranges) == 0 {
		return s, fmt.Errorf("%s is missing FLANNEL_NETWORK or FLANNEL_SUBNET", name)
	}
	return s, nil
}

// parsePrefixes parses prefixes, which commas part, without the bits of a host that the daemon leaves in them.
func parsePrefixes(value string) (all []net.IPNet, err error) {
	for one := range strings.SplitSeq(value, ",") {
		_, prefix, err := net.ParseCIDR(one)
		if err != nil {
			return nil, err
		}
		all = append(all, *prefix)
	}
	return all, nil
}
