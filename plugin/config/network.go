package config

import (
	"cmp"
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
}

// ParseNetwork reads what every verb needs. It does not judge the version, so that an error can be told in it.
func ParseNetwork(data []byte) (Network, error) {
	var keys struct {
		CNIVersion string     `json:"cniVersion"`
		Name       string     `json:"name"`
		IPAM       types.IPAM `json:"ipam"`
	}
	if err := decode(data, &keys); err != nil {
		return Network{}, err
	}
	n := Network{CNIVersion: cmp.Or(keys.CNIVersion, Unversioned), Name: keys.Name, IPAM: keys.IPAM.Type, Raw: data}
	return n, n.validate()
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
