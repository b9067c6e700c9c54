package hostlocal

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// DefaultDataDir is where leases lie when the configuration does not say.
const DefaultDataDir = "/var/lib/cni/networks"

// A Config is a valid configuration.
type Config struct {
	Sets       []RangeSet // an attachment gets one address of each
	Routes     []*types.Route
	ResolvConf string // the file with the DNS settings; "" for none
	DataDir    string // absolute; leases are in its folder of the network's name

	asked []netip.Addr // for each set the address that was asked for; the zero Addr where any will do
}

// section is what host-local reads of a network configuration.
type section struct {
	CNIVersion string `json:"cniVersion"`
	IPAM       *struct {
		rangeKeys
		Ranges     [][]rangeKeys  `json:"ranges"`
		Routes     []*types.Route `json:"routes"`
		DataDir    string         `json:"dataDir"`
		ResolvConf string         `json:"resolvConf"`
	} `json:"ipam"`
	Args struct {
		CNI struct {
			IPs []string `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		IPs      []string      `json:"ips"`
		IPRanges [][]rangeKeys `json:"ipRanges"`
	} `json:"runtimeConfig"`
}

// ParseConfig reads and validates the configuration and CNI_ARGS.
func ParseConfig(data []byte, args string) (Config, error) {
	var s section
	err := ipam.Decode(data, &s)
	if err != nil {
		return Config{}, err
	}
	if s.IPAM == nil {
		return Config{}, ipam.NoSection()
	}
	if err := ipam.RefuseRoutes(s.IPAM.Routes); err != nil {
		return Config{}, err
	}
	c := Config{Routes: s.IPAM.Routes, ResolvConf: s.IPAM.ResolvConf}
	if c.DataDir, err = dataDir(s.IPAM.DataDir); err != nil {
		return Config{}, err
	}
	if c.Sets, err = s.sets(); err != nil {
		return Config{}, err
	}
	asked, err := s.requested(args)
	if err == nil {
		c.asked, err = assign(asked, c.Sets)
	}
	return c, err
}

// findDataDir reads all that DEL needs: an address must be released though the range it is from is configured no longer,
// or no good any more.
func findDataDir(data []byte) (string, error) {
	var keys struct {
		IPAM struct {
			DataDir string `json:"dataDir"`
		} `json:"ipam"`
	}
	if err := ipam.Decode(data, &keys); err != nil {
		return "", err
	}
	return dataDir(keys.IPAM.DataDir)
}

func dataDir(configured string) (string, error) {
	switch {
	case configured == "":
		return DefaultDataDir, nil
	case !path.IsAbs(configured), strings.Contains(configured, "\x00"):
		return "", ipam.Invalid("ipam.dataDir %q is not an absolute path", configured)
	default:
		return path.Clean(configured), nil
	}
}

// sets returns the range sets: those of the runtime first, then the one of the old keys, then "ranges".
func (s section) sets() ([]RangeSet, error) {
	keys := append([][]rangeKeys(nil), s.RuntimeConfig.IPRanges...)
	if s.IPAM.Subnet != "" {
		keys = append(keys, []rangeKeys{s.IPAM.rangeKeys})
	}
	keys = append(keys, s.IPAM.Ranges...)
	if len(keys) == 0 {
		return nil, ipam.Invalid("no IP ranges specified")
	}
	var sets []RangeSet
	for i, k := range keys {
		set, err := newRangeSet(k)
		if err != nil {
			return nil, types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf("invalid range set %d: %v", i, err),
				"sets count from 0: runtimeConfig.ipRanges, then ipam.subnet, then ipam.ranges")
		}
		sets = append(sets, set)
	}
	if err := refuseOverlap(sets); err != nil {
		return nil, err
	}
	return sets, s.refuseTooMany(sets)
}

func refuseOverlap(sets []RangeSet) error {
	for i, a := range sets {
		for j, b := range sets[i+1:] {
			if a.overlaps(b) {
				return ipam.Invalid("range set %d overlaps with %d", i, i+j+1)
			}
		}
	}
	return nil
}

// refuseTooMany looks at the families of the addresses that the sets will give.
func (s section) refuseTooMany(sets []RangeSet) error {
	var of []netip.Addr
	for _, set := range sets {
		of = append(of, set[0].Subnet.Addr())
	}
	return ipam.RefuseTooMany(s.CNIVersion, of)
}
