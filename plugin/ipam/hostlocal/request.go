package hostlocal

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// requested returns the addresses that were asked for, each once: those of args.cni, or else of CNI_ARGS, and then
// those of the capability "ips". CONVENTIONS.md: "Plugins that implement args must ignore CNI_ARGS if args is given";
// the reference adds them up.
func (s section) requested(args string) ([]netip.Addr, error) {
	words := s.Args.CNI.IPs
	if len(words) == 0 {
		asked, err := ipArg(args)
		if err != nil {
			return nil, err
		}
		words = asked
	}
	var found []netip.Addr
	for _, word := range slices.Concat(words, s.RuntimeConfig.IPs) {
		a, err := parseRequested(word)
		if err != nil {
			return nil, ipam.Invalid("cannot understand ip: %v", err)
		}
		if !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return found, nil
}

// ipArg returns the value of IP in CNI_ARGS, if it is given.
func ipArg(args string) ([]string, error) {
	var known struct {
		types.CommonArgs
		IP ipText
	}
	if err := ipam.LoadArgs(args, &known); err != nil {
		return nil, err
	}
	if known.IP == "" {
		return nil, nil
	}
	return []string{string(known.IP)}, nil
}

// ipText is an address as CNI_ARGS has it. types.LoadArgs has it validated.
type ipText string

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *ipText) UnmarshalText(text []byte) error {
	*t = ipText(text)
	if *t == "" {
		return nil
	}
	_, err := parseRequested(string(text))
	return err
}

// parseRequested reads an address with or without a prefix length, which says nothing: the range has one.
func parseRequested(word string) (netip.Addr, error) {
	bare := word
	if strings.Contains(word, "/") {
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("invalid IP address %s", word)
		}
		bare = prefix.Addr().String()
	}
	a, err := ipam.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("invalid IP address %s", word)
	}
	return a, nil
}

// assign gives each set the first address asked for that is of it. One that is of no set, or a second of one set,
// cannot be given.
func assign(asked []netip.Addr, sets []RangeSet) ([]netip.Addr, error) {
	assigned := make([]netip.Addr, len(sets))
	for i, set := range sets {
		at := slices.IndexFunc(asked, set.Contains)
		if at < 0 {
			continue
		}
		assigned[i] = asked[at]
		if err := set.refuseUnusable(assigned[i]); err != nil {
			return nil, ipam.Invalid("failed to allocate for range %d: %v", i, err)
		}
		asked = slices.Delete(asked, at, at+1)
	}
	if len(asked) == 0 {
		return assigned, nil
	}
	words := "failed to allocate all requested IPs:"
	for _, a := range asked {
		words += " " + a.String()
	}
	return nil, types.NewError(types.ErrInvalidNetworkConfig, words,
		"each range set gives one address, which has to be of one of its ranges")
}

func (s RangeSet) refuseUnusable(a netip.Addr) error {
	switch r := s[s.rangeOf(a)]; {
	case a == r.Gateway:
		return fmt.Errorf("requested ip %s is subnet's gateway", a)
	case !r.usable(a):
		return fmt.Errorf("requested IP address %s is not available in range set %s: no container can have it", a, s)
	}
	return nil
}
