package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/plugin/config"
)

func TestParseVLANs(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		want       config.VLANs
		native     int
	}{
		{name: "none", want: config.VLANs{}},
		{name: "empty trunk", keys: `"vlanTrunk": []`, want: config.VLANs{}},
		{name: "one", keys: `"vlan": 4094`, want: config.VLANs{ID: 4094}, native: 4094},
		{
			name: "preserved", keys: `"vlan": 7, "preserveDefaultVlan": true`,
			want: config.VLANs{ID: 7, PreserveDefault: true}, native: 7,
		},
		{
			name: "trunk", keys: `"vlanTrunk": [{"id": 101}, {"minID": 200, "maxID": 210}]`,
			want: config.VLANs{Trunk: []config.VLANRange{{101, 101}, {200, 210}}}, native: 1,
		},
		{
			name: "range and one in one element", keys: `"vlan": 5, "vlanTrunk": [{"minID": 1, "maxID": 4094, "id": 9}]`,
			want: config.VLANs{ID: 5, Trunk: []config.VLANRange{{1, 4094}}}, native: 5,
		},
		{
			name: "ranges that meet", keys: `"vlanTrunk": [{"minID": 20, "maxID": 30}, {"id": 31}, {"minID": 10, "maxID": 25}, {"id": 33}]`,
			want: config.VLANs{Trunk: []config.VLANRange{{10, 31}, {33, 33}}}, native: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := config.Parse(document(`"name": "net"`, c.keys), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.VLANs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.VLANs.Native() != c.native || got.VLANs.Filter() != (c.native != 0) {
				t.Errorf("native %d, filter %v", got.VLANs.Native(), got.VLANs.Filter())
			}
		})
	}
}

// TestParseRefusesVLANs in the reference's words.
func TestParseRefusesVLANs(t *testing.T) {
	for keys, words := range map[string]string{
		`"vlan": -100`:                                             "invalid VLAN ID -100 (must be between 0 and 4094)",
		`"vlan": 4095`:                                             "invalid VLAN ID 4095 (must be between 0 and 4094)",
		`"vlanTrunk": [{"minID": 10}]`:                             "minID and maxID should be configured simultaneously, maxID is missing",
		`"vlanTrunk": [{"maxID": 10}]`:                             "minID and maxID should be configured simultaneously, minID is missing",
		`"vlanTrunk": [{"minID": -1, "maxID": 10}]`:                "incorrect trunk minID parameter",
		`"vlanTrunk": [{"minID": 4095, "maxID": 10}]`:              "incorrect trunk minID parameter",
		`"vlanTrunk": [{"minID": 10, "maxID": 4095}]`:              "incorrect trunk maxID parameter",
		`"vlanTrunk": [{"minID": 10, "maxID": -1}]`:                "incorrect trunk maxID parameter",
		`"vlanTrunk": [{"minID": 11, "maxID": 10}]`:                "minID is greater than maxID in trunk parameter",
		`"vlanTrunk": [{"id": 0}]`:                                 "incorrect trunk id parameter",
		`"vlanTrunk": [{"id": 4095}]`:                              "incorrect trunk id parameter",
		`"vlanTrunk": [null]`:                                      "incorrect trunk parameter null",
		`"vlan": 100, "isGateway": true, "bridge": "twelve-bytes"`: `invalid name "twelve-bytes.100" of the gateway of VLAN 100`,
	} {
		_, err := config.Parse(document(`"name": "net"`, keys), "")
		wantCode(t, err, 7, words)
	}
	_, err := config.Parse(document(`"name": "net"`, `"vlan": "7"`), "")
	wantCode(t, err, 6, `key "vlan" is a JSON string`)
}

// TestFindVLANGateway needs no valid configuration.
func TestFindVLANGateway(t *testing.T) {
	for data, want := range map[string]string{
		`{"vlan": 7, "mtu": "x"}`:             "cni0.7",
		`{"vlan": 7, "bridge": "br0"}`:        "br0.7",
		`{"bridge": "br0", "isGateway":true}`: "",
		`{"vlan": "7"}`:                       "",
	} {
		if got := config.FindVLANGateway([]byte(data)); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}
