//go:build linux

package linux

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

func TestFreshNamespaceHasLoopbackDown(t *testing.T) {
	_, self := newMachine(t)
	links, err := self.Links()
	must(t, err)
	want := []kernel.Link{{
		Index: 1, Name: "lo", MTU: 65536, MAC: make(net.HardwareAddr, 6), Oper: kernel.OperDown,
	}}
	if diff := cmp.Diff(want, links, byValue); diff != "" {
		t.Error(diff)
	}
}

// One request makes all that a plugin needs of a veth: names, MACs, MTUs, namespace, master, up.
func TestAddVethInOneRequest(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	bridge := addBridge(t, self, "cni0")
	macA, macB := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	must(t, self.AddLink(kernel.LinkSpec{
		Name: "veth0", Kind: kernel.KindVeth, MTU: 1400, MAC: macA, Master: bridge.Index, Up: true,
		Peer: kernel.PeerSpec{Name: "eth0", MTU: 1300, MAC: macB, NetNS: pod},
	}))
	a, b := link(t, self, "veth0"), link(t, pod, "eth0")
	a.Oper = "" // DOWN turns into LOWERLAYERDOWN some time later (linkwatch)
	wantA := kernel.Link{
		Index: a.Index, Name: "veth0", Kind: kernel.KindVeth, MTU: 1400, MAC: macA, Up: true,
		Master: bridge.Index, Promiscuity: 1, Peer: b.Index,
	}
	wantB := kernel.Link{
		Index: b.Index, Name: "eth0", Kind: kernel.KindVeth, MTU: 1300, MAC: macB, Oper: kernel.OperDown, Peer: a.Index,
	}
	if diff := cmp.Diff([]kernel.Link{wantA, wantB}, []kernel.Link{a, b}, byValue); diff != "" {
		t.Error(diff)
	}
}

func TestVethPeerHere(t *testing.T) {
	_, self := newMachine(t)
	must(t, self.AddLink(kernel.LinkSpec{Name: "a", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "b"}}))
	a, b := link(t, self, "a"), link(t, self, "b")
	if !a.PeerHere || !b.PeerHere || a.Peer != b.Index || b.Peer != a.Index {
		t.Errorf("peers of each other: %+v, %+v", a, b)
	}
	must(t, self.DeleteLink(a.Index))
	_, err := self.LinkByName("b")
	wantErrno(t, "the other end of a deleted veth", err, kernel.ENODEV)
}

// The index of the peer, in the other namespace, may be the link's own.
func TestVethPeerWithEqualIndex(t *testing.T) {
	h, self := newMachine(t)
	a, b := join(t, self, "a", newPod(t, h, "pod"), "b")
	if a.Index != b.Index {
		t.Fatalf("indexes %d and %d: the kernel counts per namespace", a.Index, b.Index)
	}
	if a.Peer != b.Index || a.PeerHere {
		t.Errorf("%+v", a)
	}
}

func TestAddLinkErrors(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	closed := newPod(t, h, "closed")
	closed.Close()
	addBridge(t, self, "taken")
	addBridge(t, pod, "there")
	long := strings.Repeat("x", 16)
	bridge := func(name string) kernel.LinkSpec { return kernel.LinkSpec{Name: name, Kind: kernel.KindBridge} }
	withMAC := func(mac ...byte) kernel.LinkSpec {
		return kernel.LinkSpec{Name: "x", Kind: kernel.KindBridge, MAC: mac}
	}
	under := func(master int) kernel.LinkSpec {
		return kernel.LinkSpec{Name: "x", Kind: kernel.KindVeth, Master: master, Peer: kernel.PeerSpec{Name: "y"}}
	}
	veth := func(name string, peer kernel.PeerSpec) kernel.LinkSpec {
		return kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: peer}
	}
	for what, tt := range map[string]struct {
		spec kernel.LinkSpec
		want kernel.Errno
	}{
		"name taken":          {bridge("taken"), kernel.EEXIST},
		"name of 16 bytes":    {bridge(long), kernel.ERANGE},
		"name with a slash":   {bridge("a/b"), kernel.EINVAL},
		"name with a colon":   {bridge("a:b"), kernel.EINVAL},
		"name with a space":   {bridge("a b"), kernel.EINVAL},
		"name .":              {bridge("."), kernel.EINVAL},
		"name ..":             {bridge(".."), kernel.EINVAL},
		"no name":             {bridge(""), kernel.EINVAL},
		"name with a zero":    {bridge("x\x00y"), kernel.EINVAL},
		"no such kind":        {kernel.LinkSpec{Name: "x", Kind: "nonsense"}, kernel.EOPNOTSUPP},
		"no kind":             {kernel.LinkSpec{Name: "x"}, kernel.EOPNOTSUPP},
		"MTU 67":              {kernel.LinkSpec{Name: "x", Kind: kernel.KindBridge, MTU: 67}, kernel.EINVAL},
		"MTU 70000":           {veth("x", kernel.PeerSpec{Name: "y", MTU: 70000}), kernel.EINVAL},
		"negative MTU":        {kernel.LinkSpec{Name: "x", Kind: kernel.KindBridge, MTU: -1}, kernel.EINVAL},
		"MAC of zeros":        {withMAC(0, 0, 0, 0, 0, 0), kernel.EADDRNOTAVAIL},
		"multicast MAC":       {withMAC(1, 0, 0, 0, 0, 1), kernel.EADDRNOTAVAIL},
		"peer name taken":     {veth("x", kernel.PeerSpec{Name: "taken"}), kernel.EEXIST},
		"peer name its own":   {veth("x", kernel.PeerSpec{Name: "x"}), kernel.EEXIST},
		"peer name there":     {veth("x", kernel.PeerSpec{Name: "there", NetNS: pod}), kernel.EEXIST},
		"peer without a name": {veth("x", kernel.PeerSpec{}), kernel.EINVAL},
		"peer in closed":      {veth("x", kernel.PeerSpec{Name: "y", NetNS: closed}), kernel.EBADF},
		"short MAC":           {withMAC(2, 3), kernel.EINVAL},
		"no such master":      {under(99), kernel.EINVAL},
		"master no bridge":    {under(1), kernel.EOPNOTSUPP},
	} {
		wantErrno(t, what, self.AddLink(tt.spec), tt.want)
		if _, err := self.LinkByName("x"); err == nil {
			t.Errorf("%s: the link was made all the same", what)
		}
	}
}

