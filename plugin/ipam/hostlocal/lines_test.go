package hostlocal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLinesAreAnIndex: what is changed where it stands reads like what is written as a whole.
func TestLinesAreAnIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	whole, changed := index{}, newLines("")
	for i := range 2000 {
		ip := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), byte(random.IntN(200))})
		if random.IntN(5) == 0 {
			ip = netip.AddrFrom16([16]byte{0xfd, 15: byte(random.IntN(200))})
		}
		id := fmt.Sprintf("c%d", random.IntN(50)) // of which some begin like others
		owners := []string{id, ownerOf(id, "eth0"), ownerOf(id, "eth0"), ownerOf(id, "eth01")}
		l := lease{ip: ip, stamp: stamp{int64(i), 7}, boot: "b", owner: owners[random.IntN(len(owners))]}
		if random.IntN(3) == 0 {
			delete(whole, ip)
			changed = changed.without(ip)
		} else {
			whole[ip] = l
			changed = changed.with(l)
		}
		if changed.String() != whole.String() {
			t.Fatalf("after %d changes:\n%s", i, cmp.Diff(whole.String(), changed.String()))
		}
		_, _, found, ok := changed.find(ip)
		if want, wanted := whole[ip]; ok != wanted || ok && found != want {
			t.Fatalf("%s: found %+v %v, want %+v %v", ip, found, ok, want, wanted)
		}
		both, alone := changed.of(id, "eth0")
		for owner, got := range map[string][]lease{ownerOf(id, "eth0"): both, id: alone} {
			if d := cmp.Diff(whole.of(owner), got, cmp.AllowUnexported(lease{}, stamp{}), cmp.Comparer(
				func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Fatalf("leases of %q: %s", owner, d)
			}
		}
	}
	copy(changed, changed.heading(7))
	if back, ok := linesOf(changed, 7); !bytes.Equal(back, changed) || !ok {
		t.Error("what has a heading does not have it")
	}
	if _, ok := linesOf(changed, 8); ok {
		t.Error("the folder has been modified since")
	}
	if _, ok := linesOf(append(changed, 'x'), 7); ok {
		t.Error("a file that was cut or is longer than its heading says")
	}
}
