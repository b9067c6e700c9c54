package hostlocal

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// DefaultDataDir is where leases lie when the configuration does not say.
const DefaultDataDir = "/var/lib/cni/networks"

// A Config is a valid configuration.
type Config struct {
	Pool    Pool
	Routes  []*types.Route
	DataDir string // absolute; leases are in its folder of the network's name
}

// section is what host-local reads of a network configuration.
type section struct {
	IPAM struct {
		poolKeys
		Ranges     [][]poolKeys   `json:"ranges"`
		Routes     []*types.Route `json:"routes"`
		DataDir    string         `json:"dataDir"`
		ResolvConf string         `json:"resolvConf"`
	} `json:"ipam"`
	Args struct {
		CNI struct {
			IPs json.RawMessage `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		IPs      json.RawMessage `json:"ips"`
		IPRanges json.RawMessage `json:"ipRanges"`
	} `json:"runtimeConfig"`
}

type poolKeys struct {
	Subnet     string `json:"subnet"`
	RangeStart string `json:"rangeStart"`
	RangeEnd   string `json:"rangeEnd"`
	Gateway    string `json:"gateway"`
}

// ParseConfig reads and validates the configuration and CNI_ARGS.
func ParseConfig(data []byte, args string) (Config, error) {
	s, err := parseSection(data)
	if err != nil {
		return Config{}, err
	}
	if err := s.refuseUnsupported(args); err != nil {
		return Config{}, err
	}
	if err := s.validateRoutes(); err != nil {
		return Config{}, err
	}
	keys, err := s.pool()
	if err != nil {
		return Config{}, err
	}
	pool, err := newPool(keys)
	if err != nil {
		return Config{}, err
	}
	dataDir, err := s.dataDir()
	return Config{Pool: pool, Routes: s.IPAM.Routes, DataDir: dataDir}, err
}

func parseSection(data []byte) (s section, err error) {
	if err := json.Unmarshal(data, &s); err != nil {
		return s, types.NewError(types.ErrDecodingFailure, "ipam: "+err.Error(), "")
	}
	return s, nil
}

// dataDir is all that DEL needs: an address must be released though the range it is from is no longer configured.
func (s section) dataDir() (string, error) {
	switch dir := s.IPAM.DataDir; {
	case dir == "":
		return DefaultDataDir, nil
	case !path.IsAbs(dir), strings.Contains(dir, "\x00"):
		return "", invalid("ipam.dataDir %q is not an absolute path", dir)
	default:
		return path.Clean(dir), nil
	}
}

// validateRoutes refuses what encoding/json takes for a route: null, and a document without a destination.
func (s section) validateRoutes() error {
	for i, route := range s.IPAM.Routes {
		if route == nil || route.Dst.IP == nil {
			return invalid("ipam.routes: route %d has no dst", i)
		}
	}
	return nil
}

// pool returns the one range, from the old keys or out of "ranges".
func (s section) pool() (poolKeys, error) {
	var all []poolKeys
	if s.IPAM.poolKeys != (poolKeys{}) {
		all = append(all, s.IPAM.poolKeys)
	}
	for _, set := range s.IPAM.Ranges {
		if len(set) == 0 {
			return poolKeys{}, invalid("ipam.ranges: empty range set")
		}
		all = append(all, set...)
	}
	switch len(all) {
	case 0:
		return poolKeys{}, invalid("no IP ranges specified")
	case 1:
		return all[0], nil
	}
	return poolKeys{}, unsupported("ipam.ranges", fmt.Sprintf("%d ranges", len(all)))
}

// refuseUnsupported refuses what the reference plugin has and this one has not. An address that was asked for and is
// not given would be worse than none.
func (s section) refuseUnsupported(args string) error {
	for _, k := range []struct{ key, value string }{
		{"args.cni.ips", string(s.Args.CNI.IPs)},
		{"runtimeConfig.ips", string(s.RuntimeConfig.IPs)},
		{"runtimeConfig.ipRanges", string(s.RuntimeConfig.IPRanges)},
		{"ipam.resolvConf", s.IPAM.ResolvConf},
	} {
		if k.value != "" && k.value != "null" && k.value != "[]" {
			return unsupported(k.key, k.value)
		}
	}
	var known struct {
		types.CommonArgs
		IP types.UnmarshallableString
	}
	if err := types.LoadArgs(args, &known); err != nil {
		return types.NewError(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_ARGS: %v", err), "")
	}
	if known.IP != "" {
		return unsupported("CNI_ARGS IP", string(known.IP))
	}
	return nil
}

// parseAddr reads an IPv4 address; "" is the zero Addr.
func parseAddr(key, value string) (netip.Addr, error) {
	if value == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(value)
	if err != nil || !a.Is4() {
		return a, invalid("ipam.%s %q is not an IPv4 address", key, value)
	}
	return a, nil
}

// unsupported names key and value, as SPEC 1.1.0 wants of code 2.
func unsupported(key, value string) error {
	return types.NewError(types.ErrUnsupportedField, fmt.Sprintf("unsupported field %q: %s", key, value),
		"this plugin gives the next free address of one IPv4 range")
}

func invalid(format string, args ...any) error {
	return types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf(format, args...), "")
}
