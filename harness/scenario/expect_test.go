package scenario

import (
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

const state = `netns host
  link cni0 type bridge mtu 1500 admin up oper UP
  link veth1 type veth peer eth0@pod-a mtu 1500 admin up oper UP master cni0
  address 10.1.0.1/24 dev cni0 scope global
  address fe80::1/64 dev cni0 scope link tentative yes
  route 10.2.0.0/24 scope global nexthop via 10.1.0.2 dev cni0 weight 1 nexthop via 10.1.0.3 dev cni0 weight 2 dead yes
  route fe80::1/128 type local dev cni0 table local proto kernel
netns pod-a
  link eth0 type veth peer veth1@host mtu 1500 admin up oper UP
files
  file /var/lib/cni/networks/net/10.1.0.2 mode 0600 content "pod-a\r\neth0"
`

func snapshotOf(t *testing.T, text string) kernel.Snapshot {
	t.Helper()
	s, err := kernel.ParseSnapshot(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkStatements compares a file of expect with the state above.
func checkStatements(t *testing.T, text string) error {
	t.Helper()
	all, err := parseStatements(text, 10)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{scenario: Scenario{File: "try.txtar"}}
	return s.check("want", all, snapshotOf(t, state))
}

func TestWhatIsStatedIsSo(t *testing.T) {
	for _, text := range []string{
		"",
		"# nothing\n\nfiles\n",
		"link cni0",
		"netns host\n  link cni0 mtu 1500 type bridge",
		"link veth* peer *@pod-a master cni0\nnetns pod-a\nlink eth0 peer veth*@host",
		"! link eth0\nnetns pod-a\n! link veth1\n! address *",
		"! netns pod-b\nlink cni0", // what is not there does not begin a part
		"! link * type dummy",
		"route 10.2.0.0/24 nexthop weight 2 nexthop dev cni0 via 10.1.0.2",
		"! route 10.2.0.0/24 nexthop via 10.1.0.2 dead yes", // that is the other one
		"files\nfile *10.1.0.2 content \"pod-a\\r\\neth0\"\n! file *10.1.0.3",
	} {
		if err := checkStatements(t, text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}

func TestWhatIsStatedIsNotSo(t *testing.T) {
	for text, want := range map[string]string{
		"link cni1": "\ntry.txtar:11\n- host: link cni1",
		"\nlink cni0 mtu 1400 type bridge": "\ntry.txtar:12\n- host: link cni0 mtu 1400 type bridge\n" +
			"+ host: link cni0 mtu 1500 type bridge",
		"link cni0 master br0": "\n- host: link cni0 master br0\n+ host: link cni0",
		"! link veth*":         "\n- none: host: link veth*\n+ host: link veth1 type veth peer eth0@pod-a",
		"route 10.2.0.0/24 nexthop weight 3": "\n- host: route 10.2.0.0/24 nexthop weight 3\n" +
			"+ host: route 10.2.0.0/24 nexthop via 10.1.0.2 dev cni0 weight 1 nexthop via 10.1.0.3 dev cni0 weight 2 dead yes",
		"netns pod-b":                            "\n- netns pod-b",
		"! netns pod-a":                          "\n- none: netns pod-a\n+ netns pod-a",
		"netns pod-a\nlink cni0":                 "\ntry.txtar:12\n- pod-a: link cni0",
		"file *10.1.0.2 content \"pod-b*\"":      "\n+ file /var/lib/cni/networks/net/10.1.0.2 content \"pod-a\\r\\neth0\"",
		"link cni0 mtu 1400\nlink veth1 alias y": "\ntry.txtar:12\n- host: link veth1 alias y",
	} {
		err := checkStatements(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestStatementsThatAreNone(t *testing.T) {
	_, err := parseStatements("netns host\n  lnik cni0", 10)
	if err == nil || !strings.Contains(err.Error(), `12: "lnik" is none of`) {
		t.Errorf("got %v", err)
	}
}

// TestFilesThatNobodyLooksAt: that one of them is not there would be true whatever a plugin did.
func TestFilesThatNobodyLooksAt(t *testing.T) {
	for name, seen := range map[string]bool{
		"/var/lib/cni/mine/*": true, "/var/lib/cni/*/10.1.0.2": true, "/run/cni/mine": true, "*": true, "/var/*": true,
		"b:/run/cni/x": true, "/run/mine": false, "/var/lib/mine/*": false, "/var/lib/cnix": false, "b:/run/x": false,
	} {
		_, err := parseStatements("files\n  ! file "+name, 10)
		if seen != (err == nil) || err != nil && !strings.Contains(err.Error(), "12: "+name+" is not looked at") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLasting(t *testing.T) {
	const want = `netns host
  link cni0 type bridge mtu 1500 admin up
  link veth1 type veth peer eth0@pod-a mtu 1500 admin up master cni0
  address 10.1.0.1/24 dev cni0 scope global
  route 10.2.0.0/24 scope global nexthop via 10.1.0.2 dev cni0 weight 1 nexthop via 10.1.0.3 dev cni0 weight 2 dead yes
netns pod-a
  link eth0 type veth peer veth1@host mtu 1500 admin up
files
  file /var/lib/cni/networks/net/10.1.0.2 mode 0600 content "pod-a\r\neth0"
`
	if got := lasting(snapshotOf(t, state)).String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
