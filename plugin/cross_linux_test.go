package plugin_test

import (
	"errors"
	"maps"
	"path"
	"slices"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
)

// A protection is what attachments have of netfilter, and in which families.
type protection struct {
	name string
	keys map[string]any
	ipv6 bool
}

func (p protection) byIPTables() bool { return p.keys["ipMasqBackend"] == "iptables" }

var protections = []protection{
	{"iptables", map[string]any{"ipMasq": true, "ipMasqBackend": "iptables", "macspoofchk": true}, false},
	{"iptables-dual", map[string]any{"ipMasq": true, "ipMasqBackend": "iptables"}, true},
	{"nftables", map[string]any{"ipMasq": true, "ipMasqBackend": "nftables"}, false},
	{"nftables-dual", map[string]any{"ipMasq": true, "ipMasqBackend": "nftables", "macspoofchk": true}, true},
}

// A crossing is a machine with neighbours made by both plugins, on which one makes attachments and the other cleans
// them up.
type crossing struct {
	*lab
	protection
	reference func(request) answer
}

// The containers of the neighbours.
const (
	beside  = "beside"  // nothing else is attached to it
	sharing = "sharing" // has other interfaces in the same network: iptables has one chain for all
	apart   = "apart"   // has other interfaces in another network on the same bridge
	alone   = "alone"   // has no neighbours, and is there for one row
)

// newCrossing makes the neighbours, and returns the state in which each row has to leave the machine.
func newCrossing(t *testing.T, folder pluginFolder, p protection) (*crossing, kernel.Snapshot) {
	l := newLab(t, newLinux(t))
	if p.ipv6 {
		l.enableIPv6()
	}
	x := &crossing{l, p, folder.on(l)}
	for _, container := range []string{beside, sharing, apart} {
		x.pod(container)
	}
	x.attach(x.call, beside, "eth0", "net")
	x.attach(x.reference, beside, "eth1", "other")
	x.attach(x.reference, sharing, "eth1", "net")
	x.attach(x.call, sharing, "eth2", "net")
	x.attach(x.reference, apart, "eth1", "other")
	x.attach(x.call, apart, "eth2", "other")
	return x, x.settle(x.remains)
}

// gc is GC of the network in which the neighbours are valid.
func (x *crossing) gc(attached) request {
	return request{verb: "GC", conf: x.network("net", map[string]any{validKey: []map[string]any{
		{"containerID": beside, "ifname": "eth0"},
		{"containerID": sharing, "ifname": "eth1"},
		{"containerID": sharing, "ifname": "eth2"},
	}})}
}

// network is the configuration of one of the two on the bridge. A bridge has one IPv4 address, the first one's gateway.
func (x *crossing) network(name string, more map[string]any) string {
	v4, v6 := "10.9.0.0/24", "fd00:9::/64"
	if name == "other" {
		v4, v6 = "10.8.0.0/24", "fd00:8::/64"
	}
	ranges := [][]map[string]any{{{"subnet": v4}}}
	if x.ipv6 {
		ranges = append(ranges, []map[string]any{{"subnet": v6}})
	}
	keys := map[string]any{
		"name": name, "isGateway": name == "net",
		"ipam": map[string]any{"type": "host-local", "dataDir": x.dataDir, "ranges": ranges},
	}
	maps.Copy(keys, x.keys)
	maps.Copy(keys, more)
	return x.conf(keys)
}

// An attached is an attachment that is there: its ADD, and what that returned.
type attached struct {
	request
	result any
}

func (x *crossing) attach(plugin func(request) answer, container, ifname, network string) attached {
	x.t.Helper()
	r := request{
		verb: "ADD", id: container, netns: x.netns(container), conf: x.network(network, nil),
		env: []string{"CNI_IFNAME=" + ifname},
	}
	return attached{r, x.lab.result(x.mustSucceed(plugin, r))}
}

func (x *crossing) mustSucceed(plugin func(request) answer, r request) answer {
	x.t.Helper()
	a := plugin(r)
	if a.exit != 0 {
		x.t.Fatalf("%s of %s: exit %d\n%s%s", r.verb, r.id, a.exit, a.stdout, a.stderr)
	}
	return a
}

