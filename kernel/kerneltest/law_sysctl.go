package kerneltest

import "github.com/cnilab/cnilab/kernel"

// sysctlLaws are about the settings below /proc/sys/net.
var sysctlLaws = []Law{
	{"sysctl/set", "net/ipv4/devinet.c devinet_conf_proc", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		for _, key := range []string{conf(kernel.IPv4, "v", "proxy_arp"), conf(kernel.IPv6, "v", "accept_ra")} {
			ns.setSysctl(key, "0")
			equal(e, ns.sysctl(key), "0", "value of %s", key)
			ns.setSysctl(key, "1")
			equal(e, ns.sysctl(key), "1", "value of %s", key)
		}
	}},
	{"sysctl/defaults", "net/ipv4/devinet.c, net/ipv6/addrconf.c ipv6_devconf", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		for key, want := range map[string]string{
			"net/ipv4/ip_forward":                       "0",
			conf(kernel.IPv4, "all", "forwarding"):      "0",
			conf(kernel.IPv4, "v", "forwarding"):        "0",
			conf(kernel.IPv4, "v", "arp_notify"):        "0",
			conf(kernel.IPv6, "all", "forwarding"):      "0",
			conf(kernel.IPv6, "v", "forwarding"):        "0",
			conf(kernel.IPv6, "v", "disable_ipv6"):      "0",
			conf(kernel.IPv6, "v", "accept_dad"):        "1",
			conf(kernel.IPv6, "v", "accept_ra"):         "1",
			conf(kernel.IPv6, "v", "addr_gen_mode"):     "0",
			conf(kernel.IPv6, "v", "dad_transmits"):     "1",
			conf(kernel.IPv6, "v", "keep_addr_on_down"): "0",
		} {
			equal(e, ns.sysctl(key), want, "value of %s in a new namespace", key)
		}
	}},
	{"sysctl/unknown", "fs/proc/proc_sysctl.c proc_sys_lookup", func(e *env) {
		ns := e.netns("a")
		_, err := ns.Sysctl("net/ipv4/conf/all/nonsense")
		e.refused(err, kernel.ENOENT, "read an unknown sysctl")
		e.refused(ns.SetSysctl("net/ipv4/conf/all/nonsense", "1"), kernel.ENOENT, "set an unknown sysctl")
	}},
	{"sysctl/outside-the-tree", "the contract", func(e *env) {
		ns := e.netns("a")
		for _, key := range []string{"", "..", "/net/ipv4/ip_forward", "net/../../self/comm"} {
			_, err := ns.Sysctl(key)
			e.refused(err, kernel.EINVAL, "read the sysctl %q", key)
			e.refused(ns.SetSysctl(key, "1"), kernel.EINVAL, "set the sysctl %q", key)
		}
	}},
	{"sysctl/switch-invalid", "net/ipv6/addrconf.c addrconf_sysctl_forward, addrconf_sysctl_disable", func(e *env) {
		ns := e.netns("a")
		for _, name := range []string{"forwarding", "disable_ipv6"} {
			key := conf(kernel.IPv6, "default", name)
			e.refused(ns.SetSysctl(key, "x"), kernel.EINVAL, "set %s to what is no number", key)
		}
	}},
	{"sysctl/value-invalid", "kernel/sysctl.c do_proc_dointvec", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.SetSysctl("net/ipv4/ip_forward", "yes"), kernel.EINVAL, "set net/ipv4/ip_forward to \"yes\"")
		equal(e, ns.sysctl("net/ipv4/ip_forward"), "0", "its value after it")
	}},
	{"sysctl/value-out-of-range", "net/ipv6/addrconf.c addrconf_sysctl_addr_gen_mode", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		key := conf(kernel.IPv6, "v", "addr_gen_mode")
		e.refused(ns.SetSysctl(key, "9"), kernel.EINVAL, "set %s to 9", key)
	}},
	{"sysctl/hops-out-of-range", "net/ipv4/sysctl_net_ipv4.c ip_ttl_min; net/ipv6/addrconf.c addrconf_sysctl: hop_limit", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		for _, key := range []string{"net/ipv4/ip_default_ttl", conf(kernel.IPv6, "v", "hop_limit")} {
			for _, value := range []string{"0", "256", "-1"} {
				e.refused(ns.SetSysctl(key, value), kernel.EINVAL, "set %s to %s", key, value)
			}
			e.ok(ns.SetSysctl(key, "255"), "set %s to 255", key)
		}
	}},
	{"sysctl/tree-comes-with-link", "net/ipv4/devinet.c devinet_sysctl_register", func(e *env) {
		ns := e.netns("a")
		for _, f := range []kernel.Family{kernel.IPv4, kernel.IPv6} {
			_, err := ns.Sysctl(conf(f, "br", "forwarding"))
			e.refused(err, kernel.ENOENT, "read a sysctl of a link before it is there")
		}
		ns.bridge("br")
		for _, f := range []kernel.Family{kernel.IPv4, kernel.IPv6} {
			_, err := ns.Sysctl(conf(f, "br", "forwarding"))
			e.ok(err, "read a sysctl of a link that was made (%v)", f)
		}
	}},
	{"sysctl/tree-goes-with-link", "net/ipv4/devinet.c devinet_sysctl_unregister", func(e *env) {
		ns := e.netns("a")
		e.ok(ns.DeleteLink(ns.bridge("br")), "delete a link")
		for _, f := range []kernel.Family{kernel.IPv4, kernel.IPv6} {
			_, err := ns.Sysctl(conf(f, "br", "forwarding"))
			e.refused(err, kernel.ENOENT, "read a sysctl of a link that was deleted (%v)", f)
		}
	}},
	{"sysctl/tree-follows-name", "net/ipv4/devinet.c inetdev_event: NETDEV_CHANGENAME", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.setSysctl(conf(kernel.IPv4, "br", "proxy_arp"), "1")
		ns.set(br, kernel.LinkChange{Name: new("new")})
		equal(e, ns.sysctl(conf(kernel.IPv4, "new", "proxy_arp")), "1", "value of a sysctl of a link that was renamed")
		_, err := ns.Sysctl(conf(kernel.IPv4, "br", "proxy_arp"))
		e.refused(err, kernel.ENOENT, "read the sysctl by the link's old name")
	}},
	{"sysctl/link-with-dots", "the contract: names are path elements", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br.100")
		ns.setSysctl(conf(kernel.IPv4, "br.100", "proxy_arp"), "1")
		equal(e, ns.sysctl(conf(kernel.IPv4, "br.100", "proxy_arp")),
			"1", "value of a sysctl of a link with a dot in its name")
	}},
	{"sysctl/default-for-new-links", "net/ipv4/devinet.c inetdev_init, net/ipv6/addrconf.c ipv6_add_dev", func(e *env) {
		ns := e.netns("a")
		ns.setSysctl(conf(kernel.IPv4, "default", "proxy_arp"), "1")
		ns.setSysctl(conf(kernel.IPv6, "default", "accept_redirects"), "0")
		ns.bridge("after")
		equal(e, ns.sysctl(conf(kernel.IPv4, "after", "proxy_arp")),
			"1", "IPv4 proxy_arp of a link made after the default")
		equal(e, ns.sysctl(conf(kernel.IPv6, "after", "accept_redirects")), "0", "IPv6 accept_redirects of the same")
	}},
	{
		"sysctl/v4-default-for-links-there",
		"net/ipv4/devinet.c devinet_copy_dflt_conf: where it was never set", func(e *env) {
			ns := e.netns("a")
			ns.veth("untouched", "set")
			ns.setSysctl(conf(kernel.IPv4, "set", "proxy_arp"), "0")
			ns.setSysctl(conf(kernel.IPv4, "default", "proxy_arp"), "1")
			equal(e, ns.sysctl(conf(kernel.IPv4, "untouched", "proxy_arp")), "1", "proxy_arp where it was never set")
			equal(e, ns.sysctl(conf(kernel.IPv4, "set", "proxy_arp")), "0", "proxy_arp where it was set")
		},
	},
	{
		"sysctl/v6-default-not-for-links-there",
		"net/ipv6/addrconf.c ipv6_devconf_dflt: copied to new links only", func(e *env) {
			ns := e.netns("a")
			ns.bridge("before")
			ns.setSysctl(conf(kernel.IPv6, "default", "accept_redirects"), "0")
			equal(e, ns.sysctl(conf(kernel.IPv6, "before", "accept_redirects")),
				"1", "accept_redirects of a link made before the default")
		},
	},
	{"sysctl/per-namespace", "net/ipv4/sysctl_net_ipv4.c ipv4_sysctl_init_net", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.setSysctl("net/ipv4/ip_forward", "1")
		equal(e, b.sysctl("net/ipv4/ip_forward"), "0", "net/ipv4/ip_forward of a namespace, set in another")
	}},
	{"sysctl/v4-forwarding-everywhere", "net/ipv4/devinet.c devinet_sysctl_forward: inet_forward_change", func(e *env) {
		ns := e.netns("a")
		ns.bridge("before")
		ns.setSysctl("net/ipv4/ip_forward", "1")
		ns.bridge("after")
		for _, name := range []string{"all", "default", "lo", "before", "after"} {
			equal(e, ns.sysctl(conf(kernel.IPv4, name, "forwarding")),
				"1", "forwarding of %s with ip_forward set", name)
		}
		ns.setSysctl(conf(kernel.IPv4, "all", "forwarding"), "0")
		equal(e, ns.sysctl("net/ipv4/ip_forward"), "0", "ip_forward after conf/all/forwarding was unset")
	}},
	{"sysctl/v4-forwarding-redirects", "net/ipv4/devinet.c inet_forward_change: ACCEPT_REDIRECTS", func(e *env) {
		ns, key := e.netns("a"), conf(kernel.IPv4, "all", "accept_redirects")
		ns.setSysctl(key, "1")
		ns.setSysctl("net/ipv4/ip_forward", "1")
		equal(e, ns.sysctl(key), "0", "all/accept_redirects after ip_forward was set")
		ns.setSysctl("net/ipv4/ip_forward", "0")
		equal(e, ns.sysctl(key), "1", "all/accept_redirects after ip_forward was unset")
	}},
	{"sysctl/v6-forwarding-everywhere", "net/ipv6/addrconf.c addrconf_fixup_forwarding", func(e *env) {
		ns := e.netns("a")
		ns.bridge("before")
		ns.setSysctl(conf(kernel.IPv6, "all", "forwarding"), "1")
		ns.bridge("after")
		for _, name := range []string{"default", "before", "after"} {
			equal(e, ns.sysctl(conf(kernel.IPv6, name, "forwarding")),
				"1", "forwarding of %s with all/forwarding set", name)
		}
	}},
	{"sysctl/v6-disabled-everywhere", "net/ipv6/addrconf.c addrconf_disable_ipv6", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br")
		ns.setSysctl(conf(kernel.IPv6, "all", "disable_ipv6"), "1")
		equal(e, ns.sysctl(conf(kernel.IPv6, "br", "disable_ipv6")),
			"1", "disable_ipv6 of a link with all/disable_ipv6 set")
	}},
	{"sysctl/v4-one-link-leaves-others", "net/ipv4/devinet.c devinet_sysctl_forward", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		ns.setSysctl(conf(kernel.IPv4, "v", "forwarding"), "1")
		got := []string{ns.sysctl(conf(kernel.IPv4, "w", "forwarding")), ns.sysctl("net/ipv4/ip_forward")}
		equal(e, got, []string{"0", "0"},
			"forwarding of another link, and ip_forward")
	}},
	{"sysctl/does-not-move", "net/ipv4/devinet.c inetdev_event: NETDEV_UNREGISTER, NETDEV_REGISTER", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		v, _ := a.veth("v", "w")
		a.setSysctl(conf(kernel.IPv4, "v", "proxy_arp"), "1")
		a.move(v, b)
		equal(e, b.sysctl(conf(kernel.IPv4, "v", "proxy_arp")), "0", "a sysctl of a link, where it was moved to")
		_, err := a.Sysctl(conf(kernel.IPv4, "v", "proxy_arp"))
		e.refused(err, kernel.ENOENT, "read it where the link was moved from")
	}},
}
