package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// A table of tuples has what a map of them has, whatever comes and goes: among so few that many want the same place.
func TestTupleTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table tupleTable
		byTuple := map[tuple]*connection{}
		var all []*connection
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			if len(all) == 0 || rapid.IntRange(0, 2).Draw(t, "what") > 0 {
				c := &connection{orig: drawTuple(t), reply: drawTuple(t)}
				all = append(all, c)
				for _, isReply := range []bool{false, true} {
					table.add(c, isReply)
					if key := *c.tuple(isReply); byTuple[key] == nil {
						byTuple[key] = c
					}
				}
			} else {
				c := rapid.SampledFrom(all).Draw(t, "which")
				for _, isReply := range []bool{false, true} {
					table.remove(c, isReply)
					if key := *c.tuple(isReply); byTuple[key] == c {
						delete(byTuple, key)
					}
				}
			}
			checkTable(t, &table, byTuple, all)
		}
	})
}

func checkTable(t *rapid.T, table *tupleTable, byTuple map[tuple]*connection, all []*connection) {
	if table.len != len(byTuple) {
		t.Fatalf("%d tuples, want %d", table.len, len(byTuple))
	}
	for _, c := range all {
		for _, key := range []tuple{c.orig, c.reply} {
			found, isReply := table.find(&key)
			if found != byTuple[key] || found != nil && *found.tuple(isReply) != key {
				t.Fatalf("%v: found %v, want %v", key, found, byTuple[key])
			}
		}
	}
	told := map[*connection]bool{}
	for c := range table.each {
		if byTuple[c.orig] != c || told[c] {
			t.Fatalf("%v is told of, and is not there, or was before", c)
		}
		told[c] = true
	}
}

// drawTuple draws one of a few, whose hashes are far apart or not.
func drawTuple(t *rapid.T) tuple {
	v6 := rapid.Bool().Draw(t, "v6")
	draw := func(label string) netip.AddrPort {
		n := rapid.Uint16Range(0, 3).Draw(t, label)
		a := netip.AddrFrom4([4]byte{10, 1, 0, byte(n)})
		if v6 {
			a = netip.AddrFrom16([16]byte{0xfd, 15: byte(n)})
		}
		return netip.AddrPortFrom(a, n)
	}
	return newTuple(draw("from"), draw("to"), protoUDP)
}

// Tuples that differ in one of their parts alone find places of their own: most of those of a table are the first choice.
func TestTuplesAreSpread(t *testing.T) {
	const slots, flows = 1 << 15, 10_000
	for name, vary := range map[string]func(t *tuple, n uint16){
		"sender":              func(t *tuple, n uint16) { binary.BigEndian.PutUint16(t.from.addr[2:], n) },
		"network":             func(t *tuple, n uint16) { binary.BigEndian.PutUint16(t.from.addr[0:], n) },
		"receiver":            func(t *tuple, n uint16) { binary.BigEndian.PutUint16(t.to.addr[2:], n) },
		"port of who asks":    func(t *tuple, n uint16) { t.from.port = n },
		"port of the service": func(t *tuple, n uint16) { t.to.port = n },
		"host of IPv6":        func(t *tuple, n uint16) { t.v6 = true; binary.BigEndian.PutUint16(t.from.addr[14:], n) },
	} {
		taken := map[uint32]bool{}
		for n := range uint16(flows) {
			one := newTuple(testClient, testServer, protoTCP)
			vary(&one, n)
			taken[one.hash()%slots] = true
		}
		if len(taken) < flows*8/10 { // 86 % of them by chance
			t.Errorf("%s: %d tuples have %d places", name, flows, len(taken))
		}
	}
}
