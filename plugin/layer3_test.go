package plugin

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/plugin/config"
)

// TestCompletedResult shows which gateways and routes come of what an IPAM plugin gave. A line is an address with a
// gateway, or a route.
func TestCompletedResult(t *testing.T) {
	for _, c := range []struct {
		name          string
		config        config.Config
		given         string
		result, plans string
	}{
		{
			name:   "as given",
			given:  `{"ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24",
		},
		{
			name: "no gateway given", config: config.Config{IsGateway: true},
			given:  `{"ips": [{"address": "10.1.0.5/24"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24",
		},
		{
			name: "default route", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given:  `{"ips": [{"address": "10.1.0.5/24"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, 0.0.0.0/0 via 10.1.0.1",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24, 0.0.0.0/0 via 10.1.0.1",
		},
		{
			name: "default route there", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given:  `{"ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.9"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, 0.0.0.0/0 via 10.1.0.9",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24, 0.0.0.0/0 via 10.1.0.9",
		},
		{
			name: "default route without gateway", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given:  `{"ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, 0.0.0.0/0",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24, 0.0.0.0/0 via 10.1.0.1",
		},
		{
			name: "one route twice",
			given: `{"ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}],
				"routes": [{"dst": "10.2.0.0/16"}, {"dst": "10.2.0.0/16", "gw": "10.1.0.1"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, 10.2.0.0/16, 10.2.0.0/16 via 10.1.0.1",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24, 10.2.0.0/16 via 10.1.0.1",
		},
		{
			name: "IPv6", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given:  `{"ips": [{"address": "fd00::5/64"}]}`,
			result: "fd00::5/64 gateway fd00::1, ::/0 via fd00::1",
			plans:  "address fd00::5/64, gateway fd00::1/64, ::/0 via fd00::1",
		},
		{
			name: "both families", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given: `{"ips": [{"address": "fd00::5/64"}, {"address": "10.1.0.5/24"}, {"address": "fd01::5/64"}],
				"routes": [{"dst": "fd02::/64"}, {"dst": "10.2.0.0/16"}]}`,
			result: "fd00::5/64 gateway fd00::1, 10.1.0.5/24 gateway 10.1.0.1, fd01::5/64 gateway fd01::1, " +
				"fd02::/64, 10.2.0.0/16, ::/0 via fd00::1, 0.0.0.0/0 via 10.1.0.1",
			plans: "address fd00::5/64, address 10.1.0.5/24, address fd01::5/64, " +
				"gateway fd00::1/64, gateway 10.1.0.1/24, gateway fd01::1/64, " +
				"fd02::/64 via fd00::1, 10.2.0.0/16 via 10.1.0.1, ::/0 via fd00::1, 0.0.0.0/0 via 10.1.0.1",
		},
		{
			name: "one default route there", config: config.Config{IsGateway: true, IsDefaultGateway: true},
			given: `{"ips": [{"address": "10.1.0.5/24"}, {"address": "fd00::5/64"}],
				"routes": [{"dst": "::/0", "gw": "fd00::9"}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, fd00::5/64 gateway fd00::1, ::/0 via fd00::9, 0.0.0.0/0 via 10.1.0.1",
			plans: "address 10.1.0.5/24, address fd00::5/64, gateway 10.1.0.1/24, gateway fd00::1/64, " +
				"::/0 via fd00::9, 0.0.0.0/0 via 10.1.0.1",
		},
		{
			name: "another table and metric",
			given: `{"ips": [{"address": "10.1.0.5/24"}],
				"routes": [{"dst": "0.0.0.0/0", "table": 7, "priority": 9, "scope": 200}]}`,
			result: "10.1.0.5/24, 0.0.0.0/0",
			plans:  "address 10.1.0.5/24, 0.0.0.0/0 table 7 metric 9 scope site",
		},
		{
			name: "MTU and segment size",
			given: `{"ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}],
				"routes": [{"dst": "10.2.0.0/16", "mtu": 1400, "advmss": 1360}]}`,
			result: "10.1.0.5/24 gateway 10.1.0.1, 10.2.0.0/16",
			plans:  "address 10.1.0.5/24, gateway 10.1.0.1/24, 10.2.0.0/16 via 10.1.0.1 mtu 1400 advmss 1360",
		},
		{
			name:   "IPv6 on the link",
			given:  `{"ips": [{"address": "fd00::5/64"}], "routes": [{"dst": "fd02::/64"}]}`,
			result: "fd00::5/64, fd02::/64",
			plans:  "address fd00::5/64, fd02::/64",
		},
		{
			name:   "on the link",
			given:  `{"ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "10.2.0.0/16"}]}`,
			result: "10.1.0.5/24, 10.2.0.0/16",
			plans:  "address 10.1.0.5/24, 10.2.0.0/16 scope link",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resultOf(t, c.given)
			if err := completeResult(r, c.config); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.result, describeResult(r)); diff != "" {
				t.Errorf("result -want +got:\n%s", diff)
			}
			l, err := newLayer3(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.plans, describeLayer3(l)); diff != "" {
				t.Errorf("plan -want +got:\n%s", diff)
			}
		})
	}
}

func resultOf(t *testing.T, document string) *types100.Result {
	t.Helper()
	r := new(types100.Result)
	if err := json.Unmarshal([]byte(document), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func describeResult(r *types100.Result) string {
	var lines []string
	for _, ip := range r.IPs {
		line := ip.Address.String()
		if ip.Gateway != nil {
			line += " gateway " + ip.Gateway.String()
		}
		lines = append(lines, line)
	}
	for _, route := range r.Routes {
		line := route.Dst.String()
		if route.GW != nil {
			line += " via " + route.GW.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func describeLayer3(l layer3) string {
	var lines []string
	for _, a := range l.addresses {
		lines = append(lines, "address "+a.String())
	}
	for _, g := range l.gateways {
		lines = append(lines, "gateway "+g.String())
	}
	for _, r := range l.routes {
		line := describeRoute(r)
		if r.Scope != 0 {
			line += " scope " + r.Scope.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// TestResultsRefused: an address without its prefix length is none.
func TestResultsRefused(t *testing.T) {
	for given, code := range map[string]uint{
		`{"ips": [{"gateway": "10.1.0.1"}]}`: types.ErrDecodingFailure,
	} {
		_, err := newLayer3(resultOf(t, given))
		var coded *types.Error
		if !errors.As(err, &coded) || coded.Code != code {
			t.Errorf("%s: %v, want code %d", given, err, code)
		}
	}
}
