package sim

import (
	"net/netip"
	"time"
)

// A quota is how much one receiver may be told by ICMP errors, in time: each costs some, and time goes by. It is full where
// the receiver was not told anything for a minute. (net/ipv4/inetpeer.c: struct inet_peer, inet_getpeer.)
type quota struct {
	left  time.Duration
	known time.Duration // when it was left
}

const quotaFull = time.Minute

// spend takes cost off what is left of at most so much, and reports whether there was enough.
func (q *quota) spend(cost, most, now time.Duration) (ok bool) {
	q.left, q.known = min(q.left+now-q.known, most), now
	return q.take(cost)
}

func (q *quota) take(cost time.Duration) (ok bool) {
	if ok = q.left >= cost; ok {
		q.left -= cost
	}
	return ok
}

// manyQuotas are so many that those are thrown away which are full again.
const manyQuotas = 1024

func (ns *namespace) quota(of netip.Addr, now time.Duration) *quota {
	q, there := ns.quotas[of]
	if there {
		return q
	}
	if ns.quotas == nil {
		ns.quotas = map[netip.Addr]*quota{}
	}
	if len(ns.quotas) >= manyQuotas {
		for a, old := range ns.quotas {
			if now-old.known >= quotaFull {
				delete(ns.quotas, a)
			}
		}
	}
	q = &quota{known: now - quotaFull}
	ns.quotas[of] = q
	return q
}

// What a router says of packets that it has no way for costs twice, by IPv4. (net/ipv4/route.c: ip_error;
// ip_rt_error_cost, ip_rt_error_burst.)
const (
	noWayCost = time.Second
	noWayMost = 5 * time.Second
)

// mayTellOfNoWay reports whether the sender of a packet can be told that there is no way for it.
func (ns *namespace) mayTellOfNoWay(p packet) bool {
	now := ns.world().clock.elapsed()
	return p.v6() || ns.quota(p.src(), now).spend(noWayCost, noWayMost, now)
}

// errorsInARow is XRLIM_BURST_FACTOR.
const errorsInARow = 6

// maySend reports whether an ICMP error that goes by a way is not one too many: its receiver gets one in icmp_ratelimit of
// those that icmp_ratemask says, and six in a row after some silence. Nobody is spared what he tells himself, and everybody is
// told what to make smaller. (net/ipv4/icmp.c: icmpv4_xrlim_allow; net/ipv6/icmp.c: icmpv6_xrlim_allow; net/ipv4/inetpeer.c:
// inet_peer_xrlim_allow. The limit for all receivers together, icmp_msgs_per_sec, is not simulated.)
func (ns *namespace) maySend(p packet, to way) bool {
	if to.link.loopback() || !ns.limits(p) {
		return true
	}
	key := "net/ipv4/icmp_ratelimit"
	if p.v6() {
		key = "net/ipv6/icmp/ratelimit"
	}
	now, cost := ns.world().clock.elapsed(), time.Duration(ns.sysctls.plain.get(key))*time.Millisecond
	q := ns.quota(p.dst(), now) // whose time is counted in jiffies: rate_last
	if ns.world().config.Profile.Features.KeepsQuotaAtOnce && q.known/jiffy == now/jiffy {
		return q.take(cost)
	}
	return q.spend(cost, errorsInARow*cost, now)
}

// limits reports whether ICMP errors of a kind are limited.
func (ns *namespace) limits(p packet) bool {
	message := p.payload()
	if len(message) < icmpHeader {
		return false
	}
	kind := icmpKind{message[0], message[1]}
	if p.v6() {
		return kind.kind != icmpv6TooBig // as icmpv6_ratemask is in the beginning, which cannot be set here
	}
	return kind != tooBig(0).v4 && ns.sysctls.plain.get("net/ipv4/icmp_ratemask")>>kind.kind&1 != 0
}
