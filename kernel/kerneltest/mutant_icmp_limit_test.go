package kerneltest

import (
	"context"
	"errors"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func limitMutants() []mutant {
	const limit4, limit6 = "net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"
	return []mutant{
		{"limit/defaults", "limits nothing", everySysctl("0")},
		{"limit/six-in-a-row", "limits nothing", insteadOf(limit4, "0")},
		{
			"limit/per-receiver", "has one limit for all receivers",
			twist{Call: func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error) {
				c.From = netip.MustParseAddr("10.0.0.1")
				return ns.Call(ctx, c)
			}},
		},
		{"limit/one-more-later", "takes ten seconds for one", insteadOf(limit4, "10000")},
		{"limit/a-minute's-worth", "takes ten seconds for one, whatever is set", insteadOf(limit4, "10000")},
		{"limit/off", "has a limit always", insteadOf(limit4, "1000")},
		{"limit/other-kinds", "limits all kinds", insteadOf("net/ipv4/icmp_ratemask", "6168")},
		{"limit/oneself", "limits what one tells oneself", confuse(intercept.ProbeCall, kernel.ECONNREFUSED, kernel.ETIMEDOUT)},
		{"limit/echoes", "limits echoes", refusePing("10.0.0.2", kernel.ETIMEDOUT)},
		{"limit/resets", "limits resets", confuse(intercept.ProbeCall, kernel.ECONNREFUSED, kernel.ETIMEDOUT)},
		{
			"limit/no-way-costs-twice", "has it cost once",
			twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
				return errors.Join(ns.SetSysctl(key, value), ns.SetSysctl(limit4, "0"))
			}},
		},
		{"limit/no-way-while-off", "has a limit always", insteadOf(limit4, "1000")},
		{"limit/expired", "limits nothing", insteadOf(limit4, "0")},
		{"limit/ipv6", "limits nothing", insteadOf(limit6, "0")},
		{"limit/ipv6-off", "has a limit always", insteadOf(limit6, "1000")},
	}
}

// insteadOf is the twist that sets a setting to what it likes.
func insteadOf(setting, likes string) twist {
	return twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
		if key == setting {
			value = likes
		}
		return ns.SetSysctl(key, value)
	}}
}
