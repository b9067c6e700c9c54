package plugin_test

import (
	"flag"
	"testing"
)

// referenceVariable names the folder of the reference's plugins (bridge, host-local, static, loopback). "make compare"
// builds them and sets it.
const referenceVariable = "CNILAB_REFERENCE"

const howToRecord = "to record on Linux: " + referenceVariable + "=FOLDER go test ./plugin -run Reference -update"

var update = flag.Bool("update", false, "record anew what the reference plugins of $"+referenceVariable+" do")

// A reference holds a dialogue with the reference's plugins, on a machine of its own.
type reference func(t *testing.T, d dialogue, settled func(at int, state string) bool) account

// liveReference returns the reference on Linux; nil where its plugins are not there.
var liveReference = func(*testing.T) reference { return nil }

// TestLikeReference holds the same dialogues with our plugin and with the reference's: in the simulation by the
// reference's recordings, and on Linux side by side, where the recordings are held against it, too. What differs has to
// stand in DIFFERENCES.md, and what stands there has to occur.
func TestLikeReference(t *testing.T) {
	if *update {
		record(t, liveReference(t))
	}
	recordings := readRecordings(t)
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			c := comparison{new: b.new, differences: readDifferences(t), held: map[string]bool{}}
			if b.name == "linux" {
				if c.reference = liveReference(t); c.reference == nil {
					t.Skip("\"make compare\" asks for it, side by side with the reference")
				}
			}
			t.Run("all", func(t *testing.T) { // ends when those in parallel have
				for _, d := range dialogues() {
					t.Run(d.name(), func(t *testing.T) {
						t.Parallel()
						c.compare(t, d, recordings[d.group][d.variant])
					})
				}
			})
			if len(c.held) == len(dialogues()) {
				c.wantAllMet(t)
			}
			if c.reference != nil {
				c.tellRows(t)
			}
		})
	}
}
