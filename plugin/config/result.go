package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// ParsePrevResult reads the result of the plugin before in the chain; nil where there is none.
func ParsePrevResult(n Network) (*types100.Result, error) {
	var keys struct {
		PrevResult json.RawMessage `json:"prevResult"`
	}
	if err := decode(n.Raw, &keys); err != nil {
		return nil, err
	}
	if len(keys.PrevResult) == 0 || string(keys.PrevResult) == "null" {
		return nil, nil
	}
	result, err := DecodeResult(keys.PrevResult, n.CNIVersion)
	if err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "prevResult: "+Explain(err), "")
	}
	return result, nil
}

// DecodeResult reads a result of any version of the specification. One that does not name its version is of the given
// one: runtimes of old, and some IPAM plugins, leave it out.
func DecodeResult(data []byte, version string) (*types100.Result, error) {
	keys := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, err
	}
	if keys == nil {
		return nil, errors.New("it is null")
	}
	if err := refuseNulls(keys); err != nil {
		return nil, err
	}
	if v := keys["cniVersion"]; len(v) == 0 || bytes.Equal(v, []byte(`""`)) {
		keys["cniVersion"] = fmt.Appendf(nil, "%q", version)
	}
	whole, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	result, err := create.CreateFromBytes(whole)
	if err != nil {
		return nil, err
	}
	return types100.NewResultFromResult(result)
}
