package static

import (
	"strings"

	"github.com/containernetworking/cni/pkg/types"
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
	if err := types.LoadArgs(args, &known); err != nil {
		return nil, types.NewError(types.ErrInvalidEnvironmentVariables, err.Error(),
			"CNI_ARGS; IgnoreUnknown=1 there lets keys pass that this plugin does not know")
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
		gateway, err := parseGateway(word)
		if err != nil {
			return invalid("invalid gateway address: %s", word)
		}
		for i, a := range addresses {
			if a.Prefix.Contains(gateway) {
				addresses[i].Gateway = gateway
			}
		}
	}
	return nil
}
