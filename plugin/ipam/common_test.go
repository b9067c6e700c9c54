package ipam_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// wantError wants an error with a code of the specification and these words in it; "" for none.
func wantError(t *testing.T, what string, err error, code uint, words string) {
	t.Helper()
	if words == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	refused, ok := errors.AsType[*types.Error](err)
	if !ok || refused.Code != code || !strings.Contains(refused.Error(), words) {
		t.Errorf("%s: got %v, want code %d with %q", what, err, code, words)
	}
}

// TestRefuseTooMany has results of the last version that can tell one address of each family, and of the next.
func TestRefuseTooMany(t *testing.T) {
	for _, c := range []struct{ version, addresses, refused string }{
		{"0.2.0", "10.0.0.1 fd00::1", ""},
		{"0.2.0", "10.0.0.1 10.0.0.2", "CNI version 0.2.0 does not support more than 1 address per family"},
		{"0.2.0", "fd00::1 fd00::2", "CNI version 0.2.0 does not support"},
		{"0.3.0", "10.0.0.1 10.0.0.2 fd00::1 fd00::2", ""},
		{"", "10.0.0.1 10.0.0.2", "does not support"},
		{"what", "10.0.0.1 10.0.0.2", "does not support"},
		{"what", "10.0.0.1", ""},
	} {
		var addresses []netip.Addr
		for word := range strings.FieldsSeq(c.addresses) {
			addresses = append(addresses, netip.MustParseAddr(word))
		}
		wantError(t, c.version+" "+c.addresses, ipam.RefuseTooMany(c.version, addresses), 7, c.refused)
	}
}

func TestRefuseRoutes(t *testing.T) {
	for routes, refused := range map[string]string{
		`null`: "",
		`[{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.0.1"}]`: "",
		`[{"dst": "0.0.0.0/0"}, null]`:                                    "ipam.routes: route 1 has no dst",
		`[{"gw": "10.1.0.1"}]`:                                            "ipam.routes: route 0 has no dst",
	} {
		var list []*types.Route
		if err := json.Unmarshal([]byte(routes), &list); err != nil {
			t.Fatal(err)
		}
		wantError(t, routes, ipam.RefuseRoutes(list), 7, refused)
	}
}

func TestParseAddr(t *testing.T) {
	for word, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "fd00::1": "fd00::1",
		"fe80::1%eth0": "", "10.0.0.1/8": "", " 10.0.0.1": "", "": "",
	} {
		got, err := ipam.ParseAddr(word)
		switch {
		case want == "" && (err == nil || err.Error() != "invalid IP address: "+word):
			t.Errorf("%q: got %v, %v", word, got, err)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q: got %v, %v, want %s", word, got, err, want)
		}
	}
}

func TestLoadArgs(t *testing.T) {
	for args, refused := range map[string]string{
		"":                          "",
		"IP=10.0.0.1":               "",
		"IgnoreUnknown=1;K8S=x":     "",
		"K8S=x":                     "CNI_ARGS; IgnoreUnknown=1 there lets keys pass",
		"IP":                        "CNI_ARGS",
		"IgnoreUnknown=perhaps;A=b": "CNI_ARGS",
	} {
		var known struct {
			types.CommonArgs
			IP types.UnmarshallableString
		}
		wantError(t, args, ipam.LoadArgs(args, &known), 4, refused)
		if args == "IP=10.0.0.1" && known.IP != "10.0.0.1" {
			t.Errorf("IP is %q", known.IP)
		}
	}
}

func TestPrevResult(t *testing.T) {
	for config, c := range map[string]struct{ ip, refused string }{
		`{}`:                   {},
		`{"prevResult": null}`: {},
		`{"prevResult": {"ips": [{"address": "10.0.0.2/24"}]}}`: {ip: "10.0.0.2"},
		`{"prevResult": {"ips": 1}}`:                            {refused: "prevResult: "},
		`{`:                                                     {refused: "prevResult: "},
	} {
		result, err := ipam.PrevResult(ipam.Request{CNIVersion: "1.0.0", Config: []byte(config)})
		wantError(t, config, err, 6, c.refused)
		if got := result != nil; got != (c.ip != "") {
			t.Errorf("%s: a result: %v", config, got)
		} else if got && result.IPs[0].Address.IP.String() != c.ip {
			t.Errorf("%s: got %v", config, result)
		}
	}
}

func TestDecode(t *testing.T) {
	var keys struct{ Name string }
	wantError(t, "a number", ipam.Decode([]byte(`{"name": 1}`), &keys), 6, `key "Name" is a JSON number where string is wanted`)
	wantError(t, "a name", ipam.Decode([]byte(`{"name": "lab"}`), &keys), 6, "")
	if keys.Name != "lab" {
		t.Errorf("got %q", keys.Name)
	}
	wantError(t, "no section", ipam.NoSection(), 7, "IPAM config missing 'ipam' key")
}
