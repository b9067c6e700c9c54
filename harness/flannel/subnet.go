package flannel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A subnet is what the flannel daemon has written down for its node.
type subnet struct {
	networks []string // of all nodes: these are reached through the gateway
	ranges   []string // the node's own part of them
	mtu      int
	ipMasq   bool // the daemon masquerades, so that the delegate need not
}

func readSubnet(files kernel.Files, name string) (s subnet, err error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return s, fmt.Errorf("%w: the flannel daemon writes it when it has got a subnet", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		seen[key] = true
		if err := s.set(key, value); err != nil {
			return s, fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	for _, key := range []string{"FLANNEL_MTU", "FLANNEL_IPMASQ"} {
		if !seen[key] {
			return s, fmt.Errorf("%s is missing %s", name, key)
		}
	}
	if len(s.networks) == 0 || len(s.ranges) == 0 {
		return s, fmt.Errorf("%s is missing FLANNEL_NETWORK or FLANNEL_SUBNET", name)
	}
	return s, nil
}

func (s *subnet) set(key, value string) (err error) {
	switch key {
	case "FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK":
		s.networks, err = withPrefixes(s.networks, value)
	case "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET":
		s.ranges, err = withPrefixes(s.ranges, value)
	case "FLANNEL_MTU":
		s.mtu, err = strconv.Atoi(value)
	case "FLANNEL_IPMASQ":
		s.ipMasq = value == "true"
	}
	return err
}

// withPrefixes appends prefixes, which commas part, without the bits of a host that the daemon leaves in them.
func withPrefixes(all []string, value string) ([]string, error) {
	for one := range strings.SplitSeq(value, ",") {
		prefix, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, err
		}
		all = append(slices.Clip(all), prefix.Masked().String())
	}
	return all, nil
}
