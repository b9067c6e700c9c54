package plugin_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/version"
)

// referenceTranscript is what the reference's host-local and static, v1.9.1, printed when ipamCalls were made one after
// the other. TestReferenceIPAM holds it against them.
const referenceTranscript = "testdata/reference-ipam.txt"

// An ipamCall is one ADD of an IPAM plugin; the keys are those of its section.
type ipamCall struct{ program, version, keys, args string }

const (
	poolKeys = `"ranges": [[{"subnet": "10.9.0.0/29"}, {"subnet": "10.8.0.0/24"}], [{"subnet": "fd00:9::/64"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.9.0.6"}, {"dst": "::/0", "gw": "fd00:9::1"}]`
	staticKeys = `"addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}, {"address": "fd00:9::5/64"}],
		"routes": [{"dst": "10.0.0.0/8", "gw": "10.9.0.6"}], "dns": {"nameservers": ["192.0.2.53"], "domain": "a.example"}`
	oneAddress = `"subnet": "10.7.0.0/24", "rangeStart": "10.7.0.9", "rangeEnd": "10.7.0.9"`
	threeSets  = `"subnet": "10.9.0.0/24", "ranges": [[{"subnet": "10.8.0.0/24"}]]`
)

// ipamCalls are results in all versions, and refusals.
func ipamCalls() (calls []ipamCall) {
	for _, v := range version.All.SupportedVersions() {
		calls = append(calls, ipamCall{"host-local", v, poolKeys, ""}, ipamCall{"static", v, staticKeys, ""},
			ipamCall{"host-local", v, threeSets, ""})
	}
	for _, c := range []struct{ program, keys, args string }{
		{"host-local", `"subnet": "10.6.0.0/24", "gateway": "10.6.0.254"`, "IP=10.6.0.77"},
		{"host-local", `"subnet": "10.6.0.0/24"`, "IP=10.6.0.77/24"},
		{"host-local", `"subnet": "10.6.0.0/24"`, "IP=10.6.0.1"},
		{"host-local", `"subnet": "10.6.0.0/24"`, "IP=10.5.0.1"},
		{"host-local", oneAddress, ""},
		{"host-local", oneAddress, ""},
		{"host-local", `"subnet": "10.6.0.1/24"`, ""},
		{"host-local", `"subnet": "10.6.0.0/31"`, ""},
		{"host-local", `"subnet": "::ffff:10.6.0.0/120"`, ""},
		{"host-local", `"subnet": "10.6.0.0/24", "rangeStart": "10.5.0.1"`, ""},
		{"host-local", `"subnet": "10.6.0.0/24", "rangeEnd": "10.5.0.1"`, ""},
		{"host-local", `"ranges": [[]]`, ""},
		{"host-local", `"ranges": []`, ""},
		{"host-local", `"ranges": [[{"subnet": "10.6.0.0/24"}, {"subnet": "fd00::/64"}]]`, ""},
		{"host-local", `"ranges": [[{"subnet": "10.6.0.0/24"}, {"subnet": "10.6.0.0/25"}]]`, ""},
		{"host-local", `"ranges": [[{"subnet": "10.6.0.0/24"}], [{"subnet": "10.6.0.0/25"}]]`, ""},
		{"host-local", `"subnet": "10.6.0.0/24"`, "FOO=1"},
		{"static", staticKeys, "IP=10.6.0.5/24,10.5.0.5/24;GATEWAY=10.5.0.1,10.9.0.9"},
		{"static", staticKeys, "IP=10.6.0.5"},
		{"static", staticKeys, "IP=10.6.0.5/24;GATEWAY=ten"},
		{"static", `"addresses": [{"address": "10.6.0.5"}]`, ""},
		{"static", staticKeys + `}, "runtimeConfig": {"ips": ["10.6.0.5/24"]}, "x": {`, ""},
		{"static", staticKeys + `}, "args": {"cni": {"ips": ["ten"]}}, "x": {`, ""},
		{"static", `"x": {}}, "ipam": null, "y": {`, ""},
	} {
		calls = append(calls, ipamCall{c.program, "1.1.0", c.keys, c.args})
	}
	return calls
}

// transcript makes the calls, each for another container, and returns results, and of errors the messages: the codes
// differ on purpose.
func transcript(t *testing.T, dataDir string, call func(r request) answer) string {
	t.Helper()
	var b strings.Builder
	for i, c := range ipamCalls() {
		a := call(request{
			name: c.program, verb: "ADD", id: fmt.Sprint("c", i), env: []string{"CNI_ARGS=" + c.args},
			conf: fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": "x", "ipam": {"type": %q, "dataDir": %q, %s}}`,
				c.version, c.program, dataDir, c.keys),
		})
		fmt.Fprintf(&b, "-- %s %s {%s} %s\n", c.program, c.version, strings.Join(strings.Fields(c.keys), " "), c.args)
		if a.exit == 0 {
			b.WriteString(a.stdout + "\n")
			continue
		}
		var told errorObject
		if err := json.Unmarshal([]byte(a.stdout), &told); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "refused: %s\n", told.Msg)
	}
	return b.String()
}

// TestReferenceTranscript: results as the reference's, byte by byte, and its messages.
func TestReferenceTranscript(t *testing.T) {
	want, err := os.ReadFile(referenceTranscript)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, newSim(t))
	got := transcript(t, l.dataDir, func(r request) answer {
		r.netns = "/unused"
		return l.call(r)
	})
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-reference +ours:\n%s", diff)
	}
}
