package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// What macspoofchk makes is laid out as by the reference plugin (pkg/link/spoofcheck.go): a base chain that all share
// sends what comes from a host end to a chain of its attachment, and that to one that lets the container's own MAC
// address pass. Nothing of it tells the network.
const (
	spoofTable  = "nat"
	spoofBase   = "PREROUTING"
	spoofChains = "cni-br-iface-"
	spoofNotes  = "macspoofchk-"
)

// spoofBaseChain is where frames from ports of bridges come first: NF_BR_PRI_NAT_DST_BRIDGED.
var spoofBaseChain = kernel.BaseChain{Type: "filter", Hook: "prerouting", Priority: -300, Policy: kernel.Accept}

// A spoofing is what is named after an attachment.
type spoofing struct{ owner string }

func (a attachment) spoofing() spoofing { return spoofing{a.containerID + "-" + a.ifname} }

func (s spoofing) chain() string    { return spoofChains + s.owner }
func (s spoofing) macChain() string { return s.chain() + "-mac" }
func (s spoofing) comment() string  { return spoofNotes + s.owner }

func spoofWriter() *ruleWriter { return &ruleWriter{family: kernel.FilterBridge, table: spoofTable} }

// anyMAC stands for one in a trial.
var anyMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0}

// make lets the container's frames pass that have its MAC address, and no others. It takes the place of what an ADD of the
// attachment has left that came to no end.
func (s spoofing) make(tables []kernel.FilterTable, hostEnd string, mac net.HardwareAddr) []kernel.FilterChange {
	w := spoofWriter()
	s.delete(w, tables)
	w.addTable(tables, "")
	w.addBase(tables, spoofBase, &spoofBaseChain)
	w.change(kernel.AddChain, s.chain()).Exclusive = true
	w.change(kernel.AddChain, s.macChain()).Exclusive = true
	add := func(chain string, action kernel.FilterAction, target string, on ...kernel.FilterMatch) {
		w.rule(kernel.AddRule, chain, &kernel.FilterRule{Matches: on, Action: action, Target: target, Comment: s.comment()})
	}
	add(spoofBase, kernel.Jump, s.chain(), kernel.FilterMatch{On: kernel.MatchInLink, Link: hostEnd})
	add(s.chain(), kernel.Jump, s.macChain())
	add(s.macChain(), kernel.Return, "", kernel.FilterMatch{On: kernel.MatchSourceMAC, MAC: mac})
	add(s.macChain(), kernel.Drop, "")
	return w.changes
}

// delete takes away all that is the attachment's: not the second chain of net1 for an interface that is named net1-mac.
func (s spoofing) delete(w *ruleWriter, tables []kernel.FilterTable) {
	w.deleteRules(tables, spoofBase, func(r *kernel.FilterRule) bool { return r.Target == s.chain() || r.Comment == s.comment() })
	t := w.in(tables)
	isOthers := func(r *kernel.FilterRule) bool {
		return r.Comment != s.comment() && strings.HasPrefix(r.Comment, spoofNotes)
	}
	for _, chain := range []string{s.chain(), s.macChain()} {
		if t != nil && t.Chain(chain) != nil && !containsRule(t.Chain(chain).Rules, isOthers) {
			w.change(kernel.FlushChain, chain)
			w.change(kernel.DeleteChain, chain)
		}
	}
}

// spoofUnused deletes what all attachments share, if it is of no use.
func spoofUnused(tables []kernel.FilterTable) []kernel.FilterChange {
	w := spoofWriter()
	w.deleteUnused(tables, func(c *kernel.FilterChain) bool { return c.Name == spoofBase && len(c.Rules) == 0 })
	return w.changes
}

// spoofStale deletes what is about links that are gone. The chain of one that lives may be another network's.
func spoofStale(tables []kernel.FilterTable, exists map[string]bool) []kernel.FilterChange {
	w := spoofWriter()
	rules := rulesOf(w.in(tables), spoofBase)
	keep := map[string]bool{} // and what is done
	for i := range rules {
		keep[rules[i].Target] = keep[rules[i].Target] || exists[linkOf(&rules[i])]
	}
	for i := range rules {
		owner, ok := strings.CutPrefix(rules[i].Comment, spoofNotes)
		s := spoofing{owner}
		if ok && rules[i].Target == s.chain() && !keep[s.chain()] {
			keep[s.chain()] = true
			s.delete(w, tables)
		}
	}
	return w.changes
}

// linkOf returns the link by which packets come that a rule is about; "" where it is about none.
func linkOf(r *kernel.FilterRule) string {
	for _, m := range r.Matches {
		if m.On == kernel.MatchInLink && !m.Not {
			return m.Link
		}
	}
	return ""
}

// refuseSpoofing has frames of the container dropped that have another MAC address than its own, before it can send
// any.
func (a *add) refuseSpoofing(context.Context) error {
	if !a.config.MACSpoofCheck {
		return nil
	}
	s, made := a.attachment.spoofing(), false
	a.undo.push("delete the rules against spoofing", func(context.Context) error {
		err := changeRules(a.host, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
			w := spoofWriter()
			s.delete(w, tables)
			return w.changes, nil
		})
		return errors.Join(err, forgetUnused(a.host, made, spoofUnused))
	})
	return spoofCheckUnusable(changeRules(a.host, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		made = made || spoofWriter().in(tables) == nil
		return s.make(tables, a.hostEnd.Name, ownMAC(a.containerEnd, a.config)), nil
	}))
}

// spoofCheckUnusable says of what a machine cannot do what it was wanted for.
func spoofCheckUnusable(err error) error {
	if !isUnusable(err) {
		return err
	}
	return fmt.Errorf("macspoofchk does not work on this machine: %w", err)
}

// ownMAC is the address that the container may send with. Where the plugin made no interface for it, that is the one that
// was asked for.
func ownMAC(containerEnd kernel.Link, c config.Config) net.HardwareAddr {
	if containerEnd.MAC != nil {
		return containerEnd.MAC
	}
	return c.MAC
}

// checkSpoofing is CHECK's.
func (k *check) checkSpoofing(context.Context) error {
	mac := ownMAC(k.containerEnd, k.config)
	if !k.config.MACSpoofCheck || k.hostEnd.Index == 0 || mac == nil {
		return nil
	}
	tables, err := k.host.Ruleset(kernel.NFTables)
	if err != nil {
		return err
	}
	wanted := k.attachment().spoofing().make(nil, k.hostEnd.Name, mac)
	k.missRules(kernel.NFTables, lacking(tables, wanted))
	return nil
}
