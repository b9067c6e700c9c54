package plugin_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// crowd is how many processes of the plugin run at once.
const crowd = 64

// TestCrowd: many ADDs, CHECKs and DELs at once, from a bridge that is not there yet on: none fails, no address is given
// twice, nothing is left. Where the reference is at hand, every fourth attachment is made by it meanwhile.
func TestCrowd(t *testing.T) {
	sandbox.Require(t)
	if !sandbox.Thorough() {
		t.Skip("\"make real\" asks for it; the simulation has been tried")
	}
	folder := buildPlugin(t)
	for _, p := range protected {
		t.Run(p.name, func(t *testing.T) {
			v := newVictim(t, folder, p, true)
			others := v.call
			if reference := findReference(t); reference != "" {
				others = patient(reference.on(v.lab))
			}
			before := v.settle(v.unshared)
			var calls [crowd]request
			for i := range calls {
				id := fmt.Sprint("c", i)
				calls[i] = request{verb: "ADD", id: id, netns: v.pod(id), conf: v.conf}
			}
			for i, added := range v.atOnce(calls, others) {
				calls[i].conf = v.withPrev(v.conf, v.lab.result(added))
				calls[i] = calls[i].as("CHECK")
			}
			v.wantDistinct(len(calls))
			v.atOnce(calls, v.call)
			for i := range calls {
				calls[i] = calls[i].as("DEL")
			}
			v.atOnce(calls, others)
			for _, r := range calls {
				v.must(v.DeleteNetNS(r.netns))
			}
			v.wantUnshared(before, "all deleted")
		})
	}
}

// patient calls the reference again where its ADD has not waited for Linux: five seconds for duplicate address detection
// are few on a machine that is busy with a crowd.
func patient(call func(request) answer) func(request) answer {
	return func(r request) (a answer) {
		for range 5 {
			if a = call(r); r.verb != "ADD" || !strings.Contains(a.stdout, "still has tentative addresses") {
				break
			}
			call(r.as("DEL"))
		}
		return a
	}
}

// atOnce makes the calls in parallel, each in a process, every fourth by another plugin, and expects that they succeed.
func (v *victim) atOnce(calls [crowd]request, others func(request) answer) (answers [crowd]answer) {
	v.t.Helper()
	var all sync.WaitGroup
	for i, r := range calls {
		call := v.call
		if i%4 == 3 {
			call = others
		}
		all.Go(func() { answers[i] = call(r) })
	}
	all.Wait()
	for i, a := range answers {
		if a.exit != 0 {
			v.t.Errorf("%s of %s: exit %d\n%s%s", calls[i].verb, calls[i].id, a.exit, a.stdout, a.stderr)
		}
	}
	if v.t.Failed() {
		v.t.FailNow()
	}
	return answers
}

// wantDistinct expects that each of so many containers has an IPv4 address that no other has.
func (v *victim) wantDistinct(containers int) {
	v.t.Helper()
	holders := map[string]string{}
	for _, netns := range v.pods {
		pod := v.open(netns)
		link, err := pod.LinkByName("eth0")
		v.must(err)
		addresses, err := pod.Addresses(link.Index)
		v.must(err)
		for _, a := range addresses {
			address := a.Prefix.Addr()
			if address.IsLinkLocalUnicast() {
				continue
			}
			if other := holders[address.String()]; other != "" {
				v.t.Errorf("%s and %s both have %s", netns, other, address)
			}
			holders[address.String()] = netns
		}
	}
	given := 0
	for address := range holders {
		if strings.Contains(address, ".") {
			given++
		}
	}
	if given != containers {
		v.t.Errorf("%d IPv4 addresses for %d containers", given, containers)
	}
}
