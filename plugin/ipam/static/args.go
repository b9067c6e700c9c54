package static

import (
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// argAddresses returns the addresses that CNI_ARGS asks for: IP, a list with prefix lengths, and GATEWAY, a list of
// which each goes to all addresses in whose subnet it is. As with the reference, a gateway in CNI_ARGS is none for the
// configured addresses.
func argAddresses(args string) ([]Address, error) {
	var known struct {
		types.CommonArgs
		IP      types.UnmarshallableString
		GATEWAY types.UnmarshallableString
	}
	if err := ipam.LoadArgs(args, &known); err != nil {
		return nil, err
	}
	addresses, err := parseAll(list(known.IP), "the 'ip' field is expected to be in CIDR notation, got: '%s'")
	if err != nil {
		return nil, err
	}
	return addresses, setGateways(addresses, list(known.GATEWAY))
}

// list returns the elements of a list with commas.
func list(value types.UnmarshallableString) []string {
	if value == "" {
		return nil
	}
	words := strings.Split(string(value), ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

func setGateways(addresses []Address, gateways []string) error {
	for _, word := range gateways {
		gateway, err := ipam.ParseAddr(word)
		if err != nil {
			return ipam.Invalid("invalid gateway address: %s", word)
		}
		for i, a := range addresses {
			if a.Prefix.Contains(gateway) {
				addresses[i].Gateway = gateway
			}
		}
	}
	return nil
}
