package bench

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixed are figures with samples that nobody measured: one for each way that a line of the page can look.
func fixed() []Figure {
	ours, reference := Reading{Of: fake{label: "ours"}, Value: "v"}, Reading{Of: fake{label: "reference"}, Value: "v"}
	return []Figure{
		{
			Row: Row{
				Section: "Beside", Name: "add/a", What: "ADD: isGateway", Unit: Seconds,
				Ours: ours, Other: reference, Target: RatioAtMost(0.4), Reason: "not shown: it holds",
			},
			OursSample: Sample{0.0081, 0.0079, 0.0095, 0.0080, 0.0083}, OtherSample: Sample{0.0209, 0.0220, 0.0205, 0.0211, 0.0231},
		},
		{
			Row: Row{
				Section: "Beside", Name: "add/b", What: "ADD: ipMasq | iptables", Unit: Seconds,
				Ours: ours, Other: reference, Target: RatioAtMost(0.45), Reason: "iptables-restore alone takes\n9 ms.",
			},
			OursSample: Sample{0.021, 0.020, 0.022}, OtherSample: Sample{0.040, 0.041, 0.039},
		},
		{
			Row: Row{
				Section: "Beside", Name: "throughput", What: "one connection", Unit: BitsPerSecond,
				Ours: ours, Other: reference, Target: RatioAtLeast(1.5),
			},
			OursSample: Sample{950e6, 1050e6}, OtherSample: Sample{10.4e9, 10.6e9},
		},
		{
			Row:        Row{Section: "Beside", Name: "add/f", What: "for comparison", Unit: Seconds, Ours: ours, Other: reference},
			OursSample: Sample{2}, OtherSample: Sample{1},
		},
		{
			Row:        Row{Section: "Alone", Name: "size", What: "the file", Unit: Bytes, Ours: ours, Target: AtMost(4_000_000)},
			OursSample: Sample{3_995_152},
		},
		{
			Row:        Row{Section: "Alone", Name: "requests", What: "asked", Unit: Pieces, Ours: ours, Other: reference, Target: AtMost(10)},
			OursSample: Sample{15}, OtherSample: Sample{19},
		},
		{
			Row: Row{Section: "Alone", Name: "stream", What: "needs a tool", Unit: Seconds, Ours: ours, Target: AtMost(60e-6)},
			Err: Lacking("iperf3"),
		},
		{
			Row: Row{Section: "Alone", Name: "failing", What: "fails", Unit: Seconds, Ours: ours, Target: AtMost(1)},
			Err: errors.New("ADD failed with status 1:\n| no"),
		},
	}
}

func TestPage(t *testing.T) {
	facts := []Fact{{"date", "2026-11-29 23:00 UTC"}, {"kernel", "Linux 6.18"}}
	wantGolden(t, "testdata/page.golden", Page("# Speed\n\nWhat this is.\n", facts, fixed()))
}

func TestLines(t *testing.T) {
	var lines string
	for _, f := range fixed() {
		lines += f.String() + "\n"
	}
	wantGolden(t, "testdata/lines.golden", lines)
}

func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}
