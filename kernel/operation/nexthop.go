package operation

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// nextHopWords are what each next hop is made of, where a route has several.
const nextHopWords = " [nexthop [via ADDRESS] [dev LINK] [weight N] [onlink]]..."

// readNextHop reads what follows the word "nexthop", up to one that no next hop has.
func readNextHop(r *words.Reader, route *kernel.Route, links *routeLinks) error {
	var hop kernel.NextHop
	var link *string
	known := words.Keywords{
		"via":    words.Value(r, "ADDRESS", &hop.Gateway, words.Addr),
		"dev":    words.Value(r, "LINK", &link, words.Pointer(words.String)),
		"weight": words.Value(r, "N", &hop.Weight, words.Int),
		"onlink": words.Set(&hop.OnLink, true),
	}
	for len(r.Rest) > 0 && known[r.Rest[0]] != nil {
		take := known[r.Rest[0]]
		r.Rest = r.Rest[1:]
		if err := take(); err != nil {
			return err
		}
	}
	route.NextHops, links.hops = append(route.NextHops, hop), append(links.hops, link)
	return nil
}

// addNextHops appends the ways of a route, at the end of its line: a word behind them could be theirs.
func addNextHops(l *line, r kernel.Route, links []*string) {
	for i, hop := range r.NextHops {
		l.add("nexthop")
		given(l, "via", hop.Gateway)
		set(l, "dev", links[i])
		given(l, "weight", hop.Weight)
		l.flag(hop.OnLink, "onlink")
	}
}
