package harness

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
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
		Name       string            `json:"name,omitempty"`
		CNIVersion string            `json:"cniVersion,omitempty"`
		Plugins    []json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(conf, &single); err != nil {
		return nil, err
	}
	if single.Plugins != nil {
		return libcni.NetworkConfFromBytes(conf)
	}
	single.Plugins = []json.RawMessage{conf}
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

// Name returns the network's name.
func (n *Network) Name() string { return n.list.Name }

// version is the version of CNI that the network is configured in; none stands for the first.
func (n *Network) version() string {
	if n.list.CNIVersion == "" {
		return "0.1.0"
	}
	return n.list.CNIVersion
}

// isFrom reports whether the configuration is of a version of CNI or a later one.
func (n *Network) isFrom(earliest string) (bool, error) {
	return version.GreaterThanOrEqualTo(n.list.CNIVersion, earliest)
}

// stdin is what a plugin of the network reads for an attachment: its own configuration, the network's name and version,
// the previous result, and of the capabilities those that it declares.
func (n *Network) stdin(p *libcni.PluginConfig, a Attachment, previous types.Result) ([]byte, error) {
	more := map[string]any{}
	if previous != nil {
		more["prevResult"] = previous
	}
	offered := map[string]any{}
	for capability, wanted := range p.Network.Capabilities {
		if value, ok := a.Capabilities[capability]; ok && wanted {
			offered[capability] = value
		}
	}
	if len(offered) > 0 {
		more["runtimeConfig"] = offered
	}
	conf, err := n.inject(p, more)
	if err != nil {
		return nil, err
	}
	return conf.Bytes, nil
}

// inject returns a plugin's configuration with the network's name and version, and more.
func (n *Network) inject(p *libcni.PluginConfig, more map[string]any) (*libcni.PluginConfig, error) {
	values := map[string]any{"name": n.list.Name, "cniVersion": n.list.CNIVersion}
	maps.Copy(values, more)
	return libcni.InjectConf(p, values)
}
