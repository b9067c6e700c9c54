package kernel_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
)

// What a rule says of marks is read back from its words, whatever marks they are, and does the same with any mark.
func TestMarksAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, b := range []kernel.FilterBackend{kernel.NFTables, kernel.IPTables} {
			rule := kernel.FilterRule{
				Matches: []kernel.FilterMatch{{On: kernel.MatchMark, Not: rapid.Bool().Draw(t, "not"), Mark: drawMark(t)}},
				Action:  kernel.SetMark, Mark: drawMark(t),
			}
			c := kernel.FilterChange{Do: kernel.AddRule, Family: kernel.FilterIP, Table: "t", Chain: "c", Rule: rule}
			if b == kernel.IPTables {
				c.Table = "nat"
			}
			if c.Valid(b) != nil {
				return // the mark stays as it is, or no bit is asked
			}
			words := c.Words(b)
			_, got, err := kernel.ParseFilterChanges(kernel.FilterProgram(b, c.Family), words)
			if err != nil || len(got) != 1 {
				t.Fatalf("%v: %v", words, err)
			}
			read := got[0].Rule
			if !reflect.DeepEqual(read.Matches, rule.Matches) || !read.Says(rule) {
				t.Fatalf("%v: got %v, want %v", words, read, rule)
			}
			if mark := rapid.Uint32().Draw(t, "packet"); read.Mark.Set(mark) != rule.Mark.Set(mark) {
				t.Fatalf("%v: of mark %#x it makes %#x, want %#x", words, mark, read.Mark.Set(mark), rule.Mark.Set(mark))
			}
		}
	})
}

// What copies a mark is read back from its words, too, with the masks that there are words for.
func TestCopiesOfMarksAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 1, 0x2000, 1<<32 - 1}))
		rule := kernel.FilterRule{
			Matches: []kernel.FilterMatch{{On: kernel.MatchFlowMark, Not: rapid.Bool().Draw(t, "not"), Mark: drawMark(t)}},
			Action:  rapid.SampledFrom([]kernel.FilterAction{kernel.SaveMark, kernel.RestoreMark}).Draw(t, "action"),
			Copy:    kernel.MarkCopy{From: part.Draw(t, "from"), To: part.Draw(t, "to")},
		}
		for b, table := range map[kernel.FilterBackend]string{kernel.NFTables: "t", kernel.IPTables: "raw"} {
			c := kernel.FilterChange{Do: kernel.AddRule, Family: kernel.FilterIP, Table: table, Chain: "c", Rule: rule}
			if c.Valid(b) != nil {
				continue // nothing is copied, or something that nftables cannot
			}
			words := c.Words(b)
			_, got, err := kernel.ParseFilterChanges(kernel.FilterProgram(b, c.Family), words)
			if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Rule, rule) {
				t.Fatalf("%v: got %+v, %v, want %+v", words, got, err, rule)
			}
		}
	})
}

func drawMark(t *rapid.T) kernel.FilterMark {
	part := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 1, 0x2000, 1<<32 - 1}))
	return kernel.FilterMark{Value: part.Draw(t, "value"), Mask: part.Draw(t, "mask")}
}

