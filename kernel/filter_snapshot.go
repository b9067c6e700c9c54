package kernel

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// filters reports whether the object belongs to netfilter.
func (o Object) filters() bool {
	return o.Noun == NounNFT || o.Noun == NounIPTables || o.Noun == NounIP6Tables
}

// filters lists the rules of both backends, of which the machine may lack one.
func (s *namespaceView) filters() ([]Object, error) {
	var objects []Object
	for _, b := range []FilterBackend{NFTables, IPTables} {
		tables, err := s.handle.Ruleset(b)
		if errors.Is(err, EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, FilterObjects(b, tables)...)
	}
	return objects, nil
}

// FilterObjects are the lines of a snapshot for the tables of a backend.
func FilterObjects(b FilterBackend, tables []FilterTable) []Object {
	var objects []Object
	for _, t := range tables {
		objects = append(objects, filterObjects(b, t)...)
	}
	return objects
}

// filterObjects are the lines for a table: the words that would make it.
func filterObjects(b FilterBackend, t FilterTable) []Object {
	var objects []Object
	add := func(c FilterChange) {
		c.Family, c.Table = t.Family, t.Name
		words := c.Words(b)
		if b == NFTables {
			words = words[1:] // without "add"
		}
		objects = append(objects, Object{Noun: FilterProgram(b, t.Family), Name: joinWords(words)})
	}
	if b == NFTables {
		add(FilterChange{Do: AddTable, Comment: t.Comment})
	}
	for _, c := range t.Chains {
		if b == NFTables || c.Base == nil || c.Base.Policy != Accept {
			add(FilterChange{Do: AddChain, Chain: c.Name, Base: c.Base, Comment: c.Comment})
		}
		for _, r := range c.Rules {
			add(FilterChange{Do: AddRule, Chain: c.Name, Rule: r})
		}
	}
	return objects
}

// A filterPlace says where an object of netfilter stands among the others.
type filterPlace struct {
	family, table, chain string
	rank                 int // the table, a chain, its rules
}

func (o Object) filterPlace() filterPlace {
	words, err := splitWords(o.Name)
	if err != nil || len(words) < 3 {
		return filterPlace{}
	}
	words = append(words, "")
	if o.Noun != NounNFT { // -t nat -A CHAIN
		p := filterPlace{table: words[1], chain: words[3], rank: 1}
		if words[2] == "-A" {
			p.rank = 2
		}
		return p
	}
	p := filterPlace{family: words[1], table: words[2]} // chain inet t CHAIN
	if rank := slices.Index([]string{"table", "chain", "rule"}, words[0]); rank > 0 {
		p.rank, p.chain = rank, words[3]
	}
	return p
}

// compareFilters orders by table, and by chain. Rules of one chain are equal: their order is their own.
func compareFilters(a, b Object) int {
	p, q := a.filterPlace(), b.filterPlace()
	c := cmp.Or(strings.Compare(p.family, q.family), strings.Compare(p.table, q.table),
		strings.Compare(p.chain, q.chain), p.rank-q.rank)
	if c != 0 || p.rank == 2 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// compareRuleHeads says which of two different first rules of a chain the other snapshot lacks: the wanted one (-1), unless
// it comes later.
func compareRuleHeads(want, got Snapshot) int {
	for _, o := range got {
		if compareObjects(want[0], o) != 0 {
			break
		}
		if o.String() == want[0].String() {
			return 1
		}
	}
	return -1
}
