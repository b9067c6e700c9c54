// Package cable has the rules of what joins two machines: how the network cards at its ends are named and numbered, what
// can become of it, and what the cards see of that. They are nobody's machine's, and so none of the contract's; but every
// backend that has several machines has cables, which must be the same ones, since one scenario is run on all. How a cable
// carries frames is the backend's own.
//
// What is refused when a cable is laid, the backend refuses as Linux does: a name that no link may have is EINVAL, one of
// more than 15 bytes ERANGE, one that the machine has already EEXIST.
package cable

import (
	"cmp"
	"net"
)

// anyName asks Linux for the first of eth0, eth1, ... that is not there yet, as drivers of Ethernet cards do
// (net/ethernet/eth.c: alloc_etherdev_mqs; net/core/dev.c: dev_prep_valid_name).
const anyName = "eth%d"

// CardName is the name to ask Linux for where a card is wanted to have this one; "": the next that cards have.
func CardName(wanted string) string { return cmp.Or(wanted, anyName) }

// firstMAC is of the first card, without its vendor's part.
const firstMAC = 0x123456

// MAC is the address of a card, by how many the backend has made before: 52:54:00:12:34:56 and those that follow, as QEMU
// numbers them (net/net.c: qemu_macaddr_default_if_unset).
func MAC(number int) net.HardwareAddr {
	n := firstMAC + number
	return net.HardwareAddr{0x52, 0x54, 0, byte(n >> 16), byte(n >> 8), byte(n)}
}

// A State is what became of a cable. There are no others than those below, states are compared by ==, and each may follow
// each.
type State struct{ word string }

var (
	// Whole is a cable as it was laid: what one card sends the other gets.
	Whole = State{}

	// Cut is one without a carrier. What was on the cable is lost.
	Cut = State{"cut"}

	// Blackhole is one on which all disappears that is sent from then on. Neither card can see it: the carrier stays.
	Blackhole = State{"blackhole"}
)

// String is the word that a scenario has for the state: "cut", "blackhole", or "" of a whole cable.
func (s State) String() string { return s.word }

// HasCarrier reports whether the cards have a carrier, both or neither, when they are up or not: a card that is down powers
// its end off (drivers/net/ethernet/intel/e1000/e1000_main.c: e1000_close).
func (s State) HasCarrier(oneIsUp, otherIsUp bool) bool { return s != Cut && oneIsUp && otherIsUp }
