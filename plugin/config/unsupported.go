package config

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// unsupported are the keys of the reference plugin that are not built here. (ipMasqBackend is missing: it says
// how to do what ipMasq asks for, and alone it asks for nothing.)
var unsupported = []string{
	"ipMasq", "macspoofchk",
}

// refuseUnsupported refuses what would change behaviour if it were built: a container that silently lacks its
// protection is worse than none.
func refuseUnsupported(data []byte) error {
	var all map[string]json.RawMessage
	if err := decode(data, &all); err != nil {
		return err
	}
	for _, key := range unsupported {
		if value := asked(all, key); value != nil {
			return Unsupported(key, value)
		}
	}
	return nil
}

// Unsupported returns the error of a key that is not built. SPEC 1.1.0, code 2: "The error message must contain the key
// and value of the unsupported field."
func Unsupported(key string, value json.RawMessage) error {
	return types.NewError(types.ErrUnsupportedField, fmt.Sprintf("unsupported field %q: %s", key, value),
		"this plugin does not have it yet; leave it out, or use a plugin that has it")
}

// asked returns the value of a key, found without regard to case as encoding/json finds it; nil where it is missing or
// asks for nothing.
func asked(all map[string]json.RawMessage, key string) json.RawMessage {
	for name, value := range all {
		if strings.EqualFold(name, key) && !asksForNothing(value) {
			return value
		}
	}
	return nil
}

// asksForNothing reports whether a value is JSON's null, false, zero or empty.
func asksForNothing(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return true
	}
	return false
}
