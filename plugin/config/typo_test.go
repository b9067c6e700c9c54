package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/plugin/config"
)

func TestTypos(t *testing.T) {
	for data, want := range map[string]string{
		`{"isGatway": true}`:                     `key "isGatway" is unknown, and ignored; is it "isGateway"?`,
		`{"isGatewayy": true, "Isgateway":true}`: `key "isGatewayy" is unknown, and ignored; is it "isGateway"?`,
		`{"hairpinMoed": true}`:                  `key "hairpinMoed" is unknown, and ignored; is it "hairpinMode"?`,
		`{"ipMask": true}`:                       `key "ipMask" is unknown, and ignored; is it "ipMasq"?`,
		`{"ISGATEWAY": true, "myOwn": 1}`:        "",
		`{"bridge": "isGatway"}`:                 "",
		`[`:                                      "",
	} {
		if diff := cmp.Diff(want, strings.Join(config.Typos([]byte(data)), "\n")); diff != "" {
			t.Errorf("%s -want +got:\n%s", data, diff)
		}
	}
}

// TestOwnKeysAreKnown: whatever a Config can be made of is no typo of something else.
func TestOwnKeysAreKnown(t *testing.T) {
	for _, key := range []string{
		"bridge", "isGateway", "isDefaultGateway", "forceAddress", "hairpinMode", "portIsolation", "promiscMode",
		"enabledad", "disableContainerInterface", "mtu", "dns", "args", "runtimeConfig", "vlan", "vlanTrunk",
		"preserveDefaultVlan", "ipMasq", "ipMasqBackend", "macspoofchk", "ipam", "prevResult", "capabilities",
	} {
		if got := config.Typos([]byte(`{"` + key + `": null}`)); !reflect.DeepEqual(got, []string(nil)) {
			t.Errorf("%s: %q", key, got)
		}
	}
}
