package plugin

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/plugin/config"
)

// supported are the versions of the specification that the plugin speaks. newest is the one it speaks where the runtime
// does not name one.
var supported = []string{"1.0.0", newest}

const newest = "1.1.0"

// versionResult is SPEC 1.1.0, section 5, "VERSION Success".
type versionResult struct {
	CNIVersion        string   `json:"cniVersion"`
	SupportedVersions []string `json:"supportedVersions"`
}

// reportVersions answers in the version that the input names. Runtimes of old send no input; they are told in the
// newest.
func reportVersions(stdin []byte) (versionResult, error) {
	result := versionResult{CNIVersion: newest, SupportedVersions: supported}
	if len(stdin) == 0 {
		return result, nil
	}
	var input struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(stdin, &input); err != nil {
		return result, types.NewError(types.ErrDecodingFailure, "error unmarshall version request: "+config.Explain(err), "")
	}
	if input.CNIVersion != "" {
		result.CNIVersion = input.CNIVersion
	}
	return result, nil
}

// checkVersion refuses a configuration of a version that the plugin does not speak. One without a version is of 0.1.0,
// as for the reference plugin.
func checkVersion(cniVersion string) error {
	if cniVersion == "" {
		cniVersion = "0.1.0"
	}
	err := new(version.Reconciler).CheckRaw(cniVersion, supported)
	if err == nil {
		return nil
	}
	return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", err.Details())
}

// versionForErrors is the version to print an error in: the configuration's, so far as it can be read and is known.
func versionForErrors(stdin []byte) string {
	var input struct {
		CNIVersion string `json:"cniVersion"`
	}
	if json.Unmarshal(stdin, &input) == nil && checkVersion(input.CNIVersion) == nil {
		return input.CNIVersion
	}
	return newest
}
