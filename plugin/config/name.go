package config

import (
	"strings"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"
)

// The rules for names are those of package utils of containernetworking/cni, with its messages, and without the regular
// expressions that it links: 150 KB of the plugin's binary.

// isName applies the rule for container ids and network names (SPEC 1.1.0, section 2, "Parameters", and section 1):
// "Must start with an alphanumeric character, optionally followed by any combination of one or more alphanumeric
// characters, underscore (_), dot (.) or hyphen (-)."
func isName(s string) bool {
	for i := range len(s) {
		letter := 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z'
		if !letter && !('0' <= s[i] && s[i] <= '9') && (i == 0 || !strings.Contains("_.-", s[i:i+1])) {
			return false
		}
	}
	return s != ""
}

func validateNetworkName(name string) error {
	switch {
	case name == "":
		return invalid("missing network name", `give the configuration a "name"`)
	case !isName(name):
		return invalid("invalid characters found in network name", name)
	}
	return nil
}

// ValidateContainerID applies the specification's rule.
func ValidateContainerID(id string) *types.Error {
	if isName(id) {
		return nil
	}
	return types.NewError(types.ErrInvalidEnvironmentVariables, "invalid characters in containerID", id)
}

// maxLinkName is the length of a link's name: IFNAMSIZ - 1.
const maxLinkName = 15

// linkNameRules are the specification's, by the words of what breaks them.
var linkNameRules = []struct {
	broken       func(name string) bool
	msg, details string
}{
	{func(s string) bool { return s == "" }, "interface name is empty", ""},
	{
		func(s string) bool { return len(s) > maxLinkName },
		"interface name is too long", "interface name should be less than 16 characters",
	},
	{func(s string) bool { return s == "." || s == ".." }, "interface name is . or ..", ""},
	{
		func(s string) bool { return strings.ContainsFunc(s, isNoneOfLinkName) },
		"interface name contains / or : or whitespace characters", "",
	},
}

func isNoneOfLinkName(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) }
