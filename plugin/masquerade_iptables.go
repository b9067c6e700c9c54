package plugin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

const (
	natTable    = "nat"
	postRouting = "POSTROUTING"
)

// A claim says whether what a prefix sends is to be seen as one attachment's.
type claim func(source netip.Prefix) (bool, error)

var natFamilies = []kernel.FilterFamily{kernel.FilterIP, kernel.FilterIP6}

func natFamily(a netip.Addr) kernel.FilterFamily {
	if a.Is4() {
		return kernel.FilterIP
	}
	return kernel.FilterIP6
}

// natChain is the chain that the interfaces of a container in a network share, "for historical reasons" as the reference
// says. It fills the 28 characters that such a name can have.
func (a attachment) natChain() string { return "CNI-" + longHash(24, a.network+a.containerID) }

func (a attachment) natComment() string { return natCommentStart(a.network) + a.containerID + `"` }

func natCommentStart(network string) string { return fmt.Sprintf("name: %q id: \"", network) }

// natOwner returns the container of which a comment of the network speaks.
func natOwner(network, comment string) (containerID string, ok bool) {
	rest, ok := strings.CutPrefix(comment, natCommentStart(network))
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, `"`)
}

func natWriter(f kernel.FilterFamily) *ruleWriter { return &ruleWriter{family: f, table: natTable} }

// natRules masquerade the addresses that are of a family, in the order in which the reference adds them: what goes to an
// address's subnet is left alone, so is multicast, and the packets that it sends get there.
func (a attachment) natRules(f kernel.FilterFamily, addresses []netip.Prefix) []kernel.FilterChange {
	w, chain := natWriter(f), a.natChain()
	add := func(chain string, match kernel.FilterMatch, action kernel.FilterAction, target string) {
		w.rule(kernel.AddRule, chain, &kernel.FilterRule{
			Matches: []kernel.FilterMatch{match}, Action: action, Target: target, Comment: a.natComment(),
		})
	}
	for _, p := range addresses {
		if natFamily(p.Addr()) == f {
			add(chain, to(p.Masked()), kernel.Accept, "")
			add(chain, butTo(multicast(familyOf(p.Addr()))), kernel.Masquerade, "")
			add(postRouting, from(p.Addr()), kernel.Jump, chain)
		}
	}
	return w.changes
}

// natTrial has what the attachment's rules need of iptables, in a chain that is always there.
func (a attachment) natTrial() []kernel.FilterChange {
	w := natWriter(kernel.FilterIP)
	w.rule(kernel.AddRule, postRouting, &kernel.FilterRule{
		Matches: []kernel.FilterMatch{butTo(multicast(kernel.IPv4))}, Action: kernel.Masquerade, Comment: a.natComment(),
	})
	return w.changes
}

// natMasquerade makes what is missing, and takes away what an ADD of the attachment has left that came to no end.
func (a attachment) natMasquerade(tables []kernel.FilterTable, addresses []netip.Prefix, own claim) ([]kernel.FilterChange, error) {
	var all []kernel.FilterChange
	for _, f := range natFamilies {
		w := natWriter(f)
		missing, t := lacking(tables, a.natRules(f, addresses)), w.in(tables)
		if len(missing) > 0 && (t == nil || t.Chain(a.natChain()) == nil) {
			w.change(kernel.AddChain, a.natChain()).Exclusive = true
		}
		w.changes = append(w.changes, missing...)
		_, err := a.deleteJumps(w, tables, func(source netip.Prefix) (bool, error) {
			if isOneOf(source, addresses) {
				return false, nil
			}
			return own(source)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, w.changes...)
	}
	return all, nil
}

// isOneOf reports whether a prefix is one of the addresses.
func isOneOf(source netip.Prefix, addresses []netip.Prefix) bool {
	return source.IsSingleIP() && containsAny(source, addresses)
}

// containsAny reports whether one of the addresses is of a prefix.
func containsAny(source netip.Prefix, addresses []netip.Prefix) bool {
	return slices.ContainsFunc(addresses, func(a netip.Prefix) bool { return source.Contains(a.Addr()) })
}

// deleteJumps deletes the rules that lead to the container's chain and are claimed, and returns the sources of the others.
func (a attachment) deleteJumps(w *ruleWriter, tables []kernel.FilterTable, own claim) (others []netip.Prefix, failed error) {
	w.deleteRules(tables, postRouting, func(r *kernel.FilterRule) bool {
		if r.Target != a.natChain() {
			return false
		}
		source := prefixOn(r, kernel.MatchSource)
		isOwn, err := own(source)
		if err != nil {
			failed = err
		}
		if !isOwn {
			others = append(others, source)
		}
		return isOwn
	})
	return others, failed
}

// natUnmasquerade deletes the jumps that are the attachment's and, with the last one, the chain. Of a chain that other
// interfaces of the container need it deletes the rules for subnets that none of them is in.
//
// (Old releases of the reference have jumps that are about the whole subnet; its own DEL looks for these too.)
func (a attachment) natUnmasquerade(tables []kernel.FilterTable, own claim) (all []kernel.FilterChange, err error) {
	for _, f := range natFamilies {
		w := natWriter(f)
		others, err := a.deleteJumps(w, tables, own)
		if err != nil {
			return nil, err
		}
		switch t := w.in(tables); {
		case t == nil || t.Chain(a.natChain()) == nil:
		case len(others) == 0:
			w.change(kernel.FlushChain, a.natChain())
			w.change(kernel.DeleteChain, a.natChain())
		case len(w.changes) > 0:
			w.deleteRules(tables, a.natChain(), func(r *kernel.FilterRule) bool {
				subnet := prefixOn(r, kernel.MatchDestination)
				return r.Action == kernel.Accept && subnet.IsValid() && !slices.ContainsFunc(others, subnet.Overlaps)
			})
		}
		all = append(all, w.changes...)
	}
	return all, nil
}

// natStale deletes what is of containers that have no valid attachment to the network; of those that have one, the jumps
// that released says are of another.
func natStale(network string, valid []types.GCAttachment, released func(containerID string, valid []string) claim) rulesPlan {
	return func(tables []kernel.FilterTable) (all []kernel.FilterChange, err error) {
		for _, id := range natContainers(network, tables) {
			own := claim(func(netip.Prefix) (bool, error) { return true, nil })
			if names := interfacesOf(id, valid); len(names) > 0 {
				own = released(id, names)
			}
			changes, err := attachment{network: network, containerID: id}.natUnmasquerade(tables, own)
			if err != nil {
				return nil, err
			}
			all = append(all, changes...)
		}
		return all, nil
	}
}

// natContainers returns the containers of which chains of the network are.
func natContainers(network string, tables []kernel.FilterTable) (ids []string) {
	for _, t := range tables {
		if t.Name != natTable {
			continue
		}
		for _, chain := range t.Chains {
			for i := range chain.Rules {
				id, ok := natOwner(network, chain.Rules[i].Comment)
				name := attachment{network: network, containerID: id}.natChain()
				if ok && (chain.Name == name || chain.Rules[i].Target == name) && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// interfacesOf returns the names of a container's interfaces.
func interfacesOf(containerID string, attachments []types.GCAttachment) (names []string) {
	for _, a := range attachments {
		if a.ContainerID == containerID {
			names = append(names, a.IfName)
		}
	}
	return names
}
