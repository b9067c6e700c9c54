package plugin_test

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

func TestPromiscMode(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"ipam": nil, "promiscMode": true})
		netns := l.pod("a")
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
		l.succeed(check)
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		if !bridge.Promisc {
			t.Errorf("the bridge: %+v", bridge)
		}
		l.must(l.self.ChangeLink(bridge.Index, kernel.LinkChange{Promisc: new(false)}))
		l.fail(check, 103, "bridge br-test is not promiscuous")
	})
}

// TestDisabledInterface is left down, for who sets it up later: CHECK does not mind either.
func TestDisabledInterface(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"ipam": nil, "disableContainerInterface": true})
		netns := l.pod("a")
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
		pod := l.open(netns)
		eth0, err := pod.LinkByName("eth0")
		l.must(err)
		if eth0.Up {
			t.Errorf("eth0: %+v", eth0)
		}
		l.succeed(check)
		l.must(pod.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)}))
		l.succeed(check)
	})
}
