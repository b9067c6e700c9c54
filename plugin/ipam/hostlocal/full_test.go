package hostlocal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// noRoomForIndex is the disk after a reboot, with room for what an operation writes but for the index.
func (d disk) noRoomForIndex(small int) hostlocal.Plugin {
	writes := 0
	return hostlocal.Plugin{Files: intercept.Wrap(rebooted{d.Host}, func(c intercept.Call, next func() error) error {
		if c.Op == intercept.FileWrite {
			if writes++; writes > small {
				return kernel.ENOSPC
			}
		}
		return next()
	})}
}

// TestFullDiskForgetsNoBoot: what finds no room for the index leaves the old one, by which the leases from before a reboot
// are void. Without it they would be taken for new ones.
func TestFullDiskForgetsNoBoot(t *testing.T) {
	for verb, do := range map[string]func(t *testing.T, d disk){
		"ADD": func(t *testing.T, d disk) {
			_, err := d.noRoomForIndex(2).Add(t.Context(), request("new", small)) // the lease, and the last address
			wantCode(t, err, 5, "ENOSPC")
		},
		"DEL": func(t *testing.T, d disk) {
			d.must(d.noRoomForIndex(0).Del(t.Context(), request("old4", small)))
		},
	} {
		t.Run(verb, func(t *testing.T) {
			d := newDisk(t)
			for i := range 5 {
				d.add(fmt.Sprint("old", i), small)
			}
			if verb == "ADD" {
				d.del("old4")
			}
			do(t, d)
			for i := range 5 {
				_, err := d.afterReboot().Add(t.Context(), request(fmt.Sprint("new", i), small))
				d.must(err)
			}
		})
	}
}

// TestFailedWithdrawalIsNotForgotten: an ADD can neither write the index nor take one of its leases back. The index does not
// claim that there is none: who comes again gets no second address, and its DEL finds the first.
func TestFailedWithdrawalIsNotForgotten(t *testing.T) {
	const dual = `"ranges": [[{"subnet": "10.1.0.0/28"}], [{"subnet": "fd00::/124"}]]`
	d := newDisk(t)
	d.add("other", dual)
	var indexFailed, removalFailed bool
	failing := hostlocal.Plugin{Files: intercept.Wrap(d.Host, func(c intercept.Call, next func() error) error {
		switch {
		case c.Op == intercept.FileRename && strings.Contains(c.Object, ".index") && !indexFailed:
			indexFailed = true
		case c.Op == intercept.FileRemove && strings.Contains(c.Object, "/fd00:") && !removalFailed:
			removalFailed = true
		default:
			return next()
		}
		return kernel.EIO
	})}
	if _, err := failing.Add(t.Context(), request("a", dual)); err == nil {
		t.Fatal("the index was written")
	}
	if !removalFailed {
		t.Fatal("no lease was to be taken back")
	}
	_, err := d.plugin().Add(t.Context(), request("a", dual))
	wantCode(t, err, 999, "duplicate allocation is not allowed")
	d.del("a")
	if left := d.owned("a"); len(left) > 0 {
		t.Errorf("DEL left %v", left)
	}
}
