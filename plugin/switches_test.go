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

// TestPortModes: each is set where it is asked for, and missed by the CHECK of who asked.
func TestPortModes(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		for _, c := range []struct {
			key    string
			want   kernel.Port
			undo   kernel.PortChange
			missed string
		}{
			{"hairpinMode", kernel.Port{Hairpin: true}, kernel.PortChange{Hairpin: new(false)}, "is not in hairpin mode"},
			{"portIsolation", kernel.Port{Isolated: true}, kernel.PortChange{Isolated: new(false)}, "is not isolated"},
			{"isGateway", kernel.Port{}, kernel.PortChange{Hairpin: new(true), Isolated: new(true)}, ""},
		} {
			netns, conf := l.pod(c.key), l.conf(map[string]any{"ipam": nil, c.key: true})
			check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
			port, err := l.self.LinkByName(l.veths(l.self)[0])
			l.must(err)
			if port.Port != c.want {
				t.Errorf("%s: the port is %+v", c.key, port.Port)
			}
			l.succeed(check)
			l.must(l.self.ChangePort(port.Index, c.undo))
			if c.missed == "" {
				l.succeed(check)
			} else {
				l.fail(check, 103, "port "+port.Name+" "+c.missed)
			}
			l.succeed(check.as("DEL"))
		}
	})
}
