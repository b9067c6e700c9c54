package hostlocal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLinesAreAnIndex: what is changed where it stands reads like what is written as a whole.
func TestLinesAreAnIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	whole, changed := index{}, lines("")
	for i := range 2000 {
		ip := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), byte(random.IntN(200))})
		if random.IntN(5) == 0 {
			ip = netip.AddrFrom16([16]byte{0xfd, 15: byte(random.IntN(200))})
		}
		l := lease{ip: ip, stamp: stamp{int64(i), 7}, boot: "b", owner: ownerOf(fmt.Sprintf("c%d", random.IntN(50)), "eth0")}
		if random.IntN(3) == 0 {
			delete(whole, ip)
			changed = changed.without(ip)
		} else {
			whole[ip] = l
			changed = changed.with(l)
		}
		if string(changed) != whole.String() {
			t.Fatalf("after %d changes:\n%s", i, cmp.Diff(whole.String(), string(changed)))
		}
		_, _, found, ok := changed.find(ip)
		if want, wanted := whole[ip]; ok != wanted || ok && found != want {
			t.Fatalf("%s: found %+v %v, want %+v %v", ip, found, ok, want, wanted)
		}
		b := &ledger{leases: whole}
		if d := cmp.Diff(b.ownedBy(l.owner), changed.of(l.owner), cmp.AllowUnexported(lease{}, stamp{}), cmp.Comparer(
			func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Fatalf("leases of %q: %s", l.owner, d)
		}
	}
	content := changed.withHeading()
	if back, ok := cutHeading(content); back != changed || !ok {
		t.Error("what has a heading does not have it")
	}
	if _, ok := cutHeading(content + "x"); ok {
		t.Error("a file that was cut or is longer than its heading says")
	}
}
