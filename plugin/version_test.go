package plugin_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// versions are all of the specification; a configuration without one is of 0.1.0.
var versions = []string{"", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// TestVerbsOfAllVersions: ADD, what CHECK there is, and DEL, each with the result of the ADD before.
func TestVerbsOfAllVersions(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		for _, version := range versions {
			conf := l.conf(map[string]any{"isDefaultGateway": true, "cniVersion": version})
			printed := l.succeed(request{verb: "ADD", id: "a", netns: netns, conf: conf}).stdout
			var result map[string]any
			l.must(json.Unmarshal([]byte(printed), &result))
			r := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, result)}
			if version >= "0.4.0" {
				l.succeed(r)
			} else {
				l.fail(r, 1, "config version does not allow CHECK")
			}
			l.succeed(r.as("DEL"))
			l.wantNothingLeft("DEL of version " + version)
		}
	})
}

// TestResultOfEachVersion: what the parts of a result became over time.
func TestResultOfEachVersion(t *testing.T) {
	l := newLab(t, newSim(t))
	netns := l.pod("a")
	for _, version := range versions {
		conf := l.conf(map[string]any{"isDefaultGateway": true, "cniVersion": version})
		r := request{verb: "ADD", id: "a", netns: netns, conf: conf}
		var got map[string]any
		l.must(json.Unmarshal([]byte(l.succeed(r).stdout), &got))
		l.succeed(r.as("DEL"))
		if diff := cmp.Diff(wantedParts(version, l), partsOf(got)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", version, diff)
		}
		l.must(l.Remove(l.dataDir + "/net/last_reserved_ip.0"))
	}
}

// partsOf leaves out what each run chooses: names and addresses of links.
func partsOf(result map[string]any) map[string]any {
	for _, i := range list(result["interfaces"]) {
		for _, key := range []string{"name", "mac", "sandbox"} {
			delete(i.(map[string]any), key)
		}
	}
	return result
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func wantedParts(version string, l *lab) map[string]any {
	const (
		route   = `{"dst": "0.0.0.0/0", "gw": "10.9.0.1"}`
		address = `"address": "10.9.0.2/24", "gateway": "10.9.0.1", "interface": 2`
	)
	var document string
	switch {
	case version == "":
		return wantedParts("0.1.0", l)
	case version < "0.3.0":
		document = `{"ip4": {"ip": "10.9.0.2/24", "gateway": "10.9.0.1", "routes": [` + route + `]}, "dns": {}}`
	case version < "1.0.0":
		document = `{"interfaces": [{}, {}, {}], "ips": [{"version": "4", ` + address + `}],
			"routes": [` + route + `], "dns": {}}`
	case version < "1.1.0":
		document = `{"interfaces": [{}, {}, {}], "ips": [{` + address + `}], "routes": [` + route + `]}`
	default:
		document = `{"interfaces": [{"mtu": 1500}, {"mtu": 1500}, {"mtu": 1500}], "ips": [{` + address + `}],
			"routes": [` + route + `]}`
	}
	var want map[string]any
	l.must(json.Unmarshal(fmt.Appendf(nil, `{"cniVersion": %q, %s`, version, document[1:]), &want))
	return want
}

// TestOldResultsNeedAddress: before 0.3.0 a result without an address has no form. The reference sets everything up,
// and fails when it prints.
func TestOldResultsNeedAddress(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		before := l.snapshot()
		for _, version := range []string{"", "0.1.0", "0.2.0"} {
			conf := l.conf(map[string]any{"ipam": nil, "cniVersion": version})
			e := l.fail(request{verb: "ADD", id: "a", netns: netns, conf: conf}, 7, "cannot convert: no valid IP addresses")
			if want := max(version, "0.1.0"); e.CNIVersion != want {
				t.Errorf("an error of version %s, want %s", e.CNIVersion, want)
			}
			l.wantState("ADD of version "+version, before)
		}
		l.add("a", netns, l.conf(map[string]any{"ipam": nil}))
	})
}
