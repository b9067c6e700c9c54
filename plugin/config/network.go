package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// Unversioned is the version of a configuration that names none.
const Unversioned = "0.1.0"

// A Network is what every verb needs of a configuration.
type Network struct {
	CNIVersion string // 0.1.0 where the configuration names none, as for every plugin
	Name       string
	IPAM       string // the type of the IPAM plugin; "": the network is layer 2 only
	Raw        []byte // the whole configuration, as it came: what a delegated plugin is given
	IsList     bool   // it is a list of plugins, and so no configuration of one
}

// ParseNetwork reads what every verb needs. It does not judge the version, so that an error can be told in it.
func ParseNetwork(data []byte) (Network, error) {
	var keys struct {
		CNIVersion string     `json:"cniVersion"`
		Name       string     `json:"name"`
		IPAM       types.IPAM `json:"ipam"`

		Type    json.RawMessage `json:"type"`
		Plugins json.RawMessage `json:"plugins"`
	}
	if err := decode(data, &keys); err != nil {
		return Network{}, err
	}
	n := Network{CNIVersion: cmp.Or(keys.CNIVersion, Unversioned), Name: keys.Name, IPAM: keys.IPAM.Type, Raw: data}
	n.IsList = len(keys.Type) == 0 && len(keys.Plugins) > 0 && keys.Plugins[0] == '['
	return n, n.validate()
}

// RefuseList refuses a whole list of plugins. SPEC 1.1.0, section 1: each plugin has a type. What has none, but plugins,
// is the list itself, in which a plugin finds none of its keys: it would do something else than is written there, without
// a word.
func (n Network) RefuseList() error {
	if !n.IsList {
		return nil
	}
	return invalid("this is a list of plugins; give one plugin's configuration",
		`that is one of "plugins", with "cniVersion" and "name" of the list`)
}

func (n Network) validate() error {
	if err := validateNetworkName(n.Name); err != nil {
		return err
	}
	// SPEC 1.1.0, section 1: "Must not contain characters disallowed in file paths for the system (e.g. / or \)".
	if strings.ContainsAny(n.IPAM, `/\`) || n.IPAM == "." || n.IPAM == ".." {
		return invalid(fmt.Sprintf("ipam.type %q is not the name of a plugin", n.IPAM),
			"it is a file's name in one of the folders of CNI_PATH, without a slash")
	}
	return nil
}

func invalid(msg, details string) error {
	return types.NewError(types.ErrInvalidNetworkConfig, msg, details)
}
