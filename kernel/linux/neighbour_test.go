//go:build linux

package linux

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

func TestNeighbours(t *testing.T) {
	self, link := newRouted(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	want := []kernel.Neighbour{
		{Link: link, IP: addr("10.1.0.7"), MAC: mac, State: kernel.Permanent},
		{Link: link, IP: addr("10.1.0.8"), MAC: mac, State: kernel.Stale},
		{Link: link, IP: addr("fd00::7"), MAC: mac, State: kernel.Permanent},
	}
	for _, n := range want {
		if n.State == kernel.Permanent {
			n.State = ""
		}
		must(t, self.AddNeighbour(n))
		wantErrno(t, "add again", self.AddNeighbour(n), kernel.EEXIST)
	}
	for _, of := range []int{0, link} {
		got, err := self.Neighbours(of)
		must(t, err)
		if diff := cmp.Diff(want, got, byValue); diff != "" {
			t.Error(diff)
		}
	}
	if got, err := self.Neighbours(99); err != nil || len(got) != 0 {
		t.Errorf("neighbours of no link: %v, %v", got, err)
	}
	for _, n := range want {
		must(t, self.DeleteNeighbour(n))
		wantErrno(t, "delete again", self.DeleteNeighbour(n), kernel.ENOENT)
	}
}

func TestNeighbourErrors(t *testing.T) {
	self, link := newRouted(t)
	ip := addr("10.1.0.7")
	for what, tt := range map[string]struct {
		n    kernel.Neighbour
		want kernel.Errno
	}{
		"no link":       {kernel.Neighbour{Link: 99, IP: ip}, kernel.ENODEV},
		"link 0":        {kernel.Neighbour{IP: ip}, kernel.ENODEV},
		"no address":    {kernel.Neighbour{Link: link}, kernel.EINVAL},
		"no such state": {kernel.Neighbour{Link: link, IP: ip, State: "nonsense"}, kernel.EINVAL},
	} {
		wantErrno(t, what, self.AddNeighbour(tt.n), tt.want)
	}
	wantErrno(t, "delete without a link", self.DeleteNeighbour(kernel.Neighbour{Link: 99, IP: ip}), kernel.ENODEV)
}
