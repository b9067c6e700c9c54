package static_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/static"
)

// request is one with these keys in the ipam section.
func request(keys, args string) ipam.Request {
	return ipam.Request{
		CNIVersion: "1.1.0", Network: "net", ContainerID: "a", IfName: "eth0", Args: args,
		Config: []byte(`{"cniVersion": "1.1.0", "name": "net", "ipam": {"type": "static", ` + keys + `}}`),
	}
}

const (
	one = `"addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]`
	two = `"addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "fd00::5/64"}]`

	byArgs    = `}, "args": {"cni": {"ips": ["10.3.0.5/24"]}}, "x": {`
	byRuntime = `}, "runtimeConfig": {"ips": ["10.4.0.5/24", "fd04::5/64"]}, "x": {`
	byBoth    = `}, "args": {"cni": {"ips": ["bad"]}}, "runtimeConfig": {"ips": ["10.4.0.5/24"]}, "x": {`
)

func TestAdd(t *testing.T) {
	for _, c := range []struct{ name, keys, args, want string }{
		{"none", `"x": 1`, "", ""},
		{"two", two, "", "10.1.0.5/24 via 10.1.0.1, fd00::5/64 via <nil>"},
		{"IPv4 in IPv6", `"addresses": [{"address": "::ffff:10.1.0.5/120"}]`, "", "10.1.0.5/24 via <nil>"},
		{
			"CNI_ARGS", one, "IP=10.2.0.5/24, fd00::5/64",
			"10.1.0.5/24 via 10.1.0.1, 10.2.0.5/24 via <nil>, fd00::5/64 via <nil>",
		},
		{
			"gateways", one, "IP=10.2.0.5/24,fd00::5/64;GATEWAY=10.2.0.1,fd00::1,192.0.2.1",
			"10.1.0.5/24 via 10.1.0.1, 10.2.0.5/24 via 10.2.0.1, fd00::5/64 via fd00::1",
		},
		{"gateway of a configured address", one, "GATEWAY=10.1.0.9", "10.1.0.5/24 via 10.1.0.1"},
		{"args", one + byArgs, "", "10.3.0.5/24 via <nil>"},
		{"args beat CNI_ARGS", one + byArgs, "IP=bad", "10.3.0.5/24 via <nil>"},
		{"capability", one + byRuntime, "", "10.4.0.5/24 via <nil>, fd04::5/64 via <nil>"},
		{"capability beats args", one + byBoth, "", "10.4.0.5/24 via <nil>"},
	} {
		result, err := static.Plugin{}.Add(t.Context(), request(c.keys, c.args))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var words []string
		for _, ip := range result.IPs {
			words = append(words, fmt.Sprintf("%s via %s", &ip.Address, ip.Gateway))
		}
		if got := strings.Join(words, ", "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRoutesAndDNS(t *testing.T) {
	keys := one + `, "dns": {"nameservers": ["192.0.2.53"], "search": ["a.example"]},
		"routes": [{"dst": "10.0.0.0/8"}, {"dst": "10.0.0.0/8", "gw": "10.1.0.9", "mtu": 1400}]`
	result, err := static.Plugin{}.Add(t.Context(), request(keys, ""))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(result.DNS, len(result.Routes), result.Routes[1].GW, result.Routes[1].MTU)
	if want := "{[192.0.2.53]  [a.example] []} 2 10.1.0.9 1400"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		keys, args string
		code       uint
		words      string
	}{
		{`"x": {}}, "ipam": null, "y": {`, "", 7, "IPAM config missing 'ipam' key"},
		{`"addresses": 7`, "", 6, "addresses"},
		{`"addresses": [{}]`, "", 7, "the 'address' field is expected to be in CIDR notation, got: ''"},
		{
			`"addresses": [{"address": "10.1.0.5"}]`, "", 7,
			"the 'address' field is expected to be in CIDR notation, got: '10.1.0.5'",
		},
		{`"addresses": [{"address": "10.1.0.5/24", "gateway": "ten"}]`, "", 7, "invalid IP address: ten"},
		{`"routes": [null]`, "", 7, "route 0 has no dst"},
		{one, "IP=10.2.0.5", 7, "the 'ip' field is expected to be in CIDR notation, got: '10.2.0.5'"},
		{one, "IP=10.2.0.5/24;GATEWAY=fe80::1%eth0", 7, "invalid gateway address: fe80::1%eth0"},
		{one, "FOO=1", 4, `ARGS: unknown args ["FOO=1"]`},
		{
			`"x": 1}, "args": {"cni": {"ips": ["ten"]}}, "y": {`, "", 7,
			"an entry in the 'ips' field is NOT in CIDR notation, got: 'ten'",
		},
	} {
		r := request(c.keys, c.args)
		_, err := static.Plugin{}.Add(t.Context(), r)
		var coded *types.Error
		if !errors.As(err, &coded) || coded.Code != c.code || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s, %s: got %v, want code %d and %q", c.keys, c.args, err, c.code, c.words)
		}
		for verb, err2 := range map[string]error{
			"Validate": static.Plugin{}.Validate(r), "STATUS": static.Plugin{}.Status(t.Context(), r),
			"CHECK": static.Plugin{}.Check(t.Context(), r),
		} {
			if fmt.Sprint(err2) != fmt.Sprint(err) {
				t.Errorf("%s says %v, ADD %v", verb, err2, err)
			}
		}
	}
}

// TestOldVersions have one place for an address of each family.
func TestOldVersions(t *testing.T) {
	for keys, refused := range map[string]bool{
		two: false, `"addresses": [{"address": "10.1.0.5/24"}, {"address": "10.1.0.6/24"}]`: true,
	} {
		r := request(keys, "")
		r.Config = []byte(strings.Replace(string(r.Config), "1.1.0", "0.2.0", 1))
		err := static.Plugin{}.Validate(r)
		if (err != nil) != refused {
			t.Errorf("%s: %v", keys, err)
		}
		if refused && !strings.Contains(err.Error(), "CNI version 0.2.0 does not support more than 1 address per family") {
			t.Error(err)
		}
	}
}

// TestCheck: the reference passes where prevResult lacks an address.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ prev, words string }{
		{`null`, "Required prevResult missing"},
		{`"a word"`, "prevResult"},
		{result("10.1.0.1", `, {"address": "fd00::5/64"}`), ""},
		{result("10.1.0.1", `, {"address": "fd00::5/64", "gateway": "fd00::1"}`), ""},
		{result("10.1.0.9", `, {"address": "fd00::5/64"}`), "Failed to match addr 10.1.0.5 on interface eth0"},
		{result("10.1.0.1", ""), "fd00::5 is not in prevResult"},
	} {
		err := static.Plugin{}.Check(t.Context(), request(two+`}, "prevResult": `+c.prev+`, "x": {`, ""))
		if c.words == "" && err != nil || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%s: got %v, want %q", c.prev, err, c.words)
		}
	}
}

// result has 10.1.0.5 with this gateway, and more addresses.
func result(gateway, more string) string {
	return `{"ips": [{"address": "10.1.0.5/24", "gateway": "` + gateway + `"}` + more + `]}`
}

// TestNothingIsKept: two attachments can have one address, and giving back what nobody has is no error.
func TestNothingIsKept(t *testing.T) {
	r := request(one, "")
	for range 2 {
		if _, err := (static.Plugin{}).Add(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(static.Plugin{}.Del(t.Context(), r), static.Plugin{}.GC(t.Context(), r, nil)); err != nil {
		t.Error(err)
	}
}
