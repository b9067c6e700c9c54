package plugin_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// What one call may take. The time is generous because machines are shared; the memory is not.
const (
	timeBudget    = 10 * time.Second
	memoryBudget  = 16 << 20
	memoryPerByte = 256 // of input
)

// mayEndWith are the codes of the specification (1.1.0, section 5), but for 3, unknown container, which no verb can tell; then the
// reference's, where its plugins have no other, and the plugin's own.
var mayEndWith = []uint{
	1, 2, 4, 5, 6, 7, 11, 50, 51,
	types.ErrInvalidNetNS, types.ErrInternal,
	plugin.CodeHost, plugin.CodeExists, plugin.CodeBroken, hostlocal.CodeExhausted,
	hostlocal.CodeTaken,
}

// within makes a call with a budget. One that does not end ends the process, and the fuzzer keeps the input.
func (l *lab) within(r request) answer {
	l.t.Helper()
	stuck := time.AfterFunc(timeBudget, func() { panic("a call that does not end: " + r.verb) })
	defer stuck.Stop()
	before := allocated()
	a := l.call(r)
	if taken := allocated() - before; taken > memoryBudget+memoryPerByte*uint64(len(r.conf)) {
		l.t.Errorf("%d bytes of memory for %d of input", taken, len(r.conf))
	}
	return a
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// obey makes a call and holds it to what every call has to keep to, whatever it is asked for:
//
//   - it prints one document or, where a verb that returns nothing succeeds, none, and its exit status says which
//   - an error has a code that is documented, and is one line
//   - a verb that only looks changes nothing; no more does an ADD that fails; a DEL or GC adds nothing
//   - a DEL takes back what an ADD made
func (l *lab) obey(r request) answer {
	l.t.Helper()
	verb := commandOf(r)
	l.leasesIn(r.conf)
	before := l.everything()
	a := l.within(r)
	l.wantDocument(verb, a)
	after := l.everything()
	switch {
	case verb == "ADD" && a.exit == 0:
		l.wantTakenBack(r, before)
	case verb == "DEL" || verb == "GC":
		wantNothingNew(l.t, before, after)
	case before != after:
		l.t.Errorf("%s, exit %d, changed something (-before +after):\n%s", verb, a.exit, cmp.Diff(before, after))
	}
	return a
}

// commandOf is the verb that the last CNI_COMMAND asks for.
func commandOf(r request) string {
	verb := r.verb
	for _, entry := range r.env {
		if v, ok := strings.CutPrefix(entry, "CNI_COMMAND="); ok {
			verb = v
		}
	}
	return verb
}

func (l *lab) wantDocument(verb string, a answer) {
	l.t.Helper()
	switch {
	case a.exit != 0:
		wantDocumented(l.t, a)
	case verb == "ADD":
		if _, err := create.CreateFromBytes([]byte(a.stdout)); err != nil {
			l.t.Errorf("ADD's result: %v\n%s", err, a.stdout)
		}
	case verb == "VERSION":
		if _, err := new(version.PluginDecoder).Decode([]byte(a.stdout)); err != nil {
			l.t.Errorf("VERSION's result: %v\n%s", err, a.stdout)
		}
	case a.stdout != "":
		l.t.Errorf("%s succeeds and prints %s", verb, a.stdout)
	}
	if d := json.NewDecoder(strings.NewReader(a.stdout)); a.stdout != "" {
		var document map[string]any
		if err := errors.Join(d.Decode(&document), d.Decode(&document)); !errors.Is(err, io.EOF) {
			l.t.Errorf("not one document: %v\n%s", err, a.stdout)
		}
	}
}

func wantDocumented(t *testing.T, a answer) {
	t.Helper()
	e := wantError(t, a)
	wantOneLine(t, e)
	if !slices.Contains(mayEndWith, e.Code) {
		t.Errorf("code %d: %s", e.Code, e.Msg)
	}
	if !slices.Contains(version.All.SupportedVersions(), e.CNIVersion) {
		t.Errorf("an error of version %q", e.CNIVersion)
	}
}

// wantTakenBack calls DEL, and expects that of an ADD nothing is left but what is shared. (An IPAM plugin may give an
// attachment a second address, of another range, and its DEL takes both.)
func (l *lab) wantTakenBack(r request, before string) {
	l.t.Helper()
	r.env = append(slices.Clone(r.env), "CNI_COMMAND=DEL")
	if a := l.within(r); a.exit != 0 {
		l.t.Errorf("DEL after an ADD that succeeded: %s", a.stdout)
	}
	l.forgetBridges()
	after := l.everything()
	wantNothingNew(l.t, before, after)
	if diff := cmp.Diff(withoutLasting(before), withoutLasting(after)); diff != "" && !isIPAM(r.name) {
		l.t.Errorf("ADD and DEL leave (-before +after):\n%s", diff)
	}
}

// forgetBridges takes away what an ADD leaves for others: a bridge, or addresses of the one that was there, and that it keeps
// VLANs apart and takes all packets.
func (l *lab) forgetBridges() {
	l.t.Helper()
	links, err := l.self.Links()
	l.must(err)
	for _, link := range links {
		switch {
		case link.Kind != kernel.KindBridge:
		case link.Name != "br-test":
			l.must(l.self.DeleteLink(link.Index))
		default:
			l.forgetAddresses(link)
			l.must(l.self.ChangeBridge(link.Index, kernel.BridgeChange{Filtering: new(false)}))
			l.must(l.self.ChangeLink(link.Index, kernel.LinkChange{Promisc: new(false)}))
		}
	}
}

func (l *lab) forgetAddresses(link kernel.Link) {
	l.t.Helper()
	addresses, err := l.self.Addresses(link.Index)
	l.must(err)
	for _, a := range addresses {
		l.must(l.self.DeleteAddress(a))
	}
}

// withoutLasting leaves out what ADD makes for all: forwarding, IPv6 of the bridge and in the container with the bridge's route
// for multicast, and tables and their base chains with what leads to the rules of attachments, but not those.
func withoutLasting(state string) string {
	lines := strings.Split(state, "\n")
	return strings.Join(slices.DeleteFunc(lines, lasting.MatchString), "\n")
}

var lasting = regexp.MustCompile(`^  (sysctl |route ff00::/8 type multicast dev br-test |nft table |nft chain .* \{|nft rule inet cni_plugins_masquerade postrouting )`)

func isIPAM(name string) bool { return name == "host-local" || name == "static" }

func wantNothingNew(t *testing.T, before, after string) {
	t.Helper()
	had := strings.Split(withoutLasting(before), "\n")
	for _, line := range strings.Split(withoutLasting(after), "\n") {
		if !slices.Contains(had, line) {
			t.Errorf("new: %s", line)
		}
	}
}

// sameMAC compares addresses in any of their forms.
func sameMAC(a, b string) bool {
	x, err := net.ParseMAC(a)
	return err == nil && x.String() == b
}
