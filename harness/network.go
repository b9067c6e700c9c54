package harness

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/libcni"
)

// A Network is a network configuration as an administrator writes it: a list of plugins, or a single one.
type Network struct {
	list *libcni.NetworkConfigList
}

// ParseNetwork reads a configuration: a list (.conflist) or a single plugin's (.conf), which becomes a list of one.
func ParseNetwork(conf []byte) (*Network, error) {
	list, err := parseList(conf)
	if err != nil {
		return nil, fmt.Errorf("network configuration: %w", err)
	}
	return &Network{list: list}, nil
}

func parseList(conf []byte) (*libcni.NetworkConfigList, error) {
	var single struct {
		Name       string          `json:"name,omitempty"`
		CNIVersion string          `json:"cniVersion,omitempty"`
		Plugins    json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(conf, &single); err != nil {
		return nil, err
	}
	if single.Plugins != nil {
		return libcni.NetworkConfFromBytes(conf)
	}
	single.Plugins = slices.Concat([]byte("["), conf, []byte("]"))
	list, err := json.Marshal(single)
	if err != nil {
		return nil, err
	}
	return libcni.NetworkConfFromBytes(list)
}

// Plugins returns the types of the network's plugins, in their order.
func (n *Network) Plugins() []string {
	var names []string
	for _, p := range n.list.Plugins {
		names = append(names, p.Network.Type)
	}
	return names
}
