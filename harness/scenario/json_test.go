package scenario

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStated(t *testing.T) {
	const result = `{ "cniVersion": "1.1.0", "ips": [ { "address": "10.1.0.2/24", "interface": 2 } ], "dns": {} }`
	for want, equal := range map[string]bool{
		`{}`:                             true,
		`{ "cniVersion": "1.1.0" }`:      true,
		`{ "cniVersion": "1.0.0" }`:      false,
		`{ "ips": [ {} ] }`:              true,
		`{ "ips": [ {}, {} ] }`:          false,
		`{ "ips": [] }`:                  false,
		`{ "ips": {} }`:                  false,
		`{ "ips": [ { "gateway": "" }]}`: false,
		`{ "routes": null }`:             false,
		`{ "ips": [ { "interface": 2, "address": "10.1.0.2/24" } ] }`: true,
		`[]`: false,
	} {
		var got, wanted any
		if err := json.Unmarshal([]byte(result), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, stated(wanted, got)); (diff == "") != equal {
			t.Errorf("%s: equal is to be %v:\n%s", want, equal, diff)
		}
	}
}
