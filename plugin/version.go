package plugin

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/plugin/config"
)

// supported are the versions of the specification that the plugin speaks: all there are. newest is the one it speaks
// where the runtime does not name one.
var supported = version.All.SupportedVersions()

const newest = types100.ImplementedSpecVersion

// since is the version in which a verb came; "" for one that was there from the beginning. (VERSION itself, of 0.2.0, is
// not told a version.)
func since(verb string) string {
	switch verb {
	case verbCheck:
		return "0.4.0"
	case verbGC, verbStatus:
		return "1.1.0"
	}
	return ""
}

// allow refuses a verb that the configuration's version does not have yet.
func allow(verb, cniVersion string) error {
	first := since(verb)
	if first == "" {
		return nil
	}
	has, err := version.GreaterThanOrEqualTo(cniVersion, first)
	if err != nil {
		return types.NewError(types.ErrDecodingFailure, err.Error(), "")
	}
	if !has {
		return types.NewError(types.ErrIncompatibleCNIVersion, "config version does not allow "+verb,
			fmt.Sprintf("%s is of version %s, the configuration of %s", verb, first, cniVersion))
	}
	return nil
}

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

// checkVersion refuses a configuration of a version that the plugin does not speak.
func checkVersion(cniVersion string) error {
	err := new(version.Reconciler).CheckRaw(cniVersion, supported)
	if err == nil {
		return nil
	}
	return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", err.Details())
}

// versionForErrors is the version to print an error in: the configuration's, so far as it can be read and is known. To
// whom no configuration came, errors are told in the newest.
func versionForErrors(stdin []byte) string {
	var input struct {
		CNIVersion string `json:"cniVersion"`
	}
	if json.Unmarshal(stdin, &input) != nil {
		return newest
	}
	if named := cmp.Or(input.CNIVersion, config.Unversioned); checkVersion(named) == nil {
		return named
	}
	return newest
}
