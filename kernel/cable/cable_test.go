package cable_test

import (
	"testing"

	"github.com/cnilab/cnilab/kernel/cable"
)

func TestCardName(t *testing.T) {
	for wanted, want := range map[string]string{"": "eth%d", "uplink": "uplink", "net%d": "net%d"} {
		if got := cable.CardName(wanted); got != want {
			t.Errorf("CardName(%q) = %q, want %q", wanted, got, want)
		}
	}
}

// TestMAC has carries between bytes; what is QEMU's vendor's stays.
func TestMAC(t *testing.T) {
	for number, want := range map[int]string{
		0:        "52:54:00:12:34:56",
		1:        "52:54:00:12:34:57",
		0xaa:     "52:54:00:12:35:00",
		0xcbaa:   "52:54:00:13:00:00",
		0xedcbaa: "52:54:00:00:00:00",
	} {
		if got := cable.MAC(number).String(); got != want {
			t.Errorf("MAC(%#x) = %s, want %s", number, got, want)
		}
	}
}

// TestStates has every state, with its word and who has a carrier in it.
func TestStates(t *testing.T) {
	for state, want := range map[cable.State]struct {
		word    string
		carrier bool
	}{
		cable.Whole:     {"", true},
		cable.Cut:       {"cut", false},
		cable.Blackhole: {"blackhole", true},
	} {
		if got := state.String(); got != want.word {
			t.Errorf("the word is %q, want %q", got, want.word)
		}
		for _, up := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
			both := up[0] && up[1]
			if got := state.HasCarrier(up[0], up[1]); got != (want.carrier && both) {
				t.Errorf("%q, cards up: %v: a carrier: %v", want.word, up, got)
			}
		}
	}
	if (cable.State{}) != cable.Whole {
		t.Error("a cable that nothing was done to is not whole")
	}
}
