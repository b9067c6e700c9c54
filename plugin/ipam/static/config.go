package static

import (
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// A Config is a valid configuration.
type Config struct {
	Addresses []Address
	Routes    []*types.Route
	DNS       types.DNS
}

// An Address is one that the attachment gets.
type Address struct {
	Prefix  netip.Prefix // the address, with its subnet's length
	Gateway netip.Addr   // the zero Addr for none
}

// section is what static reads of a network configuration.
type section struct {
	CNIVersion string `json:"cniVersion"`
	IPAM       *struct {
		Addresses []addressKeys  `json:"addresses"`
		Routes    []*types.Route `json:"routes"`
		DNS       types.DNS      `json:"dns"`
	} `json:"ipam"`
	Args struct {
		CNI struct {
			IPs []string `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		IPs []string `json:"ips"`
	} `json:"runtimeConfig"`
}

type addressKeys struct {
	Address string `json:"address"`
	Gateway string `json:"gateway"`
}

// ParseConfig reads and validates the configuration and CNI_ARGS.
func ParseConfig(data []byte, args string) (Config, error) {
	var s section
	if err := ipam.Decode(data, &s); err != nil {
		return Config{}, err
	}
	if s.IPAM == nil {
		return Config{}, ipam.NoSection()
	}
	if err := ipam.RefuseRoutes(s.IPAM.Routes); err != nil {
		return Config{}, err
	}
	c := Config{Routes: s.IPAM.Routes, DNS: s.IPAM.DNS}
	var err error
	if c.Addresses, err = s.addresses(args); err != nil {
		return Config{}, err
	}
	return c, ipam.RefuseTooMany(s.CNIVersion, c.bare())
}

// bare are the addresses without the rest.
func (c Config) bare() (all []netip.Addr) {
	for _, a := range c.Addresses {
		all = append(all, a.Prefix.Addr())
	}
	return all
}

// addresses returns those of the capability "ips"; without any, those of args.cni.ips; without these, the configured
// ones and then those of CNI_ARGS. What is not used is not looked at. (CONVENTIONS.md: "Plugins that implement args
// must ignore CNI_ARGS if args is given".)
func (s section) addresses(args string) ([]Address, error) {
	for _, ips := range [][]string{s.RuntimeConfig.IPs, s.Args.CNI.IPs} {
		if len(ips) > 0 {
			return parseAll(ips, "an entry in the 'ips' field is NOT in CIDR notation, got: '%s'")
		}
	}
	configured, err := s.configured()
	if err != nil {
		return nil, err
	}
	asked, err := argAddresses(args)
	return append(configured, asked...), err
}

func (s section) configured() ([]Address, error) {
	var all []Address
	for _, k := range s.IPAM.Addresses {
		prefix, err := netip.ParsePrefix(k.Address)
		if err != nil {
			return nil, ipam.Invalid("the 'address' field is expected to be in CIDR notation, got: '%s'", k.Address)
		}
		a := Address{Prefix: unmap(prefix)}
		if k.Gateway != "" {
			if a.Gateway, err = ipam.ParseAddr(strings.TrimSpace(k.Gateway)); err != nil {
				return nil, ipam.Invalid("ipam.addresses: gateway %q: invalid IP address: %s", k.Gateway, k.Gateway)
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// parseAll reads addresses with a prefix length. The complaint has a place for one that is none.
func parseAll(words []string, complaint string) ([]Address, error) {
	var all []Address
	for _, word := range words {
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, ipam.Invalid(complaint, word)
		}
		all = append(all, Address{Prefix: unmap(prefix)})
	}
	return all, nil
}

// unmap gives an IPv4 address in IPv6 form its own.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
