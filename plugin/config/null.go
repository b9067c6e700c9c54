package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// resultLists are the keys of results, of any version, that have lists in them.
var resultLists = []string{"interfaces", "ips", "routes", "ip4", "ip6"}

// refuseNulls refuses a list with a null in it: no version of the specification has such a result, and its types take
// each element for one.
func refuseNulls(result map[string]json.RawMessage) error {
	for name, data := range result {
		known := slices.ContainsFunc(resultLists, func(key string) bool { return strings.EqualFold(key, name) })
		var value any
		if known && json.Unmarshal(data, &value) == nil && hasNull(value) {
			return fmt.Errorf("key %q has a null in a list", name)
		}
	}
	return nil
}

// hasNull finds a null that is an element of a list, at any depth.
func hasNull(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, func(element any) bool { return element == nil || hasNull(element) })
	case map[string]any:
		for _, element := range value {
			if hasNull(element) {
				return true
			}
		}
	}
	return false
}
