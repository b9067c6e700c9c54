package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMessages runs scenarios that are wrong, and reads what people are told: some lines, each with its beginning, in
// that order. A line of the text that is wanted may be without its indentation.
func TestMessages(t *testing.T) {
	for name, c := range map[string]struct{ options, script, want string }{
		"a claim that is not true is no check": {"-v", `
			ip link add br0 type bridge
			ip link show br0
			stdout br0
			stdout br1`, `
			check: stdout br0
			> stdout br1
			FAIL: wrong.txtar:4: no match for`},
		"nor is one of the state": {"-v", `
			ip netns show
			expect state
			-- state --
			link br0`, `
			> ip netns show
			> expect state
			FAIL: wrong.txtar:2: the machine is not as state says`},
		"nor is one that something is not so": {"-v", `
			grep a x
			! grep a x
			-- x --
			a`, `
			check: grep a x
			> ! grep a x
			FAIL: wrong.txtar:2: unexpected match`},
		"no time is left": {"--timeout=1ns", `
			! ping host 192.0.2.1
			ip link show`, `
			> ! ping host 192.0.2.1
			FAIL: wrong.txtar:1: not finished after 1ns (--timeout)`},
		"a fault that no call met is behind what was done": {"", `
			# A fault.
			ip netns add pod-a
			fault link add EPERM
			on node crash -n 3 file *
			ip link show`, `
			FAIL wrong
			wrong.txtar:3: fault link add EPERM: no call met it
			# A fault.
			FAIL: wrong.txtar:3: fault link add EPERM: no call met it
			FAIL: wrong.txtar:4: crash -n 3 file *: no call met it; of its kind there were 0
			0 passed`},
		"a result takes as few lines as with -v": {"", `
			ip netns add pod-a
			cni add net.conf pod-a eth0
			stdout none
			-- net.conf --
			{ "cniVersion": "1.1.0", "name": "net", "type": "bridge" }`, `
			> cni add net.conf pod-a eth0
			[stdout]
			{
			"cniVersion": "1.1.0",
			"interfaces": [
			{ "mac": "`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout := failing(t, c.options, flush(c.script))
			rest := "\n" + flush(stdout)
			for line := range strings.Lines(flush(c.want)) {
				var found bool
				if _, rest, found = strings.Cut(rest, "\n"+strings.TrimSpace(line)); !found {
					t.Fatalf("in this order\n%s\nis wanted, and there is no %q in\n%s", flush(c.want), line, stdout)
				}
			}
		})
	}
}

// TestKeysThatNobodyKnowsAreWarnedOf though the scenario passes.
func TestKeysThatNobodyKnowsAreWarnedOf(t *testing.T) {
	t.Chdir(t.TempDir())
	const script = "ip netns add pod-a\ncni add net.conf pod-a eth0\n-- net.conf --\n" +
		`{ "cniVersion": "1.1.0", "name": "net", "type": "bridge", "isGatway": true }` + "\n"
	if err := os.WriteFile("typo.txtar", []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "\n    typo.txtar:2: bridge: warning: network net: key \"isGatway\" is unknown, and ignored; is it \"isGateway\"?\n1 passed"
	if exit, stdout, _ := cnilab(t, "test", "typo.txtar"); exit != exitOK || !strings.Contains(stdout, want) {
		t.Errorf("exit status %d; want %s\n%s", exit, want, stdout)
	}
}

// TestFaultsOfAFailureAreNotMissed: what fails is why no call met them.
func TestFaultsOfAFailureAreNotMissed(t *testing.T) {
	for _, last := range []string{"ip link del none", "skip"} {
		name, script := filepath.Join(t.TempDir(), "unmet.txtar"), "fault link add EPERM\n"+last+"\n"
		if err := os.WriteFile(name, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stdout, stderr := cnilab(t, "test", name); strings.Contains(stdout, "no call met it") {
			t.Errorf("%s:\n%s%s", last, stdout, stderr)
		}
	}
}

// TestHeadline reads what stands at the top of a failure.
func TestHeadline(t *testing.T) {
	for log, want := range map[string]string{
		"# Why.\n> skip\nFAIL: x:2: a\nFAIL: x: b\n": "x:2: a",
		"FAIL: x:2: a\nFAIL: x: b\n":                 "",
		"x:1: no verb\n":                             "",
	} {
		if got := headline(log); got != want {
			t.Errorf("%q: got %q, want %q", log, got, want)
		}
	}
}

// flush is a text without the indentation of its lines, and without its blank lines.
func flush(text string) string {
	return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(text, "")
}

// failing runs a script that fails, as wrong.txtar, and returns what people read.
func failing(t *testing.T, options, script string) (stdout string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("wrong.txtar", []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"test"}, strings.Fields(options)...)
	exit, stdout, stderr := cnilab(t, append(args, "wrong.txtar")...)
	if exit != exitFailed || stderr != "" {
		t.Errorf("exit status %d, want %d; stderr %q", exit, exitFailed, stderr)
	}
	return stdout
}
