package kerneltest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A ruleLab is a namespace whose rules of nftables a law tries, in a family that this kernel has. In the law's words F
// stands for that.
type ruleLab struct {
	*netns
	family string
}

// nft makes a namespace to try rules of nftables in.
func (e *env) nft(name string) *ruleLab {
	n := &ruleLab{netns: e.netns(name)}
	for _, n.family = range []string{"inet", "bridge"} {
		if n.has(n.family) {
			return n
		}
	}
	panic(leftOut("this kernel has no nftables"))
}

func (n *ruleLab) has(family string) bool {
	err := n.CheckRuleset(kernel.NFTables, nft("add table "+family+" t"))
	if !errors.Is(err, kernel.EOPNOTSUPP) {
		n.e.ok(err, "check whether there are tables of the family %s", family)
	}
	return err == nil
}

// needs leaves the law out where the kernel does not have the family.
func (n *ruleLab) needs(family string) {
	if !n.has(family) {
		panic(leftOut("this kernel has no tables of the family " + family))
	}
	n.family = family
}

// parse reads changes.
func (n *ruleLab) parse(changes ...string) []kernel.FilterChange {
	var texts []string
	for _, c := range changes {
		texts = append(texts, strings.Replace(c, " F ", " "+n.family+" ", 1))
	}
	return nft(texts...)
}

func (n *ruleLab) do(changes ...string) error {
	return n.ChangeRuleset(kernel.NFTables, n.parse(changes...))
}

// change makes changes in one transaction.
func (n *ruleLab) change(changes ...string) {
	n.e.ok(n.do(changes...), "%s", strings.Join(changes, "; "))
}

func (n *ruleLab) refused(want kernel.Errno, changes ...string) {
	n.e.refused(n.do(changes...), want, "%s", strings.Join(changes, "; "))
}

// refusedAny demands one of two errnos: kernels differ.
func (n *ruleLab) refusedAny(change string, one, other kernel.Errno) {
	err := n.do(change)
	if !errors.Is(err, other) {
		n.e.refused(err, one, "%s", change)
	}
}

// chain makes chains in the table t.
func (n *ruleLab) chain(names ...string) {
	n.change("add table F t")
	for _, name := range names {
		n.change("add chain F t " + name)
	}
}

// base makes a base chain in the table t.
func (n *ruleLab) base(name, kind, hook string, priority int) {
	n.change("add table F t", fmt.Sprintf("add chain F t %s { type %s hook %s priority %d ; }", name, kind, hook, priority))
}

// readsBack demands that rules of the chain c are listed by the words that added them.
func (n *ruleLab) readsBack(rules ...string) {
	for _, r := range rules {
		n.change("add rule F t c " + r)
	}
	equal(n.e, n.rules("c"), rules, "rules as they are listed")
}

// nft reads changes of nftables; the words of a law are right.
func nft(changes ...string) []kernel.FilterChange { return parseChanges("nft", changes) }

func parseChanges(program string, texts []string) []kernel.FilterChange {
	all := []kernel.FilterChange{}
	for _, text := range texts {
		words, err := kernel.SplitIPTables(strings.ReplaceAll(text, "'", `"`))
		if err != nil {
			panic(err)
		}
		_, changes, err := kernel.ParseFilterChanges(program, words)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		all = append(all, changes...)
	}
	return all
}

// list returns what there is of nftables, as words of changes.
func (n *ruleLab) list() []string { return n.lines(kernel.NFTables, " "+n.family+" ", " F ") }

// lines returns what a backend has, as a snapshot says it but for what is to be replaced.
func (n *netns) lines(b kernel.FilterBackend, old, instead string) []string {
	lines := []string{}
	for _, o := range kernel.FilterObjects(b, n.ruleset(b)) {
		lines = append(lines, strings.Replace(o.Name, old, instead, 1))
	}
	return lines
}

func (n *netns) ruleset(b kernel.FilterBackend) []kernel.FilterTable {
	tables, err := n.Ruleset(b)
	n.e.ok(err, "list the rules of %s", b)
	return tables
}

// rulesOf returns the rules of a chain of the table t.
func (n *ruleLab) rulesOf(chain string) []kernel.FilterRule {
	t := kernel.FindFilterTable(n.ruleset(kernel.NFTables), kernel.FilterFamily(n.family), "t")
	if t == nil || t.Chain(chain) == nil {
		n.e.breach("look at the chain %s: want it there, got %v", chain, n.list())
	}
	return t.Chain(chain).Rules
}

func (n *ruleLab) rules(chain string) []string {
	texts := []string{}
	for _, r := range n.rulesOf(chain) {
		texts = append(texts, r.String())
	}
	return texts
}

func (n *ruleLab) comments(chain string) string {
	var all []string
	for _, r := range n.rulesOf(chain) {
		all = append(all, r.Comment)
	}
	return strings.Join(all, " ")
}

func (n *ruleLab) handles(chain string) []uint64 {
	var all []uint64
	for _, r := range n.rulesOf(chain) {
		all = append(all, r.Handle)
	}
	return all
}
