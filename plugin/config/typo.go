package config

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// knownKeys are those of a network configuration, the runtime's and the specification's included.
var knownKeys = []string{
	"cniVersion", "cniVersions", "name", "type", "capabilities", "disableCheck", "disableGC", "ipam", "dns", "args",
	"runtimeConfig", "prevResult", "cni.dev/valid-attachments", "cni.dev/attachments",
	"bridge", "isGateway", "isDefaultGateway", "forceAddress", "ipMasq", "ipMasqBackend", "mtu", "hairpinMode",
	"promiscMode", "vlan", "vlanTrunk", "preserveDefaultVlan", "macspoofchk", "enabledad", "disableContainerInterface",
	"portIsolation",
}

// Typos returns a sentence on each key that nobody knows and that is a known one but for one slip: a letter that is
// missing, one too many, another one, or two that have changed places. Unknown keys are no error: later versions of a
// plugin may know them.
func Typos(data []byte) (sentences []string) {
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return nil
	}
	for key := range all {
		if meant := meantBy(key); meant != "" {
			sentences = append(sentences, fmt.Sprintf("key %q is unknown, and ignored; is it %q?", key, meant))
		}
	}
	sort.Slice(sentences, func(i, j int) bool { return sentences[i] < sentences[j] })
	return sentences
}

// meantBy returns the known key that an unknown one seems to be; "" where there is none. Upper and lower case are the
// same to encoding/json.
func meantBy(key string) (meant string) {
	key = strings.ToLower(key)
	for _, known := range knownKeys {
		switch lower := strings.ToLower(known); {
		case lower == key:
			return ""
		case meant == "" && IsOneSlip(key, lower):
			meant = known
		}
	}
	return meant
}

// IsOneSlip reports whether a word is another one but for a letter that is missing, one too many, another one, or two that
// have changed places. It compares what is left of the two without their common beginning and end.
func IsOneSlip(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return swapped || len(a) <= 1 && len(b) <= 1
}