// del is DEL as runtimes call it since 0.4.0 of the specification: with what ADD returned.
func (x *crossing) del(a attached) request {
	r := a.as("DEL")
	r.conf = x.withPrev(a.conf, a.result)
	return r
}

func (x *crossing) delWithoutResult(a attached) request { return a.as("DEL") }

func (x *crossing) delWithoutNetNS(a attached) request {
	r := x.del(a)
	r.netns = ""
	return r
}

// What becomes of an attachment between ADD and DEL.

func (x *crossing) endNamespace(a attached) { x.must(x.DeleteNetNS(a.netns)) }

// endNamespaceWholly waits for the host's interfaces to go, too: what there is of netfilter for one may be any network's
// until then, and the next GC's.
func (x *crossing) endNamespaceWholly(a attached) {
	x.endNamespace(a)
	host, err := x.Self()
	x.must(err)
	defer host.Close()
	for _, i := range a.result.(*types100.Result).Interfaces {
		for look := 0; look < settleLooks && i.Sandbox == "" && i.Name != "br-test"; look++ {
			if _, err := host.LinkByName(i.Name); errors.Is(err, kernel.ENODEV) {
				break
			}
			x.must(x.Sleep(x.t.Context(), settlePause<<look))
		}
	}
}

func (x *crossing) endInterface(a attached) {
	pod := x.open(a.netns)
	link, err := pod.LinkByName("eth0")
	x.must(err)
	x.must(pod.DeleteLink(link.Index))
}

// addSecond attaches the container to the network once more; endSecond ends that.
func (x *crossing) addSecond() { x.attach(x.reference, alone, "eth1", "net") }

func (x *crossing) endSecond(a attached) {
	a.env = []string{"CNI_IFNAME=eth1"}
	x.succeed(x.delWithoutResult(a))
	x.endNamespace(a)
}

// A cleanUp is the end of an attachment that the other plugin made. Where the reference is known to fail, the row is about
// ours alone: the reference goes first, to show that it still does, and ours cleans up what it leaves.
type cleanUp struct {
	name      string
	byOurs    bool // it is the reference that made it
	container string
	prepare   func(x *crossing)
	meanwhile func(x *crossing, a attached)
	request   func(x *crossing, a attached) request
	after     func(x *crossing, a attached)

	fault    string // of the reference: why it cannot
	faultyIn func(p protection) bool
}

func always(protection) bool { return true }

var cleanUps = []cleanUp{
	{name: "reference deletes", container: apart, request: (*crossing).del},
	{name: "deleted", byOurs: true, container: sharing, request: (*crossing).del},
	{name: "deleted without CNI_NETNS", byOurs: true, container: sharing, request: (*crossing).delWithoutNetNS},
	{name: "deleted without prevResult", byOurs: true, container: sharing, request: (*crossing).delWithoutResult},
	{
		name: "deleted after its namespace", byOurs: true, container: alone, meanwhile: (*crossing).endNamespace,
		request: (*crossing).del,
		fault:   "without the namespace its DEL ends when IPAM's has: what there is of netfilter stays", faultyIn: always,
	},
	{
		name: "deleted after its namespace, without prevResult", byOurs: true, container: alone,
		meanwhile: (*crossing).endNamespace, request: (*crossing).delWithoutResult,
	},
	{
		name: "deleted after its interface", byOurs: true, container: sharing, meanwhile: (*crossing).endInterface,
		request: (*crossing).del,
		fault:   "it knows the addresses by the interface alone: rules of iptables stay", faultyIn: protection.byIPTables,
	},
	{
		name: "collected after its namespace", byOurs: true, container: alone, meanwhile: (*crossing).endNamespaceWholly,
		request: (*crossing).gc,
		fault:   "it has no GC, and answers that it succeeded", faultyIn: always,
	},
	{
		name: "collected after its interface", byOurs: true, container: sharing, meanwhile: (*crossing).endInterface,
		request: (*crossing).gc,
	},
	{
		name: "reference deletes after its namespace", container: alone, meanwhile: (*crossing).endNamespace,
		request: (*crossing).del,
		fault:   "without the namespace its DEL ends when IPAM's has: what there is of netfilter stays", faultyIn: always,
	},
	{
		name: "reference deletes after its interface", container: apart, meanwhile: (*crossing).endInterface,
		request: (*crossing).delWithoutResult,
		fault:   "it knows the addresses by the interface alone: rules of iptables stay", faultyIn: protection.byIPTables,
	},
	{
		name: "reference deletes one of two", container: alone, prepare: (*crossing).addSecond,
		request: (*crossing).del, after: (*crossing).endSecond,
		fault:    "it empties the chain of iptables that the other interface needs, and fails to delete it",
		faultyIn: protection.byIPTables,
	},
}

