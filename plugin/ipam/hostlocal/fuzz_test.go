package hostlocal_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// FuzzConfig: what is refused has a code, and from what is not, addresses of the ranges are given, and given back.
func FuzzConfig(f *testing.F) {
	for _, keys := range []string{
		wide, dual, small + `, "gateway": "10.1.0.6"`, `"subnet": "fd00::/8"`, `"ranges": [[{}]]`,
		`"ranges": [[{"subnet": "10.0.0.0/8", "rangeStart": "10.255.255.255"}]]`,
		`"subnet": "255.255.255.0/24", "rangeEnd": "255.255.255.255"`, `"subnet": "0.0.0.0/0"`, `"subnet": "::/0"`,
		wide + `}, "runtimeConfig": {"ips": ["10.1.0.9"], "ipRanges": [[{"subnet": "10.9.0.0/30"}]]}, "x": {`,
	} {
		f.Add(string(request("a", keys).Config), "IP=10.1.0.7")
		f.Add(string(request("a", keys).Config), "")
	}
	f.Fuzz(func(t *testing.T, config, args string) {
		r := ipam.Request{
			CNIVersion: "1.1.0", Network: "net", ContainerID: "a", IfName: "eth0", Args: args, Config: []byte(config),
		}
		c, err := hostlocal.ParseConfig(r.Config, r.Args)
		if err != nil {
			var coded *types.Error
			if !errors.As(err, &coded) {
				t.Fatalf("%v has no code", err)
			}
			return
		}
		if c.ResolvConf != "" || !strings.HasPrefix(c.DataDir, hostlocal.DefaultDataDir) {
			return // anything may be there
		}
		d := newDisk(t)
		result, err := d.plugin().Add(t.Context(), r)
		if err != nil {
			return
		}
		for i, ip := range result.IPs {
			if a, _ := netip.AddrFromSlice(ip.Address.IP); !c.Sets[i].Contains(a) {
				t.Errorf("gave %s, which is not of %s", a, c.Sets[i])
			}
		}
		d.must(d.plugin().Del(t.Context(), r))
		if left := d.owned("a"); len(left) > 0 {
			t.Errorf("DEL left %v", left)
		}
	})
}

// FuzzFiles: whatever lease, hint and index say, an ADD gives nobody's address, and a DEL releases what ADD gave.
func FuzzFiles(f *testing.F) {
	f.Add("b\r\neth0", "10.1.0.2", "")
	f.Add("", "10.1.0.6", "10.1.0.2 0 0 boot \"\"\n")
	f.Add(" \n", "fd00::1", "10.1.0.2 1767225600000000000 7 boot \"a\\r\\neth0\"\n")
	f.Add("a", "", "10.1.0.2 1767225600000000000 1 x \"b\\r\\neth0\"\n10.1.0.2 %d\n")
	f.Fuzz(func(t *testing.T, content, last, index string) {
		d := newDisk(t)
		d.write("10.1.0.2", content)
		d.write("last_reserved_ip.0", last)
		d.must(d.WriteFile(indexFile, []byte(index), 0o600))
		result, err := d.plugin().Add(t.Context(), request("a", small))
		if err != nil {
			return
		}
		// The index may say that the lease is from before a reboot; then it is void.
		ip, taken := result.IPs[0].Address.IP.String(), strings.TrimSpace(content) != ""
		if ip == "10.1.0.2" && taken && index == "" {
			t.Errorf("gave an address that has the lease %q", content)
		}
		d.del("a")
		var others []string // what another interface of the container has
		if strings.HasPrefix(content, "a\r\n") && strings.TrimSpace(content) != "a\r\neth0" {
			others = []string{"net/10.1.0.2"}
		}
		if left := d.owned("a"); len(left) > 0 && !slices.Equal(left, others) {
			t.Errorf("DEL left %v", left)
		}
	})
}
