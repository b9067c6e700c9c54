package config

import (
	"strings"
	"unicode/utf8"

	"github.com/containernetworking/cni/pkg/types"
)

// ValidateLinkName applies the specification's rules for the name of a link that is to be made, and refuses besides
// what would be made by another name than this, what Linux keeps for itself, and what no result could tell.
func ValidateLinkName(name string) *types.Error {
	for _, rule := range linkNameRules {
		if rule.broken(name) {
			return types.NewError(types.ErrInvalidEnvironmentVariables, rule.msg, rule.details)
		}
	}
	for _, rule := range []struct {
		broken bool
		msg    string
	}{
		{strings.Contains(name, "%"), "interface name contains %, where Linux puts a number (dev_alloc_name)"},
		{strings.Contains(name, "\x00"), "interface name contains NUL, where it ends for Linux"},
		{name == "all" || name == "default", "interface name is one of Linux's own in net/ipv4/conf"},
		{!utf8.ValidString(name), "interface name is not UTF-8, and no result could tell it"},
	} {
		if rule.broken {
			return types.NewError(types.ErrInvalidEnvironmentVariables, rule.msg, "")
		}
	}
	return nil
}
