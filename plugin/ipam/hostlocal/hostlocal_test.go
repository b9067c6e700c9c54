package hostlocal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
	"github.com/cnilab/cnilab/sim"
)

const dir = "/var/lib/cni/networks/net"

// A disk is a machine's files, and the plugin on them.
type disk struct {
	*sim.Host
	t *testing.T
}

func newDisk(t *testing.T) disk {
	w := sim.NewWorld(sim.Config{Seed: 1})
	t.Cleanup(w.Close)
	return disk{w.AddHost("node"), t}
}

func (d disk) plugin() hostlocal.Plugin { return hostlocal.Plugin{Files: d.Host} }

// request is one for the container's eth0, with these keys in the ipam section.
func request(id, keys string) ipam.Request {
	return ipam.Request{
		CNIVersion: "1.1.0", Network: "net", ContainerID: id, IfName: "eth0",
		Config: []byte(`{"cniVersion": "1.1.0", "name": "net", "ipam": {"type": "host-local", ` + keys + `}}`),
	}
}

const (
	small = `"subnet": "10.1.0.0/29"` // 10.1.0.2 to 10.1.0.6
	wide  = `"subnet": "10.1.0.0/24"`
)

// add reserves an address and returns it.
func (d disk) add(id, keys string) string {
	d.t.Helper()
	r, err := d.plugin().Add(d.t.Context(), request(id, keys))
	d.must(err)
	return r.IPs[0].Address.IP.String()
}

func (d disk) del(id string) {
	d.t.Helper()
	d.must(d.plugin().Del(d.t.Context(), request(id, small)))
}

func (d disk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) write(name, content string) {
	d.t.Helper()
	d.must(d.MkdirAll(dir, 0o755))
	d.must(d.WriteFile(dir+"/"+name, []byte(content), 0o600))
}

// files are the names and contents below the folder of all networks, but for the index.
func (d disk) files() map[string]string {
	d.t.Helper()
	s, err := kernel.Take(d.Host, "/var/lib/cni")
	d.must(err)
	found := map[string]string{}
	const folder = "/var/lib/cni/networks/"
	for _, o := range s {
		if o.Name == folder+".net.index" {
			continue
		}
		if o.Noun == kernel.NounFile {
			found[strings.TrimPrefix(o.Name, folder)], _ = o.Attr("content")
		}
	}
	return found
}

func (d disk) wantFiles(want map[string]string) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.files()); diff != "" {
		d.t.Errorf("files -want +got:\n%s", diff)
	}
}

// wantCode expects an error with this code and these words.
func wantCode(t *testing.T, err error, code uint, words string) {
	t.Helper()
	var coded *types.Error
	if !errors.As(err, &coded) || coded.Code != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want code %d and %q", err, code, words)
	}
}

// TestFormat is the reference's format on disk, byte by byte.
func TestFormat(t *testing.T) {
	d := newDisk(t)
	routes := `, "routes": [{"dst": "10.0.0.0/8"}, {"dst": "0.0.0.0/0", "gw": "10.1.0.9"}]`
	r, err := d.plugin().Add(t.Context(), request("a", wide+routes))
	d.must(err)
	d.wantFiles(map[string]string{"net/10.1.0.2": "a\r\neth0", "net/last_reserved_ip.0": "10.1.0.2", "net/lock": ""})
	got := fmt.Sprint(&r.IPs[0].Address, r.IPs[0].Gateway, &r.Routes[0].Dst, r.Routes[1].GW, r.Interfaces)
	if got != "10.1.0.2/24 10.1.0.1 10.0.0.0/8 10.1.0.9 []" {
		t.Errorf("result %s", got)
	}
}

