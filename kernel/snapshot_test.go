package kernel_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

const sample = `netns host
  link cni0 type bridge mac 0a:58:0a:01:00:01 mtu 1500 admin up oper UP
  link lo type loopback mtu 65536 admin down oper DOWN
  link veth1 type veth peer eth0@pod-a mtu 1500 admin up oper UP master cni0 alias "two words"
  vlan 20 dev veth1 pvid yes untagged yes
  fdb 02:00:00:00:00:99 dev veth1 vlan 20 state static
  address 10.1.0.1/24 dev cni0 scope global
  route 10.1.0.0/24 dev cni0 proto kernel scope link src 10.1.0.1
  route 10.2.0.0/24 proto boot scope global nexthop via 10.1.0.2 dev nexthop weight 1 nexthop dev "two words" weight 2 dead yes
  route fe80::/64 dev cni0 proto kernel metric 256
  rule 50 family IPv4 from 10.1.0.0/24 iif lo fwmark 0x1/0xff lookup 100
  sysctl net/ipv4/ip_forward value 1
netns pod-a
  link eth0 type veth peer veth1@host mtu 1500 admin up oper UP
  neighbour 10.1.0.1 dev eth0 mac 0a:58:0a:01:00:01 state PERMANENT
files
  file /var/lib/cni/networks/net/10.1.0.2 mode 0600 content "pod-a\r\neth0"
  file /var/lib/cni/networks/net/lock mode 0750 content ""
`

func parse(t *testing.T, text string) kernel.Snapshot {
	t.Helper()
	s, err := kernel.ParseSnapshot(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotParsesBack(t *testing.T) {
	s := parse(t, sample)
	if got := s.String(); got != sample {
		t.Errorf("printed again:\n%s", got)
	}
	lease, _ := s[len(s)-2].Attr("content")
	if lease != "pod-a\r\neth0" || s[len(s)-2].NetNS != "" {
		t.Errorf("the lease was read as %+v", s[len(s)-2])
	}
	if veth := s[3]; veth.NetNS != "host" || veth.Name != "veth1" {
		t.Errorf("the veth was read as %+v", veth)
	}
}

func TestSnapshotOrderDoesNotMatter(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimSuffix(sample, "\n"), "\n")
	lines[1], lines[4] = lines[4], lines[1]
	lines[2], lines[7] = lines[7], lines[2]
	if diff := kernel.Diff(parse(t, sample), parse(t, strings.Join(lines, ""))); diff != "" {
		t.Errorf("the same objects in another order differ:\n%s", diff)
	}
}

func TestDiffShowsBothSides(t *testing.T) {
	changed := strings.NewReplacer(
		"10.1.0.1/24 dev cni0 scope global\n", "10.1.0.1/16 dev cni0 scope global\n",
		"  neighbour 10.1.0.1 dev eth0 mac 0a:58:0a:01:00:01 state PERMANENT\n", "",
	).Replace(sample)
	const want = `- host: address 10.1.0.1/24 dev cni0 scope global
+ host: address 10.1.0.1/16 dev cni0 scope global
- pod-a: neighbour 10.1.0.1 dev eth0 mac 0a:58:0a:01:00:01 state PERMANENT
`
	got := kernel.Diff(parse(t, sample), parse(t, changed))
	if sortLines(got) != sortLines(want) {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if d := kernel.Diff(parse(t, sample), parse(t, sample)); d != "" {
		t.Errorf("equal snapshots differ:\n%s", d)
	}
}

func sortLines(s string) string { return strings.Join(slices.Sorted(strings.SplitSeq(s, "\n")), "\n") }

func TestParseSnapshotSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"netns host\n  lnik cni0":            `line 2: "lnik" is none of netns, link, vlan, fdb, address, route, rule, neighbour, sysctl, nft, iptables, ip6tables, flow, file`,
		"link cni0 type":                     "line 1: want a noun, a name and pairs of key and value, got 3 words",
		"link":                               "line 1: want a noun",
		"link veth1 alias \"no end":          "line 1: no string in Go's double quotes",
		"# comment\n\nlink veth1 alias \"\\": "line 3: no string in Go's double quotes",
	} {
		_, err := kernel.ParseSnapshot(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func FuzzSnapshotParsesBack(f *testing.F) {
	f.Add(sample)
	f.Add("netns host\nlink \"\" alias \"\\u00e4\"\nfiles\nfile /a content \"\\x00\"")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := kernel.ParseSnapshot(text)
		if err != nil {
			return
		}
		again, err := kernel.ParseSnapshot(s.String())
		if err != nil {
			t.Fatalf("%v\nin what was printed:\n%s", err, s)
		}
		if again.String() != s.String() {
			t.Errorf("first:\n%s\nthen:\n%s", s, again)
		}
	})
}
