package kerneltest

import (
	"errors"
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

var nftChangeLaws = []Law{
	{"nft/transaction/all-or-none", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: abort", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept")
		n.refused(kernel.ENOENT, "add chain F t d", "flush chain F t c", "add table F u", "add rule F t nope accept")
		equal(e, n.list(), []string{"table F t", "chain F t c", "rule F t c accept"}, "rules after a transaction that failed at its end")
	}},
	{"nft/transaction/in-order", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch", func(e *env) {
		n := e.nft("a")
		n.change("add table F t", "add chain F t c", "add chain F t d", "add rule F t c jump d",
			"flush chain F t c", "delete chain F t d", "add rule F t c accept")
		equal(e, n.list(), []string{"table F t", "chain F t c", "rule F t c accept"}, "rules after one transaction")
		n.refused(kernel.EBUSY, "add chain F t d", "add rule F t c jump d", "delete chain F t d", "flush chain F t c")
	}},
	{"nft/transaction/names-the-change", "kernel.Netfilter", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		err := n.do("add rule F t c accept", "add rule F t nope drop", "add rule F t c accept")
		e.refused(err, kernel.ENOENT, "add a rule to a chain that is not there")
		refusal, _ := errors.AsType[*kernel.Error](err)
		equal(e, refusal.Object, "nftables add rule "+n.family+" t nope drop", "the object of the error")
	}},
	{"nft/transaction/empty", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch", func(e *env) {
		e.nft("a").change()
	}},
	{"nft/transaction/large", "net/netfilter/nfnetlink.c nfnl_err_deliver", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		changes := make([]string, 500)
		for i := range changes {
			changes[i] = fmt.Sprintf("add rule F t c iifname v%d accept", i)
		}
		n.change(changes...)
		equal(e, len(n.rules("c")), len(changes), "rules after a transaction of 500")
	}},

	{"nft/check/changes-nothing", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: without its end", func(e *env) {
		n := e.nft("a")
		e.ok(n.CheckRuleset(kernel.NFTables, n.parse("add table F t", "add chain F t c", "add rule F t c accept")), "check")
		equal(e, n.list(), []string{}, "rules after a check")
	}},
	{"nft/check/answers-as-change", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: without its end", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		check := func(want kernel.Errno, change string) {
			e.refused(n.CheckRuleset(kernel.NFTables, n.parse(change)), want, "check: %s", change)
		}
		check(kernel.ENOENT, "add rule F t nope accept")
		check(kernel.EEXIST, "create chain F t c")
		check(kernel.ENOENT, "delete table F u")
	}},

	{"nft/layout/masquerade", "pkg/ip/ipmasq_nftables_linux.go of the reference plugins", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table inet cni_plugins_masquerade { comment 'Masquerading' ; }",
			"add chain inet cni_plugins_masquerade masq_checks { comment 'Masquerade' ; }",
			"add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; policy accept ; }",
			"flush chain inet cni_plugins_masquerade postrouting",
			"add rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return",
			"add rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return",
			"add rule inet cni_plugins_masquerade postrouting goto masq_checks",
			"add rule inet cni_plugins_masquerade masq_checks ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment 'h-h, net: n'",
		)
		equal(e, n.list(), []string{
			"table F cni_plugins_masquerade { comment Masquerading ; }",
			"chain F cni_plugins_masquerade masq_checks { comment Masquerade ; }",
			`rule F cni_plugins_masquerade masq_checks ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment "h-h, net: n"`,
			"chain F cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; policy accept ; }",
			"rule F cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return",
			"rule F cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return",
			"rule F cni_plugins_masquerade postrouting goto masq_checks",
		}, "the rules that masquerade a pod")
	}},
	{"nft/layout/spoof-check", "pkg/link/spoofcheck.go of the reference plugins", func(e *env) {
		n := e.nft("a")
		n.family = "bridge"
		n.change("add table bridge nat",
			"add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }",
			"add chain bridge nat cni-br-iface-id-eth0", "add chain bridge nat cni-br-iface-id-eth0-mac",
			"add rule bridge nat PREROUTING iifname veth0 jump cni-br-iface-id-eth0 comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0 jump cni-br-iface-id-eth0-mac comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0-mac ether saddr 02:00:00:00:00:01 return comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0-mac drop comment macspoofchk-id-eth0",
		)
		equal(e, n.list(), []string{
			"table F nat",
			"chain F nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }",
			"rule F nat PREROUTING iifname veth0 jump cni-br-iface-id-eth0 comment macspoofchk-id-eth0",
			"chain F nat cni-br-iface-id-eth0",
			"rule F nat cni-br-iface-id-eth0 jump cni-br-iface-id-eth0-mac comment macspoofchk-id-eth0",
			"chain F nat cni-br-iface-id-eth0-mac",
			"rule F nat cni-br-iface-id-eth0-mac ether saddr 02:00:00:00:00:01 return comment macspoofchk-id-eth0",
			"rule F nat cni-br-iface-id-eth0-mac drop comment macspoofchk-id-eth0",
		}, "the rules that check a pod's MAC")
	}},
}