// TestRoundRobin: an address just released comes last.
func TestRoundRobin(t *testing.T) {
	d := newDisk(t)
	var got []string
	for i := range 5 {
		got = append(got, d.add(fmt.Sprint("c", i), small))
	}
	if want := "[10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.5 10.1.0.6]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	_, err := d.plugin().Add(t.Context(), request("late", small))
	wantCode(t, err, hostlocal.CodeExhausted, "no IP addresses available in range set: 10.1.0.1-10.1.0.6")
	d.del("c3")
	d.del("c1")
	if got := d.add("d", small); got != "10.1.0.3" {
		t.Errorf("after the last comes %s, want 10.1.0.3", got)
	}
	if got := d.add("e", small); got != "10.1.0.5" {
		t.Errorf("then comes %s, want 10.1.0.5", got)
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{wide + `, "rangeStart": "10.1.0.100"`, "10.1.0.100"},
		{wide + `, "rangeStart": "10.1.0.0", "rangeEnd": "10.1.0.255"`, "10.1.0.2"},
		{wide + `, "gateway": "10.1.0.254"`, "10.1.0.1"},
		{wide + `, "rangeStart": "10.1.0.9", "gateway": "10.1.0.9"`, "10.1.0.10"},
		{`"ranges": [[{"subnet": "10.2.0.0/16", "rangeStart": "10.2.7.0"}]]`, "10.2.7.0"},
		{`"subnet": "10.1.0.0/30"`, "10.1.0.2"},
	} {
		if got := newDisk(t).add("a", c.keys); got != c.want {
			t.Errorf("%s: %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestRefusedConfigurations(t *testing.T) {
	for _, c := range []struct {
		keys, args string
		code       uint
		words      string
	}{
		{`"x": 1`, "", 7, "no IP ranges specified"},
		{`"ranges": []`, "", 7, "no IP ranges specified"},
		{`"rangeStart": "10.1.0.9"`, "", 7, "no IP ranges specified"},
		{`"x": {}}, "ipam": null, "y": {`, "", 7, "IPAM config missing 'ipam' key"},
		{`"ranges": [[]]`, "", 7, "invalid range set 0: empty range set"},
		{`"ranges": [[{}]]`, "", 7, "invalid range set 0: IP <nil> not v4 nor v6"},
		{wide + `, "ranges": [[]]`, "", 7, "invalid range set 1: empty range set"},
		{`"subnet": 7`, "", 6, "subnet"},
		{`"subnet": "ten"`, "", 7, `invalid range set 0: subnet "ten": invalid CIDR address: ten`},
		{`"subnet": "10.1.0.0/31"`, "", 7, "Network 10.1.0.0/31 too small to allocate from"},
		{`"subnet": "fd00::/127"`, "", 7, "Network fd00::/127 too small to allocate from"},
		{`"subnet": "::ffff:10.1.0.0/120"`, "", 7, "IPNet IP and Mask version mismatch"},
		{
			`"subnet": "10.1.0.5/24"`, "", 7,
			"Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0",
		},
		{wide + `, "rangeStart": "10.2.0.1"`, "", 7, "RangeStart 10.2.0.1 not in network 10.1.0.0/24"},
		{wide + `, "rangeEnd": "10.2.0.1"`, "", 7, "RangeEnd 10.2.0.1 not in network 10.1.0.0/24"},
		{
			wide + `, "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.8"`, "", 7,
			"RangeEnd 10.1.0.8 not in network 10.1.0.0/24: it is before RangeStart 10.1.0.9",
		},
		{wide + `, "rangeEnd": "::1%lo"`, "", 7, "invalid IP address: ::1%lo"},
		{wide + `, "gateway": "fd00::1"`, "", 7, "gateway fd00::1 cannot be that of 10.1.0.0/24"},
		{wide + `, "dataDir": "leases"`, "", 7, `ipam.dataDir "leases" is not an absolute path`},
		{`"ranges": [[{"subnet": "10.2.0.0/24"}, {"subnet": "fd00::/64"}]]`, "", 7, "mixed address families"},
		{
			`"ranges": [[{"subnet": "10.2.0.0/24"}, {"subnet": "10.2.0.0/25"}]]`, "", 7,
			"subnets 10.2.0.1-10.2.0.254 and 10.2.0.1-10.2.0.126 overlap",
		},
		{
			wide + `, "ranges": [[{"subnet": "10.2.0.0/24"}], [{"subnet": "10.1.0.0/16"}]]`, "", 7,
			"range set 0 overlaps with 2",
		},
		{wide + `}, "runtimeConfig": {"ips": ["ten"]}, "x": {`, "", 7, "cannot understand ip: invalid IP address ten"},
		{wide + `}, "args": {"cni": {"ips": ["ten/8"]}}, "x": {`, "", 7, "invalid IP address ten/8"},
		{wide, "IP=ten", 4, `ARGS: error parsing value of pair "IP=ten": invalid IP address ten`},
		{wide, "FOO=1", 4, `ARGS: unknown args ["FOO=1"]`},
		{wide, "IP=10.1.0.1", 7, "failed to allocate for range 0: requested ip 10.1.0.1 is subnet's gateway"},
		{wide, "IP=10.2.0.9", 7, "failed to allocate all requested IPs: 10.2.0.9"},
		{
			wide + `, "rangeStart": "10.1.0.0"`, "IP=10.1.0.0", 7,
			"requested IP address 10.1.0.0 is not available in range set 10.1.0.0-10.1.0.254",
		},
		{
			wide + `}, "runtimeConfig": {"ips": ["10.1.0.8"]}, "x": {`, "IP=10.1.0.7", 7,
			"failed to allocate all requested IPs: 10.1.0.8",
		},
		{wide + `, "routes": [{}]`, "", 7, "route 0 has no dst"},
	} {
		d := newDisk(t)
		r := request("a", c.keys)
		r.Args = c.args
		_, err := d.plugin().Add(t.Context(), r)
		wantCode(t, err, c.code, c.words)
		if err2 := d.plugin().Validate(r); fmt.Sprint(err2) != fmt.Sprint(err) {
			t.Errorf("Validate says %v, Add %v", err2, err)
		}
		d.wantFiles(map[string]string{})
	}
}

func TestNoSecondAddress(t *testing.T) {
	d := newDisk(t)
	d.add("a", wide)
	before := d.files()
	_, err := d.plugin().Add(t.Context(), request("a", wide))
	wantCode(t, err, 999, "10.1.0.2 has been allocated to a, duplicate allocation is not allowed")
	d.wantFiles(before)
	second := request("a", wide)
	second.IfName = "eth1"
	if _, err := d.plugin().Add(t.Context(), second); err != nil {
		t.Errorf("another interface: %v", err)
	}
}

// TestTornLease: a file that was made and never written would lose its address for ever.
func TestTornLease(t *testing.T) {
	d := newDisk(t)
	d.write("10.1.0.2", "")
	if got := d.add("a", small); got != "10.1.0.2" {
		t.Errorf("got %s, want the torn lease's", got)
	}
	d.wantFiles(map[string]string{"net/10.1.0.2": "a\r\neth0", "net/last_reserved_ip.0": "10.1.0.2", "net/lock": ""})
}

// TestLeftTemporaryFile: one that is a lease's second name must not be written through.
func TestLeftTemporaryFile(t *testing.T) {
	d := newDisk(t)
	d.add("a", wide)
	d.must(d.Link(dir+"/10.1.0.2", "/var/lib/cni/networks/.net.tmp"))
	d.add("b", wide)
	d.wantFiles(map[string]string{
		"net/10.1.0.2": "a\r\neth0", "net/10.1.0.3": "b\r\neth0", "net/last_reserved_ip.0": "10.1.0.3", "net/lock": "",
	})
}

// TestHintsAreOnlyHints: whatever the file of the last address holds, an address is found.
func TestHintsAreOnlyHints(t *testing.T) {
	for _, hint := range []string{"", "nonsense", "10.200.0.1", "fd00::1", "10.1.0.6\n"} {
		d := newDisk(t)
		d.write("last_reserved_ip.0", hint)
		if got := d.add("a", small); got != "10.1.0.2" {
			t.Errorf("hint %q: %s", hint, got)
		}
	}
}

// TestDel releases by content, of one interface, and what old releases of the reference wrote; needs no range; and is
// content with nothing.
func TestDel(t *testing.T) {
	d := newDisk(t)
	d.del("nobody")
	d.wantFiles(map[string]string{})
	d.write("10.1.0.2", "a\r\neth0")
	d.write("10.1.0.3", "a\r\neth1")
	d.write("10.1.0.4", "old\n")
	d.write("10.1.0.5", "b\r\neth0")
	d.write("notes", "a\r\neth0")
	for _, id := range []string{"a", "a", "old"} {
		d.must(d.plugin().Del(t.Context(), request(id, `"x": 1`)))
	}
	d.wantFiles(map[string]string{
		"net/10.1.0.3": "a\r\neth1", "net/10.1.0.5": "b\r\neth0", "net/lock": "", "net/notes": "a\r\neth0",
	})
}

func TestCheck(t *testing.T) {
	d := newDisk(t)
	check := func(id, prev string) error {
		return d.plugin().Check(t.Context(), request(id, wide+`}, "prevResult": {"ips": [`+prev+`]}, "x": {`))
	}
	if err := check("a", ""); err == nil {
		t.Error("CHECK before ADD succeeds")
	}
	d.add("a", wide)
	for prev, want := range map[string]bool{
		"":                            true,
		`{"address": "10.1.0.2/24"}`:  true,
		`{"address": "192.0.2.1/24"}`: true, // another plugin's
		`{"address": "10.1.0.3/24"}`:  false,
		`{"address": "fd00::1:2/64"}`: true,
	} {
		if err := check("a", prev); (err == nil) != want {
			t.Errorf("CHECK with %s: %v", prev, err)
		}
	}
	if err := check("b", ""); err == nil {
		t.Error("CHECK of another succeeds")
	}
}

// TestLockIsWaitedFor, and not for ever.
func TestLockIsWaitedFor(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll(dir, 0o755))
	unlock, err := d.LockFile(t.Context(), dir+"/lock", time.Second)
	d.must(err)
	before := d.Now()
	_, err = d.plugin().Add(t.Context(), request("a", wide))
	wantCode(t, err, 11, "EAGAIN")
	if waited := d.Now().Sub(before); waited != 10*time.Second {
		t.Errorf("waited %s", waited)
	}
	wantCode(t, d.plugin().Del(t.Context(), request("a", wide)), 11, "EAGAIN")
	unlock()
	d.add("a", wide)
}

// TestFailedAddReservesNothing lets each call on the files fail, before it takes effect and after.
func TestFailedAddReservesNothing(t *testing.T) {
	for _, takesEffect := range []bool{false, true} {
		for _, indexed := range []bool{false, true} {
			ops := failingAdds(t, takesEffect, indexed)
			if ops[intercept.FolderRead] == indexed {
				t.Errorf("with an index (%v) the sweep came to %v", indexed, ops)
			}
			for _, op := range []intercept.Op{
				intercept.FolderMake, intercept.FileLock, intercept.FileRead, intercept.FileStat, intercept.FileWrite,
				intercept.FileLink, intercept.FileRename, intercept.FileRemove,
			} {
				if !ops[op] {
					t.Errorf("the sweep never came to %q", op)
				}
			}
		}
	}
}

// failingAdds returns what has failed.
func failingAdds(t *testing.T, takesEffect, indexed bool) map[intercept.Op]bool {
	t.Helper()
	d := newDisk(t)
	d.add("first", wide)
	ops := map[intercept.Op]bool{}
	for n := 1; ; n++ {
		d.must(d.plugin().Del(t.Context(), request("victim", wide)))
		d.write("10.1.0.3", "") // torn, so that reclaiming fails as well
		if indexed {
			d.write("last_reserved_ip.0", "10.1.0.50")
			d.add("other", wide)
			d.del("other")
		} else {
			_ = d.Remove(indexFile) // the DEL may have left none
		}
		d.write("last_reserved_ip.0", "10.1.0.2")
		fault := &intercept.Fault{When: intercept.Nth(n), Errno: kernel.EIO, TakesEffect: takesEffect}
		trace := new(intercept.Trace)
		p := hostlocal.Plugin{Files: intercept.Wrap(d.Host, trace.Hook, fault.Hook)}
		_, err := p.Add(t.Context(), request("victim", wide))
		if fault.Hits() == 0 {
			return ops
		}
		call := trace.Calls()[n-1]
		ops[call.Op] = true
		if err == nil {
			if takesEffect && (call.Op == intercept.FileRemove || call.Op == intercept.FileRead) {
				continue // there was nothing to remove or to read: the backend's answer stands
			}
			t.Fatalf("%s fails, and Add does not", call)
		}
		wantCode(t, err, types.ErrIOFailure, "EIO")
		for name, content := range d.files() {
			if strings.HasPrefix(content, "victim") || strings.HasSuffix(name, ".tmp") {
				t.Errorf("%s failed (effect: %v): left %s with %q", call, takesEffect, name, content)
			}
		}
	}
}

// TestLeaseOfWhoIgnoresTheLock stays theirs: the reference plugin goes on when it cannot get the lock.
func TestLeaseOfWhoIgnoresTheLock(t *testing.T) {
	d := newDisk(t)
	meddle := func(c intercept.Call, next func() error) error {
		if c.Op == intercept.FileLink {
			d.write("10.1.0.2", "theirs\r\neth0")
		}
		return next()
	}
	_, err := hostlocal.Plugin{Files: intercept.Wrap(d.Host, meddle)}.Add(t.Context(), request("a", wide))
	wantCode(t, err, types.ErrIOFailure, "EEXIST")
	d.wantFiles(map[string]string{"net/10.1.0.2": "theirs\r\neth0", "net/lock": ""})
}
