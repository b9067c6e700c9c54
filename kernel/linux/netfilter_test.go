//go:build linux

package linux

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

// rulesetLines lists what a backend has, as a snapshot does.
func rulesetLines(t *testing.T, ns kernel.NetNS, b kernel.FilterBackend) []string {
	t.Helper()
	tables, err := ns.Ruleset(b)
	must(t, err)
	var lines []string
	for _, o := range kernel.FilterObjects(b, tables) {
		lines = append(lines, o.Name)
	}
	return lines
}

// run runs a program on the machine; the test is skipped where that is not there.
func run(t *testing.T, ns *NetNS, line ...string) string {
	t.Helper()
	return runWith(t, ns, "", line...)
}

// runWith gives the program something to read.
func runWith(t *testing.T, ns *NetNS, input string, line ...string) string {
	t.Helper()
	path, err := exec.LookPath(line[0])
	if err != nil {
		t.Skip(err)
	}
	var out []byte
	must(t, ns.inside(func() error {
		cmd := exec.Command(path, line[1:]...)
		cmd.Stdin = strings.NewReader(input)
		out, err = cmd.CombinedOutput()
		return nil
	}))
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

func parseRules(t *testing.T, program, words string) []kernel.FilterChange {
	t.Helper()
	split, err := kernel.SplitIPTables(words)
	must(t, err)
	_, changes, err := kernel.ParseFilterChanges(program, split)
	must(t, err)
	return changes
}

// needInet skips a test where the kernel was built without nftables' tables of the family inet.
func needInet(t *testing.T, ns kernel.NetNS) {
	t.Helper()
	if !ns.(*NetNS).nftHas(kernel.FilterInet) {
		t.Skip("left out: this kernel has no tables of the family inet")
	}
}

// What we write, nft(8) shows in the words that we have for it.
func TestNFTReadsOurRules(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	needInet(t, ns)
	rules := []string{
		"ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade", "ip6 saddr fd00::2 ip6 daddr != fd00::/64 masquerade",
		"ip daddr 224.0.0.0/4 return", "ip6 saddr fd00::/61 accept", "jump d", "goto d", "drop",
		"meta l4proto icmp accept", "tcp dport 80", "udp sport != 1024-65535 drop", "tcp sport 1-1023 tcp dport 80-90 accept",
		"ct state established,related accept", "ct state ! invalid,new drop", "fib daddr type local jump d",
		"reject", "tcp dport 80 reject with tcp reset", "reject with icmpx admin-prohibited",
		"dnat ip to 10.1.0.2", "tcp dport 80 dnat ip6 to [fd00::2]:8080", "udp dport 53 snat ip to 10.2.0.1:53",
		"meta mark 0x00000001 accept", "meta mark != 0x00004000", "meta mark & 0x00002000 == 0x00002000 masquerade",
		"meta mark & 0x00004000 != 0x00004000 return", "meta mark set 0x00000007", "meta mark set meta mark | 0x00004000",
		"meta mark set meta mark ^ 0x00004000", "meta mark set meta mark & 0xffff00ff",
		"ip saddr 10.1.0.2 meta mark set meta mark & 0xffffff1f ^ 0x00000100 | 0x00000010",
		"ct mark 0x00000001 accept", "ct mark & 0x00002000 != 0x00002000 masquerade", "ct mark set 0x00000007",
		"ct mark set ct mark | 0x00004000", "ct mark set ct mark & 0xffffff1f ^ 0x00000100 | 0x00000010", "ct mark set meta mark",
		"ct mark set meta mark & 0x000000ff", "meta mark set ct mark", "meta mark set ct mark & 0x0000ff00",
		"masquerade fully-random", "snat ip to 10.2.0.1 fully-random", "udp dport 53 snat ip to 10.2.0.1:53 fully-random",
	}
	must(t, ns.ChangeRuleset(kernel.NFTables, parseRules(t, "nft", "add table inet t ; add chain inet t c ; add chain inet t d")))
	for _, r := range rules {
		must(t, ns.ChangeRuleset(kernel.NFTables, parseRules(t, "nft", "add rule inet t c "+r)))
	}
	listed := run(t, ns.(*NetNS), "nft", "list", "chain", "inet", "t", "c")
	var got []string
	for line := range strings.Lines(listed) {
		if strings.HasPrefix(line, "\t\t") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(rules, got); diff != "" {
		t.Error(diff)
	}
}

// Rules for which the model has no words are shown by a text that stays the same, and stay when others go.
func TestForeignRulesOfNFTables(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	needInet(t, ns)
	for _, rule := range []string{
		`tcp dport {80, 81} accept`, `iifname "ve*" drop`, `counter accept comment "theirs"`, `ip saddr @s drop`,
		`ip protocol icmp accept`, `ip saddr 10.0.0.1-10.0.0.9 accept`, `meta mark 1-5 accept`, `ip saddr 10.0.0.1 counter`,
	} {
		if out := run(t, ns.(*NetNS), "nft", "add table inet t; add set inet t s { type ipv4_addr; }; add chain inet t c; add rule inet t c "+rule); out != "" {
			t.Fatal(out)
		}
	}
	must(t, ns.ChangeRuleset(kernel.NFTables, parseRules(t, "nft", "add rule inet t c accept")))
	tables, err := ns.Ruleset(kernel.NFTables)
	must(t, err)
	rules := tables[0].Chain("c").Rules
	if len(rules) != 9 || rules[8].Opaque != "" {
		t.Fatalf("got %v, want eight of theirs and ours", rules)
	}
	for _, r := range rules[:8] {
		if r.Opaque == "" || r.Handle == 0 {
			t.Errorf("a rule that the model has no words for was read as %q", r)
		}
	}
	before := rulesetLines(t, ns, kernel.NFTables)
	must(t, ns.ChangeRuleset(kernel.NFTables, parseRules(t, "nft", "delete rule inet t c accept")))
	if diff := cmp.Diff(before[:len(before)-1], rulesetLines(t, ns, kernel.NFTables)); diff != "" {
		t.Errorf("theirs after ours was deleted:\n%s", diff)
	}
	c := kernel.FilterChange{Do: kernel.DeleteRule, Family: kernel.FilterInet, Table: "t", Chain: "c", Rule: rules[2]}
	must(t, ns.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{c}))
	if tables, err = ns.Ruleset(kernel.NFTables); err != nil || len(tables[0].Chain("c").Rules) != 7 {
		t.Errorf("after one of theirs was deleted by its handle: %v, %v", tables, err)
	}
}

func TestForeignRulesOfIPTables(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	theirs := [][]string{
		{"-p", "tcp", "-m", "tcp", "--dport", "80", "-j", "REDIRECT"},
		{"-j", "LOG", "--log-prefix", "a \"b\""},
		{"-p", "tcp", "-m", "comment", "--comment", "before the match", "-m", "multiport", "--ports", "80,443", "-j", "ACCEPT"},
	}
	must(t, ns.ChangeRuleset(kernel.IPTables, parseRules(t, "iptables", "-t nat -N c ; -t nat -A c -j ACCEPT")))
	save, err := ns.(*NetNS).iptablesProgram(kernel.FilterIP, "save") // the variant that this machine's kernel is for
	must(t, err)
	for _, rule := range theirs {
		run(t, ns.(*NetNS), append([]string{strings.TrimSuffix(save, "-save"), "-t", "nat", "-A", "c"}, rule...)...)
	}
	want := []string{"-t nat -N c", "-t nat -A c -j ACCEPT"}
	for _, rule := range theirs {
		want = append(want, "-t nat -A c "+kernel.JoinIPTables(rule))
	}
	if diff := cmp.Diff(want, rulesetLines(t, ns, kernel.IPTables)); diff != "" {
		t.Error(diff)
	}
	tables, err := ns.Ruleset(kernel.IPTables)
	must(t, err)
	for _, r := range tables[0].Chain("c").Rules[1:] {
		if r.Opaque == "" {
			t.Errorf("a rule that the model has no words for was read as %q", r)
		}
		c := kernel.FilterChange{Do: kernel.DeleteRule, Family: kernel.FilterIP, Table: "nat", Chain: "c", Rule: r}
		must(t, ns.ChangeRuleset(kernel.IPTables, []kernel.FilterChange{c}))
	}
	if diff := cmp.Diff(want[:2], rulesetLines(t, ns, kernel.IPTables)); diff != "" {
		t.Error(diff)
	}
}

func TestNoIPTablesIsEOPNOTSUPP(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	t.Setenv("PATH", t.TempDir())
	folders := iptablesFolders
	iptablesFolders = nil
	t.Cleanup(func() { iptablesFolders = folders })
	_, err := ns.Ruleset(kernel.IPTables)
	wantErrno(t, "list", err, kernel.EOPNOTSUPP)
	wantErrno(t, "check", ns.CheckRuleset(kernel.IPTables, parseRules(t, "iptables", "-t nat -N c")), kernel.EOPNOTSUPP)
}

// A machine may have the programs for one family alone, as distributions pack them apart. What these made is read.
func TestIPTablesOfOneFamily(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	must(t, ns.ChangeRuleset(kernel.IPTables, parseRules(t, "iptables", "-t nat -N c")))
	programs := t.TempDir()
	for _, name := range []string{"iptables-save", "iptables-restore", "iptables-legacy-save", "iptables-legacy-restore"} {
		if path := lookPath(name); path != "" {
			must(t, os.Symlink(path, programs+"/"+name))
		}
	}
	folders := iptablesFolders
	iptablesFolders = nil
	t.Cleanup(func() { iptablesFolders = folders })
	t.Setenv("PATH", programs)
	tables, err := ns.Ruleset(kernel.IPTables)
	if err != nil || kernel.FindFilterTable(tables, kernel.FilterIP, "nat") == nil {
		t.Errorf("without ip6tables: %v, %v", tables, err)
	}
	wantErrno(t, "check", ns.CheckRuleset(kernel.IPTables, parseRules(t, "ip6tables", "-t nat -N c")), kernel.EOPNOTSUPP)
}

// The legacy variant says only in which line something is wrong.
func TestErrnoOfSilentFailures(t *testing.T) {
	chains := []kernel.FilterTable{{Family: kernel.FilterIP, Name: "nat", Chains: []kernel.FilterChain{
		{Name: "c", Rules: []kernel.FilterRule{{Action: kernel.Jump, Target: "d"}}}, {Name: "d"},
	}}}
	for words, want := range map[string]kernel.Errno{
		"-t nat -N c":                  kernel.EEXIST,
		"-t nat -D c -j ACCEPT":        kernel.ENOENT,
		"-t nat -X c":                  kernel.EBUSY,
		"-t nat -X e":                  kernel.ENOENT,
		"-t nat -F e":                  kernel.ENOENT,
		"-t nat -A e -j ACCEPT":        kernel.ENOENT,
		"-t nat -A c -j POSTROUTING":   kernel.EOPNOTSUPP,
		"-t nat -A PREROUTING -j c":    kernel.EINVAL,
		"-t nat -A POSTROUTING -i eth": kernel.EINVAL,
	} {
		failure := iptablesFailure{1, "iptables-restore: line 2 failed\n"}
		wantErrno(t, words, ns0.fail("change", "", failure.explain(parseRules(t, "iptables", words), chains)), want)
	}
	loop := parseRules(t, "iptables", "-t nat -A d -j c ; -t nat -A POSTROUTING -j c")
	failure := iptablesFailure{1, "iptables-restore: line 4 failed\n"}
	wantErrno(t, "a circle", ns0.fail("change", "", failure.explain(loop, chains)), kernel.EMLINK)
}

var ns0 = &NetNS{name: "pod"}

// Rules are read whole, and not given up, while others change them: programs of iptables too, whose tables are long and
// nobody's business here.
func TestRulesetIsReadWhileItChanges(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod").(*NetNS)
	needInet(t, ns)
	change := func(line string) { must(t, ns.ChangeRuleset(kernel.NFTables, parseRules(t, "nft", line))) }
	change("add table inet t ; add chain inet t c ; add table bridge u ; add chain bridge u c")
	many := make([]string, 0, 600)
	for i := range cap(many) / 2 {
		many = append(many, fmt.Sprintf(":c%d -", i), fmt.Sprintf("-A c%d -s 10.1.0.2 -j MASQUERADE", i))
	}
	runWith(t, ns, "*nat\n"+strings.Join(many, "\n")+"\nCOMMIT\n", "iptables-nft-restore", "--noflush")

	var changers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		changers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default: // always as many rules in one table as in the other
					for _, verb := range []string{"add", "delete"} {
						change(fmt.Sprintf("%s rule inet t c tcp dport %d accept ; %[1]s rule bridge u c tcp dport %[2]d accept", verb, i+1))
					}
				}
			}
		})
	}
	defer changers.Wait()
	defer close(stop)
	for range 200 {
		tables, err := ns.Ruleset(kernel.NFTables)
		if err != nil {
			t.Fatal(err)
		}
		if len(tables) != 2 {
			t.Fatalf("%d tables, not 2", len(tables))
		}
		if a, b := len(tables[0].Chain("c").Rules), len(tables[1].Chain("c").Rules); a != b {
			t.Fatalf("%d rules in one table, %d in the other: no commit has left that", a, b)
		}
	}
}