func TestKernelsWordsAreKept(t *testing.T) {
	_, self := newMachine(t)
	err := self.AddLink(kernel.LinkSpec{Name: "x", Kind: "nonsense"})
	const want = "link add x in netns host: operation not supported (EOPNOTSUPP): Unknown device type"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLinkByNameOfNoLink(t *testing.T) {
	_, self := newMachine(t)
	for _, name := range []string{"absent", "", strings.Repeat("x", 16), strings.Repeat("x", 200), "a/b", "lo\x00"} {
		_, err := self.LinkByName(name)
		wantErrno(t, "LinkByName("+name+")", err, kernel.ENODEV)
	}
}

func TestChangeLink(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	bridge := addBridge(t, self, "cni0")
	must(t, self.AddLink(kernel.LinkSpec{Name: "a", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "b"}}))
	a, b := link(t, self, "a"), link(t, self, "b")
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	must(t, self.ChangeLink(a.Index, kernel.LinkChange{
		Name: new("c"), MAC: mac, MTU: new(1400), Alias: new("somebody's"), Master: &bridge.Index,
		Promisc: new(true), Up: new(true),
	}))
	got := link(t, self, "c")
	got.Oper = "" // as above
	want := kernel.Link{
		Index: a.Index, Name: "c", Kind: kernel.KindVeth, Alias: "somebody's", MTU: 1400, MAC: mac, Up: true,
		Promisc: true, Promiscuity: 2, Master: bridge.Index, Peer: b.Index, PeerHere: true,
	}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Error(diff)
	}
	must(t, self.ChangeLink(a.Index, kernel.LinkChange{
		Alias: new(""), Master: new(0), Promisc: new(false), Up: new(false),
	}))
	got = link(t, self, "c")
	if got.Alias != "" || got.Master != 0 || got.Promisc || got.Promiscuity != 0 || got.Up {
		t.Errorf("after taking all back: %+v", got)
	}
	must(t, self.ChangeLink(b.Index, kernel.LinkChange{NetNS: pod, Name: new("eth0")}))
	link(t, pod, "eth0")
}

func TestChangeLinkErrors(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	closed := newPod(t, h, "closed")
	closed.Close()
	bridge, other := addBridge(t, self, "br0"), addBridge(t, self, "br1")
	addBridge(t, pod, "veth0")
	must(t, self.AddLink(kernel.LinkSpec{Name: "veth0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "veth1"}}))
	veth := link(t, self, "veth0").Index
	for what, tt := range map[string]struct {
		index  int
		change kernel.LinkChange
		want   kernel.Errno
	}{
		"no such link":         {99, kernel.LinkChange{Up: new(true)}, kernel.ENODEV},
		"index 0":              {0, kernel.LinkChange{Name: new("br0"), Up: new(false)}, kernel.ENODEV},
		"negative index":       {-1, kernel.LinkChange{Up: new(true)}, kernel.ENODEV},
		"nothing":              {veth, kernel.LinkChange{}, 0},
		"taken name":           {veth, kernel.LinkChange{Name: new("br0")}, kernel.EEXIST},
		"empty name":           {veth, kernel.LinkChange{Name: new("")}, kernel.EINVAL},
		"bad name":             {veth, kernel.LinkChange{Name: new("a/b")}, kernel.EINVAL},
		"long name":            {veth, kernel.LinkChange{Name: new(strings.Repeat("x", 16))}, kernel.ERANGE},
		"name taken there":     {veth, kernel.LinkChange{NetNS: pod}, kernel.EEXIST},
		"to a closed netns":    {veth, kernel.LinkChange{NetNS: closed}, kernel.EBADF},
		"MTU":                  {veth, kernel.LinkChange{MTU: new(70000)}, kernel.EINVAL},
		"MAC":                  {veth, kernel.LinkChange{MAC: []byte{1, 0, 0, 0, 0, 1}}, kernel.EADDRNOTAVAIL},
		"master no bridge":     {veth, kernel.LinkChange{Master: new(1)}, kernel.EOPNOTSUPP},
		"no such master":       {veth, kernel.LinkChange{Master: new(99)}, kernel.EINVAL},
		"its own master":       {veth, kernel.LinkChange{Master: &veth}, kernel.EOPNOTSUPP},
		"bridge its own":       {bridge.Index, kernel.LinkChange{Master: &bridge.Index}, kernel.ELOOP},
		"bridge under bridge":  {bridge.Index, kernel.LinkChange{Master: &other.Index}, kernel.ELOOP},
		"loopback in a bridge": {1, kernel.LinkChange{Master: &bridge.Index}, kernel.EINVAL},
	} {
		wantErrno(t, what, self.ChangeLink(tt.index, tt.change), tt.want)
	}
}

func TestDeleteLinkErrors(t *testing.T) {
	_, self := newMachine(t)
	for index, want := range map[int]kernel.Errno{
		99: kernel.ENODEV, 0: kernel.ENODEV, -1: kernel.ENODEV, 1: kernel.EOPNOTSUPP,
	} {
		wantErrno(t, "delete", self.DeleteLink(index), want)
	}
}
