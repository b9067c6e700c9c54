//go:build linux

package linux

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cnilab/cnilab/kernel"
)

var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})

var prefix, addr, at = netip.MustParsePrefix, netip.MustParseAddr, netip.MustParseAddrPort

func TestAddresses(t *testing.T) {
	_, self := newMachine(t)
	first, second := addBridge(t, self, "br0").Index, addBridge(t, self, "br1").Index
	add := func(a kernel.Address) {
		t.Helper()
		must(t, self.AddAddress(a))
	}
	add(kernel.Address{Link: second, Prefix: prefix("fd00::1/64"), NoDAD: true})
	add(kernel.Address{Link: second, Prefix: prefix("10.1.0.1/24"), Broadcast: addr("10.1.0.255")})
	add(kernel.Address{Link: second, Prefix: prefix("10.1.0.2/24")})
	add(kernel.Address{Link: first, Prefix: prefix("169.254.0.1/16"), Scope: kernel.ScopeLink})
	all, err := self.Addresses(0)
	must(t, err)
	all = slices.DeleteFunc(all, func(a kernel.Address) bool { return prefix("fe80::/64").Contains(a.Prefix.Addr()) })
	want := []kernel.Address{
		{Link: first, Prefix: prefix("169.254.0.1/16"), Scope: kernel.ScopeLink},
		{Link: second, Prefix: prefix("10.1.0.1/24"), Broadcast: addr("10.1.0.255")},
		{Link: second, Prefix: prefix("10.1.0.2/24"), Secondary: true},
		{Link: second, Prefix: prefix("fd00::1/64"), NoDAD: true},
	}
	if diff := cmp.Diff(want, all, byValue); diff != "" {
		t.Error(diff)
	}
	must(t, self.DeleteAddress(kernel.Address{Link: second, Prefix: prefix("10.1.0.2/24")}))
	must(t, self.DeleteAddress(kernel.Address{Link: second, Prefix: prefix("fd00::1/64")}))
	left, err := self.Addresses(second)
	must(t, err)
	left = slices.DeleteFunc(left, func(a kernel.Address) bool { return a.Prefix.Addr().Is6() }) // the link-local one
	if len(left) != 1 || left[0].Prefix != want[1].Prefix {
		t.Errorf("left on %d: %v", second, left)
	}
	none, err := self.Addresses(99)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("addresses of no link: %v", none)
	}
}

func TestAddressIsTentativeAtFirst(t *testing.T) {
	h, self := newMachine(t)
	a, _ := join(t, self, "a", newPod(t, h, "pod"), "b")
	prefix := prefix("fd00::1/64")
	must(t, self.AddAddress(kernel.Address{Link: a.Index, Prefix: prefix}))
	all, err := self.Addresses(a.Index)
	must(t, err)
	if !slices.ContainsFunc(all, func(a kernel.Address) bool { return a.Prefix == prefix && a.Tentative && !a.DADFailed }) {
		t.Errorf("%v is not tentative", all)
	}
}

func TestAddressErrors(t *testing.T) {
	_, self := newMachine(t)
	bridge := addBridge(t, self, "br0").Index
	four, six := prefix("10.1.0.1/24"), prefix("fd00::1/64")
	must(t, self.AddAddress(kernel.Address{Link: bridge, Prefix: four}))
	must(t, self.AddAddress(kernel.Address{Link: bridge, Prefix: six}))
	for what, tt := range map[string]struct {
		a    kernel.Address
		want kernel.Errno
	}{
		"IPv4 twice":             {kernel.Address{Link: bridge, Prefix: four}, kernel.EEXIST},
		"IPv4 in another subnet": {kernel.Address{Link: bridge, Prefix: prefix("10.1.0.1/16")}, 0},
		"IPv6 twice":             {kernel.Address{Link: bridge, Prefix: six}, kernel.EEXIST},
		"IPv6 in another subnet": {kernel.Address{Link: bridge, Prefix: prefix("fd00::1/48")}, kernel.EEXIST},
		"IPv4 without a link":    {kernel.Address{Link: 99, Prefix: four}, kernel.ENODEV},
		"IPv6 without a link":    {kernel.Address{Link: 99, Prefix: six}, kernel.ENODEV},
		"link 0":                 {kernel.Address{Prefix: four}, kernel.ENODEV},
		"nothing":                {kernel.Address{Link: bridge}, kernel.EINVAL},
		"IPv6 multicast":         {kernel.Address{Link: bridge, Prefix: prefix("ff02::5/64")}, kernel.EADDRNOTAVAIL},
	} {
		wantErrno(t, "add "+what, self.AddAddress(tt.a), tt.want)
	}
	for what, tt := range map[string]struct {
		a    kernel.Address
		want kernel.Errno
	}{
		"absent IPv4":         {kernel.Address{Link: bridge, Prefix: prefix("10.9.0.1/24")}, kernel.EADDRNOTAVAIL},
		"absent IPv6":         {kernel.Address{Link: bridge, Prefix: prefix("fd09::1/64")}, kernel.EADDRNOTAVAIL},
		"other prefix length": {kernel.Address{Link: bridge, Prefix: prefix("10.1.0.1/8")}, kernel.EADDRNOTAVAIL},
		"IPv4 without a link": {kernel.Address{Link: 99, Prefix: four}, kernel.ENODEV},
		"IPv6 without a link": {kernel.Address{Link: 99, Prefix: six}, kernel.ENODEV},
	} {
		wantErrno(t, "delete "+what, self.DeleteAddress(tt.a), tt.want)
	}
	must(t, self.SetSysctl("net/ipv6/conf/br0/disable_ipv6", "1"))
	err := self.AddAddress(kernel.Address{Link: bridge, Prefix: prefix("fd02::1/64")})
	wantErrno(t, "IPv6 where it is disabled", err, kernel.EACCES)
}
