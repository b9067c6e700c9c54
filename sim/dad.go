package sim

import (
	"encoding/binary"
	"time"
)

// startDAD begins duplicate address detection, or ends it at once where there is nothing to detect.
// (net/ipv6/addrconf.c: addrconf_dad_start, addrconf_dad_begin.) The first solicitation is sent after a random time
// (addrconf_dad_kick).
func (a *address) startDAD() {
	a.cancelDAD()
	switch {
	case !a.Tentative || a.NoDAD || a.link.loopback() || a.link.noARP() || !a.link.detectsDuplicates():
		a.endDAD()
	case a.link.ip6.ready:
		a.nonce = a.newNonce()
		delay := time.Duration(a.link.world().rand.Int64N(int64(dadMaxDelay)))
		a.solicitAfter(delay, a.link.setting6("dad_transmits"))
	}
}

// detectsDuplicates reports whether accept_dad asks for it, of the link or of all.
func (l *link) detectsDuplicates() bool {
	return l.setting6("accept_dad") >= 1 || l.ns.sysctls.all6.get("accept_dad") >= 1
}

// newNonce is for enhanced duplicate address detection, unless that is switched off for the link and for all.
// (addrconf_dad_kick.)
func (a *address) newNonce() (n nonce) {
	if a.link.setting6("enhanced_dad") == 0 && a.link.ns.sysctls.all6.get("enhanced_dad") == 0 {
		return n
	}
	binary.BigEndian.PutUint16(n[:], 1) // none is zero
	binary.BigEndian.PutUint32(n[2:], uint32(a.link.world().derive("nonce", a.link.ns.id, a.link.index, a.ip())))
	return n
}

// solicitAfter asks after d whether someone has the address, and once more after that until probes are used up. Who
// does not hear of anybody by then has the address. (addrconf_dad_work.)
func (a *address) solicitAfter(d time.Duration, probes int) {
	a.stopDAD = a.link.world().after(d, func() {
		if probes <= 0 {
			a.endDAD()
			return
		}
		a.link.solicitDuplicate(a.ip(), a.nonce)
		a.solicitAfter(dadRetransmit, probes-1)
	})
}

// failDAD leaves the address tentative for good. (addrconf_dad_failure.)
func (a *address) failDAD() {
	a.cancelDAD()
	a.DADFailed = true
}

// endDAD makes the address usable. (addrconf_dad_completed, __ipv6_ifa_notify.)
func (a *address) endDAD() {
	a.stopDAD = nil
	a.Tentative = false
	a.link.addRoute6Once(a.link.localRoute(a))
	if a.link.setting6("forwarding") != 0 {
		a.link.addAnycast(a)
	}
	a.link.searchRouters(a)
}

// cancelDAD stops a detection that is under way.
func (a *address) cancelDAD() {
	if a.stopDAD != nil {
		a.stopDAD()
		a.stopDAD = nil
	}
}
