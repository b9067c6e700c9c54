//go:build linux

package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/harness/bench"
)

// preface says how the page is made, and how it is read.
const preface = "# Speed, measured\n" + `
This page is written by ` + "`make bench`" + `, as root in the root of a checkout; with ` + "`ROUNDS=10`" + ` it measures longer, and
` + "`make bench ROWS='add/|sim/ping'`" + ` prints some figures and leaves the page as it is. What it needs is in README.md. The
rows are data: [bench/targets/rows.go](bench/targets/rows.go).

All figures are medians, with the quartiles behind them. What is held side by side was measured by turns in one run, and the
ratio is ours / other of the medians: times drift by half from run to run, ratios much less. Where others kept the machine
busy ("load before", the number of those that wanted a core), ratios are doubtful, too. The plugins, copied as to a node,
are executed directly, in network namespaces of the run's own whose bridge is there already. The reference is bridge of
containernetworking/plugins with its host-local; configurations without addresses (d) have no CHECK, since the reference's
always fails there. "sim" is a benchmark of the simulation, in sim/*_bench_test.go.
`

// pageName is the page, in a checkout.
const pageName = "harness/BENCH.md"

// factsOf are when, where and with what was measured.
func factsOf(p programs, rounds int) []bench.Fact {
	return []bench.Fact{
		{Name: "date", Value: time.Now().UTC().Format("2006-01-02 15:04 UTC")},
		{Name: "commit", Value: commitOf(p.root, pageName)},
		{Name: "machine", Value: fmt.Sprintf("%s, %d cores", processor(), runtime.NumCPU())},
		{Name: "load before", Value: firstWord(readFile("/proc/loadavg"))},
		{Name: "kernel", Value: release()},
		{Name: "Go", Value: runtime.Version()},
		{Name: "reference", Value: moduleOf(p.reference.path)},
		{Name: "iptables", Value: versionOf("iptables", "--version")},
		{Name: "nft", Value: versionOf("nft", "--version")},
		{Name: "iperf3", Value: versionOf("iperf3", "--version")},
		{Name: "strace", Value: versionOf("strace", "--version")},
		{Name: "rounds", Value: fmt.Sprint(rounds)},
	}
}

const unknown = "?"

// commitOf is the commit that is checked out, as it was built from; the page itself is no change of what is measured.
func commitOf(root, page string) string {
	commit, err := git(root, "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return unknown
	}
	if changes, err := git(root, "status", "--porcelain", "--", ".", ":!"+page); err != nil || changes != "" {
		commit += " and changes"
	}
	return commit
}

func git(root string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// moduleOf is the module and its version that a program was built of.
func moduleOf(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return unknown
	}
	return info.Main.Path + " " + info.Main.Version
}

func processor() string {
	for line := range strings.Lines(readFile("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return unknown
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

// versionOf is the first line that a tool says of itself.
func versionOf(tool string, args ...string) string {
	out, err := exec.Command(tool, args...).Output()
	if err != nil {
		return unknown
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return oneLine(string(line))
}

func readFile(name string) string {
	content, err := os.ReadFile(name)
	if err != nil {
		return unknown
	}
	return string(content)
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return word
}
