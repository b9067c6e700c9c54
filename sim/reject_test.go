package sim

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// TestRejectionsAreTold has an ICMP error for each rejection, of the IP versions that it is for. (RFC 792, RFC 4443 3.1:
// nothing else is an unreachable destination.)
func TestRejectionsAreTold(t *testing.T) {
	for _, known := range kernel.Rejections {
		told := rejections[known.With]
		v4, v6 := told.v4.kind == icmpUnreachable, told.v6.kind == icmpv6Unreachable
		if known.Family != kernel.FilterIP6 && !v4 || known.Family != kernel.FilterIP && !v6 {
			t.Errorf("%s %q: %+v", known.Family, known.With, told)
		}
	}
	for with, want := range map[kernel.Rejection]report{
		"":                        {v4: icmpKind{3, 3}, v6: icmpKind{1, 4}},
		"icmp prot-unreachable":   {v4: icmpKind{3, 2}},
		"icmp admin-prohibited":   {v4: icmpKind{3, 13}},
		"icmpv6 addr-unreachable": {v6: icmpKind{1, 3}},
		"icmpx host-unreachable":  {v4: icmpKind{3, 1}, v6: icmpKind{1, 3}},
	} {
		if got := rejections[with]; got != want {
			t.Errorf("%q: got %+v, want %+v", with, got, want)
		}
	}
}
