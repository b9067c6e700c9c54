package config_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/plugin/config"
)

func TestParse(t *testing.T) {
	network := config.Network{CNIVersion: "1.1.0", Name: "net"}
	const head = `"cniVersion": "1.1.0", "name": "net", "type": "bridge"`
	for _, c := range []struct {
		name, keys, args string
		want             config.Config
	}{
		{name: "least", want: config.Config{Network: network, Bridge: "cni0"}},
		{name: "bridge", keys: `"bridge": "br.1-x"`, want: config.Config{Network: network, Bridge: "br.1-x"}},
		{name: "gateway", keys: `"isGateway": true`, want: config.Config{Network: network, Bridge: "cni0", IsGateway: true}},
		{
			name: "default gateway", keys: `"isDefaultGateway": true, "isGateway": false`,
			want: config.Config{Network: network, Bridge: "cni0", IsGateway: true, IsDefaultGateway: true},
		},
		{
			name: "switches", keys: `"forceAddress": true, "promiscMode": true, "disableContainerInterface": true, "enabledad": true`,
			want: config.Config{
				Network: network, Bridge: "cni0", ForceAddress: true, PromiscMode: true, DisableContainerInterface: true,
				EnableDAD: true,
			},
		},
		{
			name: "port", keys: `"hairpinMode": true, "portIsolation": true`,
			want: config.Config{Network: network, Bridge: "cni0", HairpinMode: true, PortIsolation: true},
		},
		{
			name: "masquerading", keys: `"IPMASQ": true, "ipMasqBackend": null, "macspoofchk": true, "ipam": {"type": "static"}`,
			want: config.Config{
				Network: config.Network{CNIVersion: "1.1.0", Name: "net", IPAM: "static"}, Bridge: "cni0", IPMasq: true, MACSpoofCheck: true,
			},
		},
		{
			name: "masquerading by nftables", keys: `"ipMasq": true, "ipMasqBackend": "nftables", "ipam": {"type": "static"}`,
			want: config.Config{
				Network: config.Network{CNIVersion: "1.1.0", Name: "net", IPAM: "static"}, Bridge: "cni0", IPMasq: true,
				IPMasqBackend: "nftables",
			},
		},
		{
			name: "nothing to masquerade", keys: `"ipMasq": true, "ipMasqBackend": "ipchains"`,
			want: config.Config{Network: network, Bridge: "cni0"},
		},
		{name: "least mtu", keys: `"mtu": 68`, want: config.Config{Network: network, Bridge: "cni0", MTU: 68}},
		{name: "greatest mtu", keys: `"mtu": 65535`, want: config.Config{Network: network, Bridge: "cni0", MTU: 65535}},
		{
			name: "nothing asked for",
			keys: `"mtu": 0, "vlan": 0, "vlanTrunk": [], "macspoofchk": false, "ipMasq": false, "promiscMode": null,
				"ipMasqBackend": "nftables", "ipam": {}, "dns": {}, "capabilities": {"mac": true}`,
			want: config.Config{Network: network, Bridge: "cni0"},
		},
		{
			name: "dns without servers", keys: `"dns": {"nameservers": []}`,
			want: config.Config{Network: network, Bridge: "cni0", DNS: &types.DNS{Nameservers: []string{}}},
		},
		{
			name: "previous result", keys: `"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "x"}]}`,
			want: config.Config{Network: network, Bridge: "cni0", PrevResult: &types100.Result{
				CNIVersion: "1.1.0", Interfaces: []*types100.Interface{{Name: "x"}},
			}},
		},
		{
			name: "previous result of old", keys: `"prevResult": {"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.2/24"}}`,
			want: config.Config{Network: network, Bridge: "cni0", PrevResult: &types100.Result{
				CNIVersion: "1.1.0", IPs: []*types100.IPConfig{{Address: net.IPNet{
					IP: net.IPv4(10, 1, 0, 2), Mask: net.CIDRMask(24, 32),
				}}}, Routes: []*types.Route{},
			}},
		},
		{
			name: "previous result without version", keys: `"prevResult": {"interfaces": [{"name": "x"}]}`,
			want: config.Config{Network: network, Bridge: "cni0", PrevResult: &types100.Result{
				CNIVersion: "1.1.0", Interfaces: []*types100.Interface{{Name: "x"}},
			}},
		},
		{
			name: "MAC of CNI_ARGS", args: "MAC=02:00:00:00:00:01",
			want: config.Config{Network: network, Bridge: "cni0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
		},
		{
			name: "args before CNI_ARGS", keys: `"args": {"cni": {"mac": "02:00:00:00:00:02"}}`, args: "MAC=02:00:00:00:00:01",
			want: config.Config{Network: network, Bridge: "cni0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}},
		},
		{
			name: "capability before args",
			keys: `"args": {"cni": {"mac": "02:00:00:00:00:02"}}, "runtimeConfig": {"mac": "02:00:00:00:00:03"}`,
			args: "IgnoreUnknown=1;FOO=BAR;MAC=zz",
			want: config.Config{Network: network, Bridge: "cni0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 3}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := config.Parse(document(head, c.keys), c.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(config.Network{}, "Raw")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func document(head, keys string) []byte {
	if keys != "" {
		head += ", " + keys
	}
	return []byte("{" + head + "}")
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, keys, args string
		code             uint
		words            string
	}{
		{name: "empty bridge", keys: `"bridge": ""`, code: 7, words: "interface name is empty"},
		{name: "long bridge", keys: `"bridge": "sixteen-letters-"`, code: 7, words: `invalid bridge name "sixteen-letters-"`},
		{name: "slash", keys: `"bridge": "a/b"`, code: 7, words: `invalid bridge name "a/b"`},
		{name: "small mtu", keys: `"mtu": 67`, code: 7, words: "invalid mtu 67"},
		{name: "large mtu", keys: `"mtu": 65536`, code: 7, words: "invalid mtu 65536"},
		{name: "negative mtu", keys: `"mtu": -1`, code: 7, words: "invalid mtu -1"},
		{name: "mtu in words", keys: `"mtu": "big"`, code: 6, words: `key "mtu" is a JSON string where int is wanted`},
		{name: "ipam a string", keys: `"ipam": "host-local"`, code: 6, words: `key "ipam"`},
		{name: "ipam type", keys: `"ipam": {"type": "../x"}`, code: 7, words: "ipam.type"},
		{name: "ipam dots", keys: `"ipam": {"type": ".."}`, code: 7, words: "ipam.type"},
		{
			name: "bad result", keys: `"prevResult": {"cniVersion": "1.1.0", "ips": 3}`,
			code: 6, words: `prevResult: key "ips"`,
		},
		{
			name: "backend", keys: `"ipMasq": true, "ipMasqBackend": "nft", "ipam": {"type": "static"}`,
			code: 7, words: `unknown ipmasq backend "nft"`,
		},
		{
			name: "empty backend", keys: `"ipMasq": true, "ipMasqBackend": "", "ipam": {"type": "static"}`,
			code: 7, words: `unknown ipmasq backend ""`,
		},
		{
			name: "hairpin and promiscuous", keys: `"hairpinMode": true, "promiscMode": true`,
			code: 7, words: "cannot set hairpin mode and promiscuous mode at the same time",
		},
		{
			name: "disabled with IPAM", keys: `"disableContainerInterface": true, "ipam": {"type": "static"}`,
			code: 7, words: "cannot use IPAM when DisableContainerInterface flag is set",
		},
		{name: "unknown args", args: "FOO=BAR", code: 4, words: `CNI_ARGS: ARGS: unknown args ["FOO=BAR"]`},
		{name: "broken args", args: "FOO", code: 4, words: `CNI_ARGS: ARGS: invalid pair "FOO"`},
		{name: "no MAC", args: "MAC=zz", code: 7, words: `invalid MAC address "zz"`},
		{name: "long MAC", args: "MAC=02:00:00:00:00:00:00:01", code: 7, words: "6 bytes"},
		{name: "multicast MAC", args: "MAC=01:00:00:00:00:01", code: 7, words: "multicast"},
		{name: "zero MAC", args: "MAC=00:00:00:00:00:00", code: 7, words: "all zero"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse(document(`"name": "net"`, c.keys), c.args)
			wantCode(t, err, c.code, c.words)
		})
	}
}

func wantCode(t *testing.T, err error, code uint, words string) {
	t.Helper()
	var coded *types.Error
	if !errors.As(err, &coded) || coded.Code != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want code %d and %q", err, code, words)
	}
}

// TestParseNetwork: what DEL reads must not fail for what only ADD needs.
func TestParseNetwork(t *testing.T) {
	const data = `{"cniVersion": "0.9.9", "name": "net", "vlan": 7777, "mtu": "x", "bridge": "",
		"ipam": {"type": "dhcp", "subnet": 3}}`
	got, err := config.ParseNetwork([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Network{CNIVersion: "0.9.9", Name: "net", IPAM: "dhcp", Raw: []byte(data)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzParse: whatever comes, there is an error with a code, or a configuration that keeps the limits.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"cniVersion": "1.1.0", "name": "net", "mtu": 1500, "ipam": {"type": "host-local"}}`),
		"MAC=02:00:00:00:00:01")
	f.Add([]byte(`[]`), ";")
	f.Fuzz(func(t *testing.T, data []byte, args string) {
		c, err := config.Parse(data, args)
		var coded *types.Error
		switch {
		case err != nil && !errors.As(err, &coded):
			t.Errorf("no code: %v", err)
		case err == nil && (c.Name == "" || c.Bridge == "" || len(c.Bridge) > 15 || c.MTU < 0 || c.MTU > 65535):
			t.Errorf("accepted %+v", c)
		}
	})
}
