package config

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
)

// decode is json.Unmarshal with errors that name the key.
func decode(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	return types.NewError(types.ErrDecodingFailure, "error unmarshall network config: "+Explain(err), "")
}

// Explain says in a user's words what encoding/json did not like.
func Explain(err error) string {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Sprintf("key %q is a JSON %s where %s is wanted", wrongType.Field, wrongType.Value, wrongType.Type)
	case errors.As(err, &syntax):
		return fmt.Sprintf("no valid JSON at byte %d: %v", syntax.Offset, err)
	}
	return err.Error()
}
