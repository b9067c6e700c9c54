package config_test

import (
	"fmt"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"

	"github.com/cnilab/cnilab/plugin/config"
)

// TestNamesAsTheReference holds the rules for names against those of containernetworking/cni, whose words they have.
func TestNamesAsTheReference(t *testing.T) {
	names := []string{"", ".", "..", "...", "a", "A", "0", "_", "-", "a_.-b", "ä", "a\xffb", "a b", "a\u00a0b", "a\n", "[", "@", "`", "{"}
	names = append(names, "fifteen-letters", "sixteen-letters-")
	for c := range 256 {
		names = append(names, string([]byte{byte(c)}), string([]byte{'x', byte(c)}), string([]byte{'x', byte(c), 'y'}))
	}
	refused := 0
	for _, name := range names {
		if name != "" { // theirs has code 3 for that, and the protocol never comes so far
			refused += wantSame(t, "container id", name, utils.ValidateContainerID(name), config.ValidateContainerID(name))
		}
		own := config.ValidateLinkName(name)
		if theirs := utils.ValidateInterfaceName(name); theirs != nil {
			refused += wantSame(t, "link", name, theirs, own)
		}
		_, err := config.ParseNetwork(fmt.Appendf(nil, `{"name": %q}`, name))
		if theirs := utils.ValidateNetworkName(name); (theirs == nil) != (err == nil) {
			t.Errorf("network name %q: %v, want %v", name, err, theirs)
		}
	}
	if refused < 400 {
		t.Errorf("only %d names were refused", refused)
	}
}

// wantSame returns 1 where both refuse a name.
func wantSame(t *testing.T, what, name string, theirs, ours *types.Error) int {
	t.Helper()
	switch {
	case theirs == nil && ours == nil:
		return 0
	case theirs == nil || ours == nil || theirs.Code != ours.Code || theirs.Msg != ours.Msg:
		t.Errorf("%s %q: %v, want %v", what, name, ours, theirs)
	}
	return 1
}