// TestCrossCleanUp: the reference cleans up what ours made, and ours what the reference made: nothing of the attachment
// is left, and nothing of its neighbours is touched.
func TestCrossCleanUp(t *testing.T) {
	folder := findReference(t)
	if folder == "" {
		t.Skipf("there is nobody to clean up after: set %s to the folder of the reference's plugins", referenceVariable)
	}
	for _, p := range protections {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			x, before := newCrossing(t, folder, p)
			for _, c := range cleanUps {
				t.Run(c.name, func(t *testing.T) { x.in(t).try(c, before) })
			}
		})
	}
}

// in is the crossing in a test of its own.
func (x *crossing) in(t *testing.T) *crossing {
	l := *x.lab
	l.t = t
	return &crossing{&l, x.protection, x.reference}
}

// try makes an attachment and has it cleaned up, by ours twice.
func (x *crossing) try(c cleanUp, before kernel.Snapshot) {
	x.t.Helper()
	if c.container == alone {
		x.pod(alone)
	}
	if c.prepare != nil {
		c.prepare(x)
	}
	maker, cleaner := x.call, x.reference
	if c.byOurs {
		maker, cleaner = cleaner, maker
	}
	rules := x.rules()
	a := x.attach(maker, c.container, "eth0", "net")
	if c.meanwhile != nil {
		c.meanwhile(x, a)
	}
	r := c.request(x, a)
	if c.fault != "" && c.faultyIn(x.protection) {
		if a := x.reference(r); a.exit == 0 && slices.Equal(x.rules(), rules) {
			x.t.Errorf("the reference leaves nothing, and is said to: %s", c.fault)
		}
		cleaner = x.call
	}
	x.mustSucceed(cleaner, r)
	if c.byOurs {
		x.mustSucceed(cleaner, r) // again
	}
	if c.after != nil {
		c.after(x, a)
	}
	if diff := x.awaitState(before, x.remains); diff != "" {
		x.t.Fatalf("left over (+), or a neighbour's that is gone (-):\n%s", diff)
	}
}

// remains is the state but for what host-local keeps for good.
func (x *crossing) remains() kernel.Snapshot {
	return slices.DeleteFunc(x.state(), func(o kernel.Object) bool {
		return o.Noun == kernel.NounFile && isMark(path.Base(o.Name))
	})
}

// awaitState waits until a state is as before, and says in the end how it is not.
func (l *lab) awaitState(before kernel.Snapshot, now func() kernel.Snapshot) (diff string) {
	l.t.Helper()
	for look := range settleLooks {
		if diff = kernel.Diff(before, now()); diff == "" {
			break
		}
		l.must(l.Sleep(l.t.Context(), settlePause<<look))
	}
	return diff
}

// settle waits until Linux has done what it does a moment later, with addresses of IPv6 for one.
func (l *lab) settle(now func() kernel.Snapshot) (state kernel.Snapshot) {
	l.t.Helper()
	const quiet = 75 * settlePause // carriers are seen up to a second late (linkwatch)
	for same := false; !same; {
		state = now()
		l.must(l.Sleep(l.t.Context(), quiet))
		same = kernel.Diff(state, now()) == ""
	}
	return state
}
