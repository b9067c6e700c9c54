package hostlocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// owned returns the leases of a container, and any temporary file.
func (d disk) owned(id string) (names []string) {
	d.t.Helper()
	for name, content := range d.files() {
		if strings.HasPrefix(content, id+"\r\n") || strings.HasSuffix(name, ".tmp") {
			names = append(names, name)
		}
	}
	return names
}

// TestFailedDelIsRepeated: a DEL in which a call fails says so, unless there was nothing to do, and the next one ends
// the job.
func TestFailedDelIsRepeated(t *testing.T) {
	for _, takesEffect := range []bool{false, true} {
		failingDels(t, takesEffect, func(disk) {})
		failingDels(t, takesEffect, func(d disk) { d.must(d.WriteFile(indexFile, []byte("nonsense"), 0o600)) })
	}
}

// failingDels calls before each DEL that is to fail.
func failingDels(t *testing.T, takesEffect bool, before func(d disk)) {
	t.Helper()
	d := newDisk(t)
	d.add("other", dual)
	for n := 1; ; n++ {
		if len(d.owned("a")) == 0 {
			d.add("a", dual)
		}
		before(d)
		fault := &intercept.Fault{When: intercept.Nth(n), Errno: kernel.EIO, TakesEffect: takesEffect}
		trace := new(intercept.Trace)
		p := hostlocal.Plugin{Files: intercept.Wrap(d.Host, trace.Hook, fault.Hook)}
		err := p.Del(t.Context(), request("a", dual))
		if fault.Hits() == 0 {
			if n < 10 {
				t.Errorf("a DEL of two leases makes %d calls only", n-1)
			}
			return
		}
		if call := trace.Calls()[n-1]; err == nil && (!takesEffect || call.Op != intercept.FileRemove) {
			t.Errorf("%s fails, and Del does not", call)
		}
		d.del("a")
		if left := d.owned("a"); len(left) > 0 {
			t.Errorf("call %d fails, Del again: left %v", n, left)
		}
		if got := d.owned("other"); len(got) != 2 {
			t.Fatalf("call %d fails: the other has %v", n, got)
		}
	}
}

// TestFailedAddOfTwoSets: whichever call fails, either all addresses are reserved or none.
func TestFailedAddOfTwoSets(t *testing.T) {
	for _, takesEffect := range []bool{false, true} {
		d := newDisk(t)
		d.add("other", dual)
		for n := 1; ; n++ {
			fault := &intercept.Fault{When: intercept.Nth(n), Errno: kernel.ENOSPC, TakesEffect: takesEffect}
			p := hostlocal.Plugin{Files: intercept.Wrap(d.Host, fault.Hook)}
			_, err := p.Add(t.Context(), request("a", dual))
			want := 2
			if err != nil {
				want = 0
			}
			if got := d.owned("a"); len(got) != want {
				t.Errorf("call %d fails, Add says %v, and there are %v", n, err, got)
			}
			if fault.Hits() == 0 {
				break
			}
			d.del("a")
		}
	}
}

// TestCrash ends the process at each effect of an ADD and of a DEL. After a DEL all addresses can be had again.
func TestCrash(t *testing.T) {
	for _, after := range []bool{false, true} {
		for verb, do := range map[string]func(p hostlocal.Plugin) error{
			"ADD": func(p hostlocal.Plugin) error { _, err := p.Add(t.Context(), request("a", dual)); return err },
			"DEL": func(p hostlocal.Plugin) error { return p.Del(t.Context(), request("a", dual)) },
		} {
			for n := 1; ; n++ {
				d := newDisk(t)
				if verb == "DEL" {
					d.add("a", dual)
				}
				crash := &intercept.Crash{Effect: n, After: after}
				err := do(hostlocal.Plugin{Files: intercept.Wrap(d.Host, crash.Hook)})
				if !crash.Dead() {
					d.must(err)
					if n < 5 {
						t.Errorf("%s has %d effects only", verb, n-1)
					}
					break
				}
				d.del("a")
				if left := d.owned("a"); len(left) > 0 {
					t.Errorf("crash at effect %d of %s (after: %v), then DEL: left %v", n, verb, after, left)
				}
				for i := range 2 {
					d.add(fmt.Sprint("next", i), dual) // all that the sets have
				}
			}
		}
	}
}

// pair adds an attachment and returns its two addresses; "" where it gets none.
func (d disk) pair(r ipam.Request) string {
	result, err := d.plugin().Add(d.t.Context(), r)
	if err != nil {
		return ""
	}
	return result.IPs[0].Address.IP.String() + " " + result.IPs[1].Address.IP.String()
}

// TestConcurrentAdds give each its own addresses, and the last ones none.
func TestConcurrentAdds(t *testing.T) {
	d := newDisk(t)
	keys := `"ranges": [[{"subnet": "10.1.0.0/28"}], [{"subnet": "fd00::/124"}]]` // 13 and 14 addresses
	const actors = 16
	var got [actors]string
	var waits []func() error
	for i := range actors {
		waits = append(waits, d.Go(func() {
			id := fmt.Sprint("c", i)
			for range 3 { // come and go
				d.pair(request(id, keys))
				if err := d.plugin().Del(t.Context(), request(id, keys)); err != nil {
					t.Error(err)
				}
			}
			got[i] = d.pair(request(id, keys))
		}))
	}
	for _, wait := range waits {
		d.must(wait())
	}
	seen := map[string]bool{}
	for _, pair := range got {
		for _, ip := range strings.Fields(pair) {
			if seen[ip] {
				t.Errorf("%s was given twice", ip)
			}
			seen[ip] = true
		}
	}
	if len(seen) != 26 {
		t.Errorf("%d addresses are given away, want 13 of each family", len(seen))
	}
}
