package kerneltest

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// sharedLaws are about which way packets go where there are several.
var sharedLaws = []Law{
	{"probe/multipath/both-ways", "net/ipv4/fib_semantics.c fib_select_multipath, fib_rebalance", func(e *env) {
		a, b := e.twoCables()
		b.serve(kernel.UDP, "0.0.0.0:53")
		seen := map[string]bool{}
		for i := range manyPlaces {
			from := a.seenBy(place(i))
			seen[from] = true
			for range 2 {
				equal(e, a.seenBy(place(i)), from, "as whom a service at %s sees who calls it again", place(i))
			}
		}
		equal(e, seen, map[string]bool{"10.0.0.1": true, "10.1.0.1": true}, "as whom services at many addresses see who calls them")
	}},
	{"probe/multipath/dead", "net/ipv4/fib_semantics.c fib_rebalance: upper_bound -1", func(e *env) {
		a, b := e.twoCables()
		b.serve(kernel.UDP, "0.0.0.0:53")
		a.down(a.link("left").Index)
		for i := range manyPlaces {
			equal(e, a.seenBy(place(i)), "10.1.0.1", "as whom a service at %s sees who has one way left", place(i))
		}
	}},
	{"probe/multipath/weight", "net/ipv4/fib_semantics.c fib_rebalance: nh_weight", func(e *env) {
		a, b := e.twoCables()
		b.serve(kernel.UDP, "0.0.0.0:53")
		e.ok(a.DeleteRoute(via(0, "192.0.2.0/24", "")), "delete the route")
		e.addsWays(a, "192.0.2.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 256))
		right := 0
		for i := range manyPlaces {
			if a.seenBy(place(i)) == "10.1.0.1" {
				right++
			}
		}
		equal(e, right > manyPlaces*3/4, true, "whether the way that has 256 of 257 parts gets most")
	}},
	{"probe/multipath/reverse-path", "net/ipv4/fib_frontend.c __fib_validate_source: fib_info_nh_uses_dev", func(e *env) {
		a, b := e.twoCables()
		a.give(a.link("lo").Index, "198.51.100.1/32")
		e.addsWays(b, "198.51.100.1/32", hop("10.0.0.1", 0, 1), hop("10.1.0.1", 0, 1))
		b.setSysctl(conf(kernel.IPv4, "all", "rp_filter"), "1")
		for _, gateway := range []string{"10.0.0.2", "10.1.0.2"} {
			r := via(0, "192.0.2.1/32", gateway)
			r.Source = netip.MustParseAddr("198.51.100.1")
			e.ok(a.AddRoute(r, kernel.Exclusive), "add a route via %s", gateway)
			e.ok(a.ping("192.0.2.1"), "ping by %s who has two ways back", gateway)
			e.ok(a.DeleteRoute(r), "delete the route via %s", gateway)
		}
	}},
}

// manyPlaces is at how many addresses packets are sent to: that all of them take one of two ways is as good as impossible.
const manyPlaces = 48

// place is one of them.
func place(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// twoCables makes two namespaces with two veths between them, left and right, and many addresses in b that a has both ways
// to: 10.0.0.1 and 10.1.0.1 are a's ends, 10.0.0.2 and 10.1.0.2 are b's.
func (e *env) twoCables() (a, b *netns) {
	a, b = e.netns("a"), e.netns("b")
	e.needsProbes(a)
	a.up(a.link("lo").Index)
	b.up(b.link("lo").Index)
	for i, name := range []string{"left", "right"} {
		v, w := a.vethTo(b, name, name)
		a.up(v)
		b.up(w)
		a.oper(v, kernel.OperUp, "veth, both ends up")
		b.oper(w, kernel.OperUp, "veth, both ends up")
		a.give(v, fmt.Sprintf("10.%d.0.1/24", i))
		b.give(w, fmt.Sprintf("10.%d.0.2/24", i))
	}
	for i := range manyPlaces {
		b.give(b.link("lo").Index, place(i)+"/32")
	}
	e.addsWays(a, "192.0.2.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
	return a, b
}

// seenBy calls the service of a place, and returns as whom that has seen the caller.
func (n *netns) seenBy(place string) string {
	answer, err := n.call(kernel.UDP, place+":53")
	n.e.ok(err, "call %s", place)
	return answer.Seen.Addr().String()
}
