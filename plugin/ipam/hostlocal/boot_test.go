package hostlocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// rebooted is the same disk after the machine was started again.
type rebooted struct{ kernel.Host }

func (rebooted) BootID() (string, error) { return "another-boot", nil }

func (d disk) afterReboot() hostlocal.Plugin { return hostlocal.Plugin{Files: rebooted{d.Host}} }

// TestOwnLeaseFromBeforeReboot does not keep a container from an address: the reference says "duplicate allocation is
// not allowed" until somebody deletes files by hand.
func TestOwnLeaseFromBeforeReboot(t *testing.T) {
	d := newDisk(t)
	d.add("a", wide)
	r, err := d.afterReboot().Add(t.Context(), request("a", wide))
	d.must(err)
	if got := r.IPs[0].Address.IP.String(); got != "10.1.0.3" {
		t.Errorf("got %s", got)
	}
	d.wantFiles(map[string]string{"net/10.1.0.3": "a\r\neth0", "net/last_reserved_ip.0": "10.1.0.3", "net/lock": ""})
	_, err = d.afterReboot().Add(t.Context(), request("a", wide))
	wantCode(t, err, 999, "10.1.0.3 has been allocated to a, duplicate allocation is not allowed")
}

// TestExhaustedBeforeReboot: free addresses go first, then those of before.
func TestExhaustedBeforeReboot(t *testing.T) {
	d := newDisk(t)
	for i := range 4 {
		d.add(fmt.Sprint("old", i), small)
	}
	for i, want := range []string{"10.1.0.6", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"} {
		d.must(d.afterReboot().Status(t.Context(), request("", small)))
		r, err := d.afterReboot().Add(t.Context(), request(fmt.Sprint("new", i), small))
		d.must(err)
		if got := r.IPs[0].Address.IP.String(); got != want {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
	wantCode(t, d.afterReboot().Status(t.Context(), request("", small)), 50, "no IP addresses available")
	d.must(d.afterReboot().Del(t.Context(), request("old0", small)))
	_, err := d.afterReboot().Add(t.Context(), request("late", small))
	wantCode(t, err, hostlocal.CodeExhausted, "no IP addresses available")
}

func TestRequestedFromBeforeReboot(t *testing.T) {
	d := newDisk(t)
	d.add("old", wide)
	r := request("new", wide)
	r.Args = "IP=10.1.0.2"
	if _, err := d.afterReboot().Add(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestUnknownLeasesAreOfThisBoot: nobody can tell when the reference made one that was not seen before.
func TestUnknownLeasesAreOfThisBoot(t *testing.T) {
	d := newDisk(t)
	for i := 2; i <= 6; i++ {
		d.write(fmt.Sprint("10.1.0.", i), fmt.Sprintf("theirs%d\r\neth0", i))
	}
	_, err := d.plugin().Add(t.Context(), request("a", small))
	wantCode(t, err, hostlocal.CodeExhausted, "no IP addresses available")
	d.must(d.Remove(dir + "/10.1.0.4"))
	d.add("a", small) // sees them all
	if _, err := d.afterReboot().Add(t.Context(), request("b", small)); err != nil {
		t.Errorf("seen before the reboot: %v", err)
	}
}

const indexFile = "/var/lib/cni/networks/.net.index"

// TestIndexIsOnlyAHint: DEL and CHECK find what is there, and GC releases nothing else, whatever the index says.
func TestIndexIsOnlyAHint(t *testing.T) {
	for name, spoil := range map[string]func(index string) string{
		"nonsense":     func(string) string { return "nonsense\n10.1.0.2 x" },
		"empty":        func(string) string { return "" },
		"cut":          func(s string) string { return s[:len(s)/2] },
		"owners mixed": func(s string) string { return strings.NewReplacer(`"a\r`, `"b\r`, `"b\r`, `"a\r`).Replace(s) },
		"no owner":     func(s string) string { return strings.ReplaceAll(s, `"a\r\neth0"`, `""`) },
	} {
		d := newDisk(t)
		spoiled := func() {
			content, err := d.ReadFile(indexFile)
			d.must(err)
			d.must(d.WriteFile(indexFile, []byte(spoil(string(content))), 0o600))
		}
		d.add("a", wide)
		d.add("b", wide)
		spoiled()
		if err := d.plugin().Check(t.Context(), request("a", wide)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.must(d.plugin().GC(t.Context(), request("", wide), valid("a", "b")))
		d.add("c", wide)
		spoiled()
		d.del("a")
		for file, content := range d.files() {
			if strings.HasPrefix(content, "a\r") {
				t.Errorf("%s: DEL left %s", name, file)
			}
		}
		if got := len(d.files()); got != 4 { // b, c, last, lock
			t.Errorf("%s: left %v", name, d.files())
		}
	}
}

// TestManyLeasesAreNotLookedAt: while nobody else touches the folder, an operation takes the same calls among 300 leases of
// ours as among 30, but for STATUS, which looks for the first free address.
func TestManyLeasesAreNotLookedAt(t *testing.T) {
	big := `"subnet": "10.1.0.0/19"`
	d := newDisk(t)
	calls := func(verb string, do func(p hostlocal.Plugin) error) string {
		trace := new(intercept.Trace)
		d.must(do(hostlocal.Plugin{Files: intercept.Wrap(d.Host, trace.Hook)}))
		names := []string{verb}
		for _, c := range trace.Calls() {
			names = append(names, string(c.Op))
		}
		return strings.Join(names, ", ")
	}
	add := func(p hostlocal.Plugin) error { _, err := p.Add(t.Context(), request("a", big)); return err }
	check := func(p hostlocal.Plugin) error { return p.Check(t.Context(), request("a", big)) }
	del := func(p hostlocal.Plugin) error { return p.Del(t.Context(), request("a", big)) }
	var all [][]string
	for _, n := range []int{30, 300} {
		for i := range n {
			d.add(fmt.Sprintf("%d of %d", i, n), big)
		}
		all = append(all, []string{calls("ADD", add), calls("CHECK", check), calls("DEL", del)})
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("among 30 (-) and among 300 (+):\n%s", diff)
	}
	if s := fmt.Sprint(all); strings.Contains(s, string(intercept.FolderRead)) {
		t.Errorf("the folder was read: %s", s)
	}
}

// TestLeasesOfOthersAreNoticed: the reference plugin, which knows nothing of the index, makes leases and deletes some.
func TestLeasesOfOthersAreNoticed(t *testing.T) {
	d := newDisk(t)
	d.add("a", wide)
	d.write("10.1.0.9", "b\r\neth0")
	if _, err := d.plugin().Add(t.Context(), request("b", wide)); err == nil || !strings.Contains(err.Error(), "10.1.0.9") {
		t.Errorf("b has an address: %v", err)
	}
	d.must(d.Remove(dir + "/10.1.0.2"))
	d.add("a", wide)
	d.must(d.plugin().Check(t.Context(), request("b", wide)))
}

// TestManyLeases: an ADD among thousands reads no lease but its own.
func TestManyLeases(t *testing.T) {
	d := newDisk(t)
	big := `"subnet": "10.1.0.0/19"`
	for i := range 300 {
		d.write(fmt.Sprintf("10.1.%d.%d", 1+i/200, i%200), fmt.Sprintf("theirs%d\r\neth0", i))
	}
	d.add("first", big)
	for verb, do := range map[string]func(p hostlocal.Plugin) error{
		"ADD":    func(p hostlocal.Plugin) error { _, err := p.Add(t.Context(), request("a", big)); return err },
		"CHECK":  func(p hostlocal.Plugin) error { return p.Check(t.Context(), request("first", big)) },
		"STATUS": func(p hostlocal.Plugin) error { return p.Status(t.Context(), request("", big)) },
		"DEL":    func(p hostlocal.Plugin) error { return p.Del(t.Context(), request("first", big)) },
	} {
		trace := new(intercept.Trace)
		d.must(do(hostlocal.Plugin{Files: intercept.Wrap(d.Host, trace.Hook)}))
		if verb == "DEL" {
			d.add("first", big) // whichever order the map has
		}
		reads := 0
		for _, c := range trace.Calls() {
			if c.Op == intercept.FileRead {
				reads++
			}
		}
		if reads > 4 {
			t.Errorf("%s among 300 leases reads %d files", verb, reads)
		}
	}
}
