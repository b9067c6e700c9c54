package config

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// DefaultBridge is the name of the bridge where the configuration gives none.
const DefaultBridge = "cni0"

// The limits of an MTU, in bytes: ETH_MIN_MTU of bridge and veth, and the greatest packet IP can tell the length of.
const (
	minMTU = 68
	maxMTU = 65535
)

// A Config is a valid configuration of the bridge plugin.
type Config struct {
	Network

	Bridge           string // the bridge's name
	IsGateway        bool   // the bridge has the gateway's address; true where IsDefaultGateway is
	IsDefaultGateway bool   // and the container's default route leads there
	ForceAddress     bool   // addresses of the bridge that the gateway's cannot stand beside are replaced
	EnableDAD        bool   // the container's IPv6 addresses are looked for on the network before they are used
	PromiscMode      bool   // the bridge takes all packets, whomever they are for
	HairpinMode      bool   // the container's packets may come back to it
	PortIsolation    bool   // the container cannot talk to other isolated ones
	IPMasq           bool   // what the container sends beyond its subnets has the node's address; false without IPAM
	IPMasqBackend    string // of netfilter: "iptables", "nftables"; "": whichever works, iptables first
	MACSpoofCheck    bool   // frames from another MAC address than the container's are dropped
	MTU              int    // in bytes; 0: the kernel's default
	MAC              net.HardwareAddr
	DNS              *types.DNS       // overrides the IPAM plugin's; nil where the configuration has none
	PrevResult       *types100.Result // nil where there is none
	VLANs            VLANs

	// DisableContainerInterface leaves the container's interface down, for who sets it up later.
	DisableContainerInterface bool
}

// Parse reads and validates the configuration and the value of CNI_ARGS.
func Parse(data []byte, args string) (Config, error) {
	network, err := ParseNetwork(data)
	if err != nil {
		return Config{}, err
	}
	keys := keys{Bridge: DefaultBridge}
	if err := decode(data, &keys); err != nil {
		return Config{}, err
	}
	c := Config{
		Network:          network,
		Bridge:           keys.Bridge,
		IsGateway:        keys.IsGateway || keys.IsDefaultGateway,
		IsDefaultGateway: keys.IsDefaultGateway,
		ForceAddress:     keys.ForceAddress,
		EnableDAD:        keys.EnableDAD,
		PromiscMode:      keys.PromiscMode,
		HairpinMode:      keys.HairpinMode,
		PortIsolation:    keys.PortIsolation,
		MACSpoofCheck:    keys.MACSpoofCheck,
		IPMasq:           keys.IPMasq && network.IPAM != "",
		MTU:              keys.MTU,
		DNS:              keys.dns(),
	}
	c.DisableContainerInterface = keys.Disabled
	if c.VLANs, err = parseVLANs(data); err != nil {
		return Config{}, err
	}
	if c.IPMasq && keys.IPMasqBackend != nil {
		if c.IPMasqBackend, err = ipMasqBackend(*keys.IPMasqBackend); err != nil {
			return Config{}, err
		}
	}
	if c.PrevResult, err = ParsePrevResult(network); err != nil {
		return Config{}, err
	}
	if c.MAC, err = keys.mac(args); err != nil {
		return Config{}, err
	}
	return c, c.validate()
}

// keys are the keys of the JSON document.
type keys struct {
	Bridge           string    `json:"bridge"`
	IsGateway        bool      `json:"isGateway"`
	IsDefaultGateway bool      `json:"isDefaultGateway"`
	ForceAddress     bool      `json:"forceAddress"`
	HairpinMode      bool      `json:"hairpinMode"`
	PortIsolation    bool      `json:"portIsolation"`
	IPMasq           bool      `json:"ipMasq"`
	IPMasqBackend    *string   `json:"ipMasqBackend"`
	MACSpoofCheck    bool      `json:"macspoofchk"`
	PromiscMode      bool      `json:"promiscMode"`
	EnableDAD        bool      `json:"enabledad"`
	Disabled         bool      `json:"disableContainerInterface"`
	MTU              int       `json:"mtu"`
	DNS              types.DNS `json:"dns"`
	Args             struct {
		CNI struct {
			MAC string `json:"mac"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`
}

// dns returns nil where no field is given. An empty list counts as given: it says "no name servers".
func (k keys) dns() *types.DNS {
	d := k.DNS
	if d.Nameservers == nil && d.Domain == "" && d.Search == nil && d.Options == nil {
		return nil
	}
	return &d
}

// ipMasqBackend refuses what is no backend of netfilter; the empty name too.
func ipMasqBackend(name string) (string, error) {
	if name == "iptables" || name == "nftables" {
		return name, nil
	}
	return "", invalid(fmt.Sprintf("unknown ipmasq backend %q", name),
		`it is "iptables" or "nftables"; without the key the plugin takes what works`)
}

func (c Config) validate() error {
	if c.HairpinMode && c.PromiscMode {
		return invalid("cannot set hairpin mode and promiscuous mode at the same time",
			"either lets a container reach itself by a service's address; choose one")
	}
	if c.DisableContainerInterface && c.IPAM != "" {
		return invalid("cannot use IPAM when DisableContainerInterface flag is set",
			"an interface that is down has no routes")
	}
	if err := validateBridgeName(c.Bridge); err != nil {
		return err
	}
	if err := c.validateVLANGateway(); err != nil {
		return err
	}
	if c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU) {
		return invalid(fmt.Sprintf("invalid mtu %d (must be 0 for the kernel's default, or %d to %d)", c.MTU, minMTU, maxMTU),
			"")
	}
	return nil
}

// validateBridgeName applies the kernel's rules, which are those of CNI_IFNAME.
func validateBridgeName(name string) error {
	if err := ValidateLinkName(name); err != nil {
		return invalid(fmt.Sprintf("invalid bridge name %q: %s", name, err.Msg), err.Details)
	}
	return nil
}
