package plugin

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// The reference's names and comments. One chain has a rule for each address of each container; packets get there from a
// base chain that spares multicast.
const (
	masqTable        = "cni_plugins_masquerade"
	masqChain        = "masq_checks"
	masqBase         = "postrouting"
	masqTableComment = "Masquerading for plugins from github.com/containernetworking/plugins"
	masqChainComment = "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
)

// masqBaseChain meets packets where their source can be changed: NF_IP_PRI_NAT_SRC.
var masqBaseChain = kernel.BaseChain{Type: "nat", Hook: "postrouting", Priority: 100, Policy: kernel.Accept}

// nftNetwork is how the comments of all attachments of a network begin, and nftOwner of one.
func nftNetwork(network string) string { return longHash(16, network) + "-" }

func (a attachment) nftOwner() string {
	return nftNetwork(a.network) + longHash(16, a.ifname+":"+a.containerID)
}

// nftComment begins with what identifies the attachment; the rest is for people, and may be cut off.
func (a attachment) nftComment() string {
	text := fmt.Sprintf("%s, net: %s, if: %s, id: %s", a.nftOwner(), a.network, a.ifname, a.containerID)
	text = strings.ReplaceAll(text, `"`, "")
	return text[:min(len(text), kernel.MaxFilterComment)]
}

func masqWriter() *ruleWriter { return &ruleWriter{family: kernel.FilterInet, table: masqTable} }

// nftShared makes what all attachments share, where it is not as it should be.
func (w *ruleWriter) nftShared(tables []kernel.FilterTable) {
	if hasNFTShared(w.in(tables)) {
		return
	}
	w.change(kernel.AddTable, "").Comment = masqTableComment
	w.change(kernel.AddChain, masqChain).Comment = masqChainComment
	w.change(kernel.AddChain, masqBase).Base = &masqBaseChain
	w.change(kernel.FlushChain, masqBase)
	for _, r := range nftSharedRules() {
		w.rule(kernel.AddRule, masqBase, &r)
	}
}

// nftSharedRules lead to what is of one attachment each.
func nftSharedRules() (rules []kernel.FilterRule) {
	for _, f := range []kernel.Family{kernel.IPv4, kernel.IPv6} {
		rules = append(rules, kernel.FilterRule{Matches: []kernel.FilterMatch{to(multicast(f))}, Action: kernel.Return})
	}
	return append(rules, kernel.FilterRule{Action: kernel.GoTo, Target: masqChain})
}

func hasNFTShared(t *kernel.FilterTable) bool {
	if !hasBase(t, masqBase, &masqBaseChain) || t.Chain(masqChain) == nil {
		return false
	}
	present, wanted := rulesOf(t, masqBase), nftSharedRules()
	if len(present) != len(wanted) {
		return false
	}
	for i := range wanted {
		if present[i].String() != wanted[i].String() {
			return false
		}
	}
	return true
}

// nftMasquerade makes what all share, and puts the attachment's rules in the place of those that an ADD of it has left
// that came to no end.
func (a attachment) nftMasquerade(tables []kernel.FilterTable, addresses []netip.Prefix) []kernel.FilterChange {
	w := masqWriter()
	w.nftShared(tables)
	a.nftUnmasquerade(w, tables)
	for _, p := range addresses {
		w.rule(kernel.AddRule, masqChain, &kernel.FilterRule{
			Matches: []kernel.FilterMatch{from(p.Addr()), butTo(p.Masked())},
			Action:  kernel.Masquerade,
			Comment: a.nftComment(),
		})
	}
	return w.changes
}

// nftUnmasquerade deletes the attachment's rules, whatever their addresses are.
func (a attachment) nftUnmasquerade(w *ruleWriter, tables []kernel.FilterTable) {
	owner := a.nftOwner()
	w.deleteRules(tables, masqChain, func(r *kernel.FilterRule) bool { return strings.HasPrefix(r.Comment, owner) })
}

// nftUnused deletes what all attachments share, if it is of no use.
func nftUnused(tables []kernel.FilterTable) []kernel.FilterChange {
	w := masqWriter()
	shared := hasNFTShared(w.in(tables))
	w.deleteUnused(tables, func(c *kernel.FilterChain) bool {
		return c.Name == masqBase && shared || c.Name == masqChain && len(c.Rules) == 0
	})
	return w.changes
}

// nftStale deletes the rules of the network that are of none of the attachments.
func nftStale(tables []kernel.FilterTable, network string, valid []types.GCAttachment) []kernel.FilterChange {
	keep := map[string]bool{}
	for _, v := range valid {
		keep[attachment{network: network, containerID: v.ContainerID, ifname: v.IfName}.nftOwner()] = true
	}
	w, start := masqWriter(), nftNetwork(network)
	w.deleteRules(tables, masqChain, func(r *kernel.FilterRule) bool {
		owner, _, _ := strings.Cut(r.Comment, ",")
		return strings.HasPrefix(owner, start) && !keep[owner]
	})
	return w.changes
}
