package kerneltest

import (
	"context"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func probeMutants() []mutant {
	return []mutant{
		{"probe/netns-closed", "serves by a closed handle", swallow(intercept.ProbeServe, kernel.EBADF)},
		{"probe/ping/own-address", "does not reach its own addresses", refusePing("10.0.0.1", kernel.ENETUNREACH)},
		{"probe/ping/other-end", "does not reach the other end", refusePing("10.0.0.2", kernel.EHOSTUNREACH)},
		{
			"probe/ping/answer", "does not say who answers",
			twist{Ping: func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
				_, err := ns.Ping(ctx, p)
				return kernel.Answer{}, err
			}},
		},
		{
			"probe/ping/no-route", "says EHOSTUNREACH",
			confuse(intercept.ProbePing, kernel.ENETUNREACH, kernel.EHOSTUNREACH),
		},
		{
			"probe/ping/nobody-answers", "waits till the end",
			confuse(intercept.ProbePing, kernel.EHOSTUNREACH, kernel.ETIMEDOUT),
		},
		{
			"probe/ping/in-time", "says EHOSTUNREACH",
			confuse(intercept.ProbePing, kernel.ETIMEDOUT, kernel.EHOSTUNREACH),
		},
		{
			"probe/ping/prohibited", "does not tell prohibit from unreachable",
			confuse(intercept.ProbePing, kernel.EACCES, kernel.EHOSTUNREACH),
		},
		{
			"probe/ping/from-absent", "takes any source",
			twist{Ping: func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
				p.From = netip.Addr{}
				return ns.Ping(ctx, p)
			}},
		},
		{"probe/ping/through-bridge", "bridges nothing", refusePing("10.0.0.3", kernel.EHOSTUNREACH)},
		{
			"probe/from-absent-first", "looks for a route before",
			twist{Ping: func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
				p.From = netip.Addr{}
				return ns.Ping(ctx, p)
			}},
		},
		{"probe/ping/no-way-in-pieces", "hears no error about a piece", refusePing("fd09::1", kernel.ETIMEDOUT)},
		{
			"probe/ping/too-long-for-the-peer", "waits for an answer",
			confuse(intercept.ProbePing, kernel.ENOBUFS, kernel.ETIMEDOUT),
		},
		{"probe/ping/by-loopback", "waits for an answer", refusePing("fd08::2", kernel.ETIMEDOUT)},
		{"probe/ping/by-own-address", "asks itself for a way", refusePing("10.9.0.1", kernel.ETIMEDOUT)},
		{"probe/ping/no-way-there", "says nothing where it does not forward", refusePing("fd09::1", kernel.ETIMEDOUT)},
		{
			"probe/ping/routed", "forwards whatever ip_forward is",
			twist{SetSysctl: func(ns kernel.NetNS, key, _ string) error {
				return ns.SetSysctl(key, "1")
			}},
		},
		{"probe/ping/default-ttl", "has one TTL", insteadOf("net/ipv4/ip_default_ttl", "64")},
		{"probe/ping/ignored", "answers all", insteadOf("net/ipv4/icmp_echo_ignore_all", "0")},
		{"probe/ping/from-loopback", "sends from wherever it is told", swallow(intercept.ProbePing, kernel.EINVAL)},
		{"probe/link-local", "finds the link by itself", swallow(intercept.ProbePing, kernel.EINVAL)},
		{"probe/call/default-ttl", "has one TTL", insteadOf("net/ipv4/ip_default_ttl", "64")},
		{"probe/ping/link-down", "reaches what it cannot", swallow(intercept.ProbePing, kernel.ENETUNREACH)},
		{
			"probe/call/answered", "loses what comes back",
			twist{Call: func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error) {
				got, err := ns.Call(ctx, c)
				got.Payload = nil
				return got, err
			}},
		},
		{
			"probe/call/refused", "waits till the end",
			confuse(intercept.ProbeCall, kernel.ECONNREFUSED, kernel.ETIMEDOUT),
		},
		{
			"probe/call/no-route", "says EHOSTUNREACH",
			confuse(intercept.ProbeCall, kernel.ENETUNREACH, kernel.EHOSTUNREACH),
		},
		{"probe/serve/taken", "lets two serve", swallow(intercept.ProbeServe, kernel.EADDRINUSE)},
		{"probe/serve/address-absent", "serves at any address", swallow(intercept.ProbeServe, kernel.EADDRNOTAVAIL)},
		{"probe/serve/stopped", "does not stop", twist{Serve: func(ns kernel.NetNS, s kernel.Service) (func(), error) {
			_, err := ns.Serve(s)
			return func() {}, err
		}}},
	}
}

func refusePing(to string, errno kernel.Errno) twist {
	return refuse(errno, intercept.Every(intercept.ProbePing, to))
}