// Each row was given to iptables and nft; want is what iptables-save and nft showed (1.8.9, 1.0.6).
func TestWordsForMarks(t *testing.T) {
	for _, tt := range []struct{ program, words, want string }{
		{"iptables", "-j MARK --set-xmark 0x2000/0x2000", "-j MARK --set-xmark 0x2000/0x2000"},
		{"iptables", "-j MARK --set-xmark 7", "-j MARK --set-xmark 0x7/0xffffffff"},
		{"iptables", "-j MARK --set-mark 0x1/0xe", "-j MARK --set-xmark 0x1/0xf"},
		{"iptables", "-j MARK --set-mark 010", "-j MARK --set-xmark 0x8/0xffffffff"},
		{"iptables", "-j MARK --or-mark 0x4000", "-j MARK --set-xmark 0x4000/0x4000"},
		{"iptables", "-j MARK --and-mark 0xff", "-j MARK --set-xmark 0x0/0xffffff00"},
		{"iptables", "-j MARK --xor-mark 0x4000", "-j MARK --set-xmark 0x4000/0x0"},
		{"iptables", "-m mark --mark 5", "-m mark --mark 0x5"},
		{"iptables", "-m mark ! --mark 0x4000/0x4000 -j RETURN", "-m mark ! --mark 0x4000/0x4000 -j RETURN"},
		{"iptables", "-m mark --mark 0x5/0xffffffff", "-m mark --mark 0x5"},
		{"iptables", "-j CONNMARK --set-mark 0x1/0xe", "-j CONNMARK --set-xmark 0x1/0xf"},
		{"iptables", "-j CONNMARK --set-xmark 7", "-j CONNMARK --set-xmark 0x7/0xffffffff"},
		{"iptables", "-j CONNMARK --and-mark 0xff", "-j CONNMARK --set-xmark 0x0/0xffffff00"},
		{"iptables", "-j CONNMARK --save-mark", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"iptables", "-j CONNMARK --save-mark --mask 0xff", "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff"},
		{
			"iptables", "-j CONNMARK --restore-mark --ctmask 0xf0 --nfmask 0xff",
			"-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf0",
		},
		{"iptables", "-j CONNMARK --restore-mark --ctmask 0xf0", "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xf0"},
		{"iptables", "-m connmark --mark 5 -j ACCEPT", "-m connmark --mark 0x5 -j ACCEPT"},
		{"iptables", "-m mark --mark 1 -m connmark ! --mark 0x4/0xf", "-m mark --mark 0x1 -m connmark ! --mark 0x4/0xf"},
		{"nft", "meta mark 5 accept", "meta mark 0x00000005 accept"},
		{"nft", "meta mark and 0x2000 == 0x2000", "meta mark & 0x00002000 == 0x00002000"},
		{"nft", "meta mark & 0x2000 != 0", "meta mark & 0x00002000 != 0x00000000"},
		{"nft", "meta mark set 7", "meta mark set 0x00000007"},
		{"nft", "meta mark set meta mark or 0x4000", "meta mark set meta mark | 0x00004000"},
		{"nft", "meta mark set meta mark and 0xff", "meta mark set meta mark & 0x000000ff"},
		{"nft", "meta mark set meta mark xor 0x4000", "meta mark set meta mark ^ 0x00004000"},
		{"nft", "meta mark set meta mark and 0xffffff0f or 0x10", "meta mark set meta mark & 0xffffff1f | 0x00000010"},
		{"nft", "ct mark 5 accept", "ct mark 0x00000005 accept"},
		{"nft", "ct mark and 0xf != 3", "ct mark & 0x0000000f != 0x00000003"},
		{"nft", "ct mark set 7", "ct mark set 0x00000007"},
		{"nft", "ct mark set ct mark or 8", "ct mark set ct mark | 0x00000008"},
		{"nft", "ct mark set meta mark", "ct mark set meta mark"},
		{"nft", "meta mark set ct mark and 0xff", "meta mark set ct mark & 0x000000ff"},
	} {
		before := "-t mangle -A c "
		if tt.program == "nft" {
			before = "add rule ip t c "
		}
		b, changes, err := kernel.ParseFilterChanges(tt.program, strings.Fields(before+tt.words))
		if err != nil || changes[0].Valid(b) != nil {
			t.Errorf("%s: %v", tt.words, err)
			continue
		}
		if got := strings.Join(changes[0].Words(b), " "); got != before+tt.want {
			t.Errorf("%s is written anew as %q, want %q", tt.words, got, before+tt.want)
		}
	}
}

func TestMarksThatSayNothing(t *testing.T) {
	for _, rule := range []string{
		"meta mark & 0x0 == 0x0 accept", "meta mark set meta mark", "meta mark set meta mark & 0xffffffff",
		"ct mark & 0x0 == 0x0 accept", "ct mark set ct mark", "ct mark set meta mark & 0x0", "meta mark set ct mark & 0x0",
		"ct mark set meta mark | 1", "meta mark set ct mark ^ 1", "ct mark set", "ct mark set meta state",
	} {
		b, changes, err := kernel.ParseFilterChanges("nft", strings.Fields("add rule ip t c "+rule))
		if err == nil {
			err = changes[0].Valid(b)
		}
		if err == nil {
			t.Errorf("%s is taken for a rule", rule)
		}
	}
	for _, rule := range []string{
		"-j MARK", "-j MARK --set-xmark 0x0/0x0", "-j MARK --and-mark 0xffffffff", "-m mark --mark 0x0/0x0", "-j MARK --to-source 1",
		"-j CONNMARK", "-j CONNMARK --set-xmark 0x0/0x0", "-m connmark --mark 0x0/0x0", "-j CONNMARK --save-mark --mask 0",
		"-j CONNMARK --save-mark --restore-mark", "-j CONNMARK --save-mark --nfmask", "-j CONNMARK --restore-mark --ctmask 0",
		"-j CONNMARK --save-mark --set-mark 1", "-j MARK --save-mark", "-m connmark --mark 1 -m mark --mark 1",
		"-m connmark --mark", "-m connmark --ctstate NEW", "-j CONNMARK --restore-mark --nfmask 1 --ctmask 2 --mask x",
		"-j MARK --or-mark 1 --or-mark 2", "-j MARK --set-xmark 0x100000000", "-j MARK --or-mark -1", "-m mark --mark 1/2/3",
	} {
		b, changes, err := kernel.ParseFilterChanges("iptables", strings.Fields("-t mangle -A c "+rule))
		if err == nil {
			err = changes[0].Valid(b)
		}
		if err == nil {
			t.Errorf("%s is taken for a rule", rule)
		}
	}
}
