package plugin

import (
	"math/rand/v2"
	"net"
	"reflect"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
)

// TestDocumentsAreResults: whatever a result has and lacks, its document is what the library writes.
func TestDocumentsAreResults(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range 2000 {
		r := g.result()
		if d := cmp.Diff(string(marshal(r)), string(marshal(documentOf(r)))); d != "" {
			t.Fatalf("the library's (-), ours (+):\n%s", d)
		}
	}
}

// TestDocumentsHaveAllFields: a field that the library gets would be missing in documents.
func TestDocumentsHaveAllFields(t *testing.T) {
	for of, fields := range map[reflect.Type]int{
		reflect.TypeFor[types100.Result]():    5,
		reflect.TypeFor[types100.Interface](): 6,
		reflect.TypeFor[types100.IPConfig]():  3,
		reflect.TypeFor[types.Route]():        7,
		reflect.TypeFor[types.DNS]():          4,
	} {
		if got := of.NumField(); got != fields {
			t.Errorf("%s has %d fields, of which documents have %d", of, got, fields)
		}
	}
}

type generator struct{ *rand.Rand }

func (g generator) result() *types100.Result {
	return &types100.Result{
		CNIVersion: g.text("", "1.0.0", "1.1.0"),
		Interfaces: several(g, func() *types100.Interface {
			return &types100.Interface{
				Name: g.text("", "eth0", "a\"b<\u00e9>"), Mac: g.text("", "02:00:00:00:00:01"), Mtu: g.number(),
				Sandbox: g.text("", "/run/netns/a"), SocketPath: g.text("", "/s"), PciID: g.text("", "0000:00"),
			}
		}),
		IPs: several(g, func() *types100.IPConfig {
			return &types100.IPConfig{Interface: g.perhaps(), Address: g.prefix(), Gateway: g.address()}
		}),
		Routes: several(g, func() *types.Route {
			return &types.Route{
				Dst: g.prefix(), GW: g.address(), MTU: g.number(), AdvMSS: g.number(), Priority: g.number(),
				Table: g.perhaps(), Scope: g.perhaps(),
			}
		}),
		DNS: types.DNS{Nameservers: g.texts(), Domain: g.text("", "lab"), Search: g.texts(), Options: g.texts()},
	}
}

func several[T any](g generator, one func() *T) (all []*T) {
	for range g.IntN(4) {
		if g.IntN(9) == 0 {
			all = append(all, nil)
		} else {
			all = append(all, one())
		}
	}
	return all
}

func (g generator) text(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) texts() []string {
	return [][]string{nil, {}, {""}, {"10.1.0.53", "fd00::53"}}[g.IntN(4)]
}

func (g generator) number() int { return []int{0, 1, -1, 1500, 1 << 31, 4294967295}[g.IntN(6)] }

func (g generator) perhaps() *int {
	if g.IntN(2) == 0 {
		return nil
	}
	return new(g.number())
}

func (g generator) address() net.IP {
	return []net.IP{nil, {}, {10, 1, 0, 1}, net.ParseIP("10.1.0.1"), net.ParseIP("fd00::1")}[g.IntN(5)]
}

func (g generator) prefix() net.IPNet {
	return []net.IPNet{
		{IP: net.IP{10, 1, 0, 2}, Mask: net.CIDRMask(16, 32)},
		{IP: net.ParseIP("fd00::2"), Mask: net.CIDRMask(64, 128)},
		{IP: net.IP{0, 0, 0, 0}, Mask: net.CIDRMask(0, 32)},
		{},
	}[g.IntN(4)]
}
