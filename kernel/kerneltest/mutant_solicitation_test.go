package kerneltest

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func solicitationMutants() []mutant {
	return []mutant{
		{"solicitation/asks", "knows nobody", twist{
			Neighbours: func(kernel.NetNS, int) ([]kernel.Neighbour, error) { return nil, nil },
		}},
		{"solicitation/behind-detection", "does not look for duplicates", settingTo("/accept_dad", "0")},
		{"solicitation/again", "asks as often as ever", twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			if often, ok := strings.CutSuffix(key, "/router_solicitation_interval"); ok {
				_ = ns.SetSysctl(often+"/router_solicitation_max_interval", value)
			}
			return ns.SetSysctl(key, value)
		}}},
		{"solicitation/at-most", "asks for ever", ignoringSetting("router_solicitations")},
		{"solicitation/longest-interval", "asks less and less often", ignoringSetting("router_solicitation_max_interval")},
		{"solicitation/answered", "hears no router", advertising(func(*kernel.RouterAdvertisement) bool { return false })},
		{"solicitation/told-unasked", "listens to every router", ignoringSetting("accept_ra")},
		{"solicitation/another-address", "asks from each of its addresses", twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
			others, _ := ns.Addresses(a.Link)
			for _, o := range others {
				_ = ns.DeleteAddress(o)
			}
			return ns.AddAddress(a)
		}}},
		{"solicitation/first-by-hand", "has a link-local address anyhow", ignoringSetting("addr_gen_mode")},
		{"solicitation/heard-by-routers", "hears as a host, too", settingTo("/out/forwarding", "1")},
		{"solicitation/switch/off", "has no switch for it", ignoringSetting("router_solicitations")},
		{"solicitation/switch/unbelieving", "asks whom it does not believe", ignoringSetting("accept_ra")},
		{"solicitation/switch/by-router", "asks as a router, too", settingTo("/in/forwarding", "0")},
		{"solicitation/switch/by-router-all-the-same", "asks nobody as a router", ignoringSetting("accept_ra")},
		{"solicitation/switch/believes-no-longer", "goes on", ignoringSetting("accept_ra")},
		{"solicitation/defaults", "has every setting off", everySysctl("0")},
		{"solicitation/out-of-range", "takes any number", swallow(intercept.SysctlSet, kernel.EINVAL)},
	}
}

// settingTo lets settings have one value, whatever is written.
func settingTo(suffix, always string) twist {
	return twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
		if strings.HasSuffix(key, suffix) {
			value = always
		}
		return ns.SetSysctl(key, value)
	}}
}
