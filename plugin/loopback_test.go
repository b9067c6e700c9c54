package plugin_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// isUp reports whether the loopback interface of a namespace is.
func (l *lab) isUp(ns kernel.NetNS) bool {
	l.t.Helper()
	lo, err := ns.LinkByName("lo")
	l.must(err)
	return lo.Up
}

// TestLoopback prints what the reference's loopback plugin does.
func TestLoopback(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		pod := l.open(netns)
		l.must(pod.SetSysctl("net/ipv6/conf/lo/disable_ipv6", "0"))
		r := request{name: "loopback", verb: "ADD", id: "a", netns: netns, conf: `{"cniVersion": "1.0.0", "name": "lo"}`}
		want := fmt.Sprintf(`{
    "cniVersion": "1.0.0",
    "interfaces": [
        {
            "mac": "00:00:00:00:00:00",
            "name": "lo",
            "sandbox": "%s"
        }
    ],
    "ips": [
        {
            "address": "127.0.0.1/8",
            "interface": 0
        },
        {
            "address": "::1/128",
            "interface": 0
        }
    ]
}`, netns)
		l.fail(r.as("CHECK"), 103, "loopback interface is down")
		for range 2 {
			if diff := cmp.Diff(want, l.succeed(r).stdout); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
		l.succeed(r.as("CHECK"))
		for range 2 {
			l.succeed(r.as("DEL"))
		}
		if l.isUp(pod) {
			t.Error("lo is up after DEL")
		}
		r.conf = l.withPrev(`{"cniVersion": "0.4.0", "name": "lo"}`, map[string]any{"ips": []any{
			map[string]any{"version": "4", "address": "192.0.2.1/32"},
		}})
		if passed := l.succeed(r).stdout; !cmp.Equal(passed, `{
    "cniVersion": "0.4.0",
    "ips": [
        {
            "version": "4",
            "address": "192.0.2.1/32"
        }
    ],
    "dns": {}
}`) {
			t.Errorf("a previous result becomes %s", passed)
		}
	})
}

// TestLoopbackOfNowhere: DEL has nothing to do in a namespace that is gone, and the node needs its loopback interface.
func TestLoopbackOfNowhere(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := `{"cniVersion": "1.1.0", "name": "lo", "cni.dev/valid-attachments": []}`
		r := request{name: "loopback", id: "a", conf: conf}
		lo, err := l.self.LinkByName("lo")
		l.must(err)
		l.must(l.self.ChangeLink(lo.Index, kernel.LinkChange{Up: new(true)}))
		for _, netns := range []string{"", l.netns("gone"), "/run", l.ownPath} {
			r.netns = netns
			l.succeed(r.as("DEL"))
		}
		if !l.isUp(l.self) {
			t.Error("DEL set the node's loopback interface down")
		}
		l.fail(r.as("ADD"), 8, "should not be the same")
		l.fail(r.as("CHECK"), 8, "should not be the same")
		l.succeed(r.as("GC"))
		l.succeed(r.as("STATUS"))
	})
}

// TestLoopbackTellsEveryFailure: a failed ADD leaves the interface down, a failed DEL says so.
func TestLoopbackTellsEveryFailure(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		pod := l.open(netns)
		r := request{name: "loopback", id: "a", netns: netns, conf: `{"cniVersion": "1.1.0", "name": "lo"}`}
		for _, verb := range []string{"ADD", "CHECK", "DEL"} {
			up := l.isUp(pod)
			var hit []intercept.Call
			for n := 1; ; n++ {
				faulty := r.as(verb)
				faulty.on = intercept.Wrap(l.Host, lost.at(n, &hit))
				a := l.call(faulty)
				if len(hit) < n {
					break
				}
				wantError(t, a)
				if verb != "DEL" && l.isUp(pod) != up {
					t.Errorf("%s fails at %s and leaves lo changed", verb, hit[n-1])
				}
			}
			wantHits(t, hit, []intercept.Op{intercept.NetNSOpen, intercept.LinkShow})
		}
		broken := r.as("ADD")
		broken.to = brokenPipe()
		if a := l.call(broken); a.exit != 1 || l.isUp(pod) {
			t.Errorf("ADD into a broken pipe: exit %d, up %v", a.exit, l.isUp(pod))
		}
		lo, err := pod.LinkByName("lo")
		l.must(err)
		l.must(pod.AddAddress(kernel.Address{Link: lo.Index, Prefix: prefix("192.0.2.1/32")}))
		l.fail(r.as("ADD"), 999, fmt.Sprintf("non-loopback address %q", "192.0.2.1"))
	})
}
