package hostlocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// dual are two sets: one of two IPv4 ranges of one usable address each, and an IPv6 one.
const dual = `"ranges": [
	[{"subnet": "10.1.0.0/30"}, {"subnet": "10.2.0.0/30", "gateway": "10.2.0.2"}],
	[{"subnet": "fd00::/64", "rangeEnd": "fd00::3"}]]`

// addresses adds an attachment and returns what it got, with gateways.
func (d disk) addresses(r ipam.Request) string {
	d.t.Helper()
	result, err := d.plugin().Add(d.t.Context(), r)
	d.must(err)
	var words []string
	for _, ip := range result.IPs {
		words = append(words, fmt.Sprintf("%s via %s", &ip.Address, ip.Gateway))
	}
	return strings.Join(words, ", ")
}

// TestOneAddressOfEachSet, and where a set has none left, none of any.
func TestOneAddressOfEachSet(t *testing.T) {
	d := newDisk(t)
	for id, want := range []string{
		"10.1.0.2/30 via 10.1.0.1, fd00::2/64 via fd00::1",
		"10.2.0.1/30 via 10.2.0.2, fd00::3/64 via fd00::1",
	} {
		if got := d.addresses(request(fmt.Sprint(id), dual)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	d.wantFiles(map[string]string{
		"net/10.1.0.2": "0\r\neth0", "net/10.2.0.1": "1\r\neth0", "net/fd00::2": "0\r\neth0", "net/fd00::3": "1\r\neth0",
		"net/last_reserved_ip.0": "10.2.0.1", "net/last_reserved_ip.1": "fd00::3", "net/lock": "",
	})
	d.del("0")
	d.write("fd00::2", "other\r\neth0")
	_, err := d.plugin().Add(t.Context(), request("2", dual))
	wantCode(t, err, hostlocal.CodeExhausted,
		"failed to allocate for range 1: no IP addresses available in range set: fd00::1-fd00::3")
	d.wantFiles(map[string]string{
		"net/10.2.0.1": "1\r\neth0", "net/fd00::2": "other\r\neth0", "net/fd00::3": "1\r\neth0",
		"net/last_reserved_ip.0": "10.1.0.2", "net/last_reserved_ip.1": "fd00::3", "net/lock": "",
	})
}

// TestOrderOfSets: the runtime's, the old keys', the list's.
func TestOrderOfSets(t *testing.T) {
	keys := small + `, "ranges": [[{"subnet": "10.3.0.0/24"}]]},
		"runtimeConfig": {"ipRanges": [[{"subnet": "10.2.0.0/24"}]]}, "x": {`
	const want = "10.2.0.2/24 via 10.2.0.1, 10.1.0.2/29 via 10.1.0.1, 10.3.0.2/24 via 10.3.0.1"
	if got := newDisk(t).addresses(request("a", keys)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRoundRobinOverRanges goes on in the next range, and from the last to the first.
func TestRoundRobinOverRanges(t *testing.T) {
	d := newDisk(t)
	keys := `"ranges": [[{"subnet": "10.1.0.0/30"}, {"subnet": "10.2.0.0/29", "rangeStart": "10.2.0.5"}]]`
	var got []string
	for range 5 {
		got = append(got, d.add("a", keys))
		d.del("a")
	}
	if diff := cmp.Diff([]string{"10.1.0.2", "10.2.0.5", "10.2.0.6", "10.1.0.2", "10.2.0.5"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRequestedAddresses(t *testing.T) {
	for _, c := range []struct{ name, keys, args, want string }{
		{"CNI_ARGS", wide, "IP=10.1.0.7", "10.1.0.7"},
		{"with length", wide, "IP=10.1.0.7/8", "10.1.0.7"},
		{"IPv4 in IPv6", wide, "IP=::ffff:10.1.0.7", "10.1.0.7"},
		{"empty", wide, "IP=", "10.1.0.2"},
		{"args", wide + `}, "args": {"cni": {"ips": ["10.1.0.8"]}}, "x": {`, "", "10.1.0.8"},
		{"args beat CNI_ARGS", wide + `}, "args": {"cni": {"ips": ["10.1.0.8"]}}, "x": {`, "IP=10.1.0.7", "10.1.0.8"},
		{"capability", wide + `}, "runtimeConfig": {"ips": ["10.1.0.9/24"]}, "x": {`, "", "10.1.0.9"},
		{"the same twice", wide + `}, "runtimeConfig": {"ips": ["10.1.0.9"]}, "x": {`, "IP=10.1.0.9", "10.1.0.9"},
		{"second set alone", dual, "IP=fd00::3", "10.1.0.2 fd00::3"},
		{
			"both sets", dual + `}, "runtimeConfig": {"ips": ["fd00::3", "10.2.0.1"]}, "x": {`, "",
			"10.2.0.1 fd00::3",
		},
	} {
		d := newDisk(t)
		r := request("a", c.keys)
		r.Args = c.args
		result, err := d.plugin().Add(t.Context(), r)
		d.must(err)
		var got []string
		for _, ip := range result.IPs {
			got = append(got, ip.Address.IP.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
}

// TestRequestedAddressTaken: nobody loses an address to one who asks for it, and the first set's is given back.
func TestRequestedAddressTaken(t *testing.T) {
	d := newDisk(t)
	d.write("fd00::3", "other\r\neth0")
	r := request("a", dual)
	r.Args = "IP=fd00::3"
	_, err := d.plugin().Add(t.Context(), r)
	wantCode(t, err, hostlocal.CodeTaken,
		"failed to allocate for range 1: requested IP address fd00::3 is not available in range set fd00::1-fd00::3")
	d.wantFiles(map[string]string{"net/fd00::3": "other\r\neth0", "net/last_reserved_ip.0": "10.1.0.2", "net/lock": ""})
}

// TestOldVersions have one place for an address of each family.
func TestOldVersions(t *testing.T) {
	two := `"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}]]`
	for version, refused := range map[string]bool{"0.1.0": true, "0.2.0": true, "0.3.0": false, "1.1.0": false} {
		r := request("a", two)
		r.Config = []byte(strings.Replace(string(r.Config), "1.1.0", version, 1))
		err := hostlocal.Plugin{}.Validate(r)
		if refused {
			wantCode(t, err, 7, "CNI version "+version+" does not support more than 1 address per family")
		} else if err != nil {
			t.Errorf("%s: %v", version, err)
		}
		r.Config = []byte(strings.Replace(string(request("a", dual).Config), "1.1.0", version, 1))
		if err := (hostlocal.Plugin{}).Validate(r); err != nil {
			t.Errorf("%s, one of each family: %v", version, err)
		}
	}
}

func TestResolvConf(t *testing.T) {
	d := newDisk(t)
	keys := wide + `, "resolvConf": "/etc/pod.conf"`
	_, err := d.plugin().Add(t.Context(), request("a", keys))
	wantCode(t, err, 5, "/etc/pod.conf")
	wantCode(t, d.plugin().Status(t.Context(), request("", keys)), 50, "/etc/pod.conf")
	d.must(d.WriteFile("/etc/pod.conf", []byte("# nameserver 192.0.2.9\n;nameserver 192.0.2.8\nnameserver\n"+
		"nameserver 192.0.2.1 x\n nameserver fd00::53\ndomain example.com\nsearch a.example b.example\nsearch c.example\n"+
		"options ndots:5 rotate\noptions edns0"), 0o644))
	r, err := d.plugin().Add(t.Context(), request("a", keys))
	d.must(err)
	const want = "{[192.0.2.1 fd00::53] example.com [a.example b.example c.example] [ndots:5 rotate edns0]}"
	if got := fmt.Sprint(r.DNS); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
