package sim

import "time"

// startDAD begins duplicate address detection, or ends it at once where there is nothing to detect. (net/ipv6/addrconf.c:
// addrconf_dad_start, addrconf_dad_begin.)
func (a *address) startDAD() {
	a.cancelDAD()
	switch {
	case !a.Tentative || a.NoDAD || a.link.loopback() || !a.link.detectsDuplicates():
		a.endDAD()
	case a.link.ip6.ready:
		a.stopDAD = a.link.world().after(a.link.dadTime(), a.endDAD)
	}
}

// detectsDuplicates reports whether accept_dad asks for it, of the link or of all.
func (l *link) detectsDuplicates() bool {
	return l.setting6("accept_dad") >= 1 || l.ns.sysctls.all6.values["accept_dad"] >= 1
}

// dadTime is a random delay and then the time for an answer to every solicitation. (addrconf_dad_kick,
// addrconf_dad_work.)
func (l *link) dadTime() time.Duration {
	delay := time.Duration(l.world().rand.Int64N(int64(dadMaxDelay)))
	return delay + time.Duration(max(l.setting6("dad_transmits"), 0))*dadRetransmit
}

// endDAD makes the address usable. (addrconf_dad_completed, __ipv6_ifa_notify.)
func (a *address) endDAD() {
	a.stopDAD = nil
	a.Tentative = false
	a.link.addRoute6Once(a.link.localRoute(a))
	if a.link.setting6("forwarding") != 0 {
		a.link.addAnycast(a)
	}
}

// cancelDAD stops a detection that is under way.
func (a *address) cancelDAD() {
	if a.stopDAD != nil {
		a.stopDAD()
		a.stopDAD = nil
	}
}
