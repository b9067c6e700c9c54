package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

func parseState(t *testing.T, text string) kernel.Snapshot {
	t.Helper()
	state, err := kernel.ParseSnapshot(text)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestChanges(t *testing.T) {
	before := parseState(t, `
netns host
  link br0 type bridge mac 02:00:00:00:00:01 mtu 1500 admin down
  link veth1 type veth peer eth0@pod-a mac 02:00:00:00:00:02 mtu 1500 admin up master br0 alias mine
  route 10.1.0.0/24 via 10.7.0.1 dev br0
  sysctl net/ipv4/ip_forward value 0
netns pod-a
  link eth0 type veth peer veth1@host mtu 1500 admin up
  address 10.1.0.2/24 dev eth0
`)
	after := parseState(t, `
netns host
  link br0 type bridge mac 02:00:00:00:00:03 mtu 1500 admin up promisc yes
  route 10.1.0.0/24 via 10.7.0.2 dev br0
  route 10.1.0.1/32 type local dev br0 table local
  sysctl net/ipv4/conf/br0/arp_notify value 1
  sysctl net/ipv4/ip_forward value 1
netns pod-b
  link lo type loopback mtu 65536 admin up
  address 127.0.0.1/8 dev lo
  sysctl net/ipv4/ip_forward value 0
files
  file /var/lib/x content "`+strings.Repeat("x", 100)+`"
`)
	want := []string{
		"~ host: link br0: admin up (was down), promisc yes (was none)",
		"- host: link veth1 type veth peer eth0@pod-a mtu 1500 admin up master br0",
		"- host: route 10.1.0.0/24 via 10.7.0.1 dev br0",
		"+ host: route 10.1.0.0/24 via 10.7.0.2 dev br0",
		"~ host: sysctl net/ipv4/ip_forward: value 1 (was 0)",
		"- netns pod-a, and all that was in it",
		"+ netns pod-b",
		"+ pod-b: link lo type loopback mtu 65536 admin up",
		"+ file /var/lib/x bytes 100",
	}
	if diff := cmp.Diff(want, changes(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same := changes(after, after); same != nil {
		t.Errorf("between equal states: %q", same)
	}
}

func TestLayOutJSON(t *testing.T) {
	document := `{"name":"net","list":[{"a":1},{"b":[]}],"text":"a \"word\""}`
	for width, want := range map[int]string{
		80: `{ "name": "net", "list": [ { "a": 1 }, { "b": [] } ], "text": "a \"word\"" }`,
		40: `{
  "name": "net",
  "list": [ { "a": 1 }, { "b": [] } ],
  "text": "a \"word\""
}`,
		20: `{
  "name": "net",
  "list": [
    { "a": 1 },
    { "b": [] }
  ],
  "text": "a \"word\""
}`,
	} {
		if got := strings.Join(layOutJSON([]byte(document), width), "\n"); got != want {
			t.Errorf("in %d columns:\n%s\nwant\n%s", width, got, want)
		}
	}
	for _, other := range []string{"", "answer from 10.7.0.1\n", "17", "{"} {
		if got := layOutJSON([]byte(other), 80); got != nil {
			t.Errorf("%q is laid out as %q", other, got)
		}
	}
}
