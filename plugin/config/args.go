package config

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
)

// mac returns the MAC address that was asked for. The capability "mac" goes before args.cni, which goes before CNI_ARGS
// (CONVENTIONS.md: "Plugins that implement args must ignore CNI_ARGS if args is given").
func (k keys) mac(args string) (net.HardwareAddr, error) {
	asked, err := macArg(args)
	if err != nil {
		return nil, err
	}
	for _, source := range []string{k.RuntimeConfig.MAC, k.Args.CNI.MAC, asked} {
		if source != "" {
			return parseMAC(source)
		}
	}
	return nil, nil
}

// macArg reads CNI_ARGS, whose keys the reference plugin's fields name.
func macArg(args string) (string, error) {
	var known struct {
		types.CommonArgs
		MAC types.UnmarshallableString
	}
	if err := types.LoadArgs(args, &known); err != nil {
		return "", types.NewError(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_ARGS: %v", err),
			"IgnoreUnknown=1 lets keys pass that this plugin does not know")
	}
	return string(known.MAC), nil
}

// parseMAC refuses what no link can have: is_valid_ether_addr, include/linux/etherdevice.h.
func parseMAC(s string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(s)
	switch {
	case err != nil:
		return nil, invalid(fmt.Sprintf("invalid MAC address %q", s), "")
	case len(mac) != 6:
		return nil, invalid(fmt.Sprintf("invalid MAC address %q: an Ethernet address has 6 bytes", s), "")
	case mac[0]&1 != 0:
		return nil, invalid(fmt.Sprintf("invalid MAC address %q: it is a multicast address", s), "")
	case mac.String() == "00:00:00:00:00:00":
		return nil, invalid(fmt.Sprintf("invalid MAC address %q: it is all zero", s), "")
	}
	return mac, nil
}
