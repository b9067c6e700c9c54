package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

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
