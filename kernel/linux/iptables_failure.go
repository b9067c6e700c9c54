//go:build linux

package linux

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// An iptablesFailure is what is known of a program that failed.
type iptablesFailure struct {
	exit   int
	stderr string
}

// iptablesWords are what the programs say, and what that means. Of errno's own words (strerror) the nf_tables variant
// gives some; the legacy one says nothing but the line (iptables/iptables-restore.c ip46tables_restore_main).
var iptablesWords = []struct {
	words string
	errno unix.Errno
}{
	{"holding the xtables lock", unix.EAGAIN},
	{"Resource temporarily unavailable", unix.EAGAIN},
	{"you must be root", unix.EPERM},
	{"Operation not permitted", unix.EPERM},
	{"Could not fetch rule set generation id", unix.EPERM},
	{"unable to initialize table", unix.EOPNOTSUPP},
	{"missing kernel module", unix.EOPNOTSUPP}, // for a target or match
	{"do you need to insmod", unix.EOPNOTSUPP},
	{"Failed to initialize nft", unix.EOPNOTSUPP},
	{"TABLE_ADD failed", unix.EOPNOTSUPP}, // iptables-nft on a kernel without NF_TABLES_IPV4
	{"Chain already exists", unix.EEXIST},
	{"File exists", unix.EEXIST},
	{"does a matching rule exist", unix.ENOENT},
	{"No chain/target/match by that name", unix.ENOENT},
	{"does not exist", unix.ENOENT},
	{"Couldn't load target", unix.ENOENT},
	{"is not a chain", unix.ENOENT}, // iptables-legacy of what a rule goes to
	{"No such file or directory", unix.ENOENT},
	{"Device or resource busy", unix.EBUSY},
	{"Directory not empty", unix.EBUSY},
	{"Too many links", unix.EMLINK},
	{"Operation not supported", unix.EOPNOTSUPP},
	{"Invalid argument", unix.EINVAL},
}

// explain finds the errno for a failure, and the change that is to blame: of several that are named the first. tables are
// what there is after it.
func (f *iptablesFailure) explain(changes []kernel.FilterChange, tables []kernel.FilterTable) error {
	said := strings.Join(strings.Fields(f.stderr), " ")
	index := f.change()
	for _, text := range []string{f.first(), said} {
		for _, w := range iptablesWords {
			if strings.Contains(text, w.words) {
				return blame(changes, index, because(w.errno, said))
			}
		}
	}
	return blame(changes, index, because(silentErrno(changes, index, tables), said))
}

// first is what is said of the first line that is named as the kernel's answer; "" for none.
func (f *iptablesFailure) first() string {
	for line := range strings.Lines(f.stderr) {
		if strings.HasPrefix(line, "line ") {
			return line
		}
	}
	return ""
}

func blame(changes []kernel.FilterChange, index int, err error) error {
	if index >= 0 && index < len(changes) {
		return &changeError{index, err}
	}
	return err
}

// change is the index of the change in the line that the program names; the first line is that of the table.
func (f *iptablesFailure) change() int {
	words := strings.Fields(f.stderr)
	for i, word := range words[:max(0, len(words)-1)] {
		n, err := strconv.Atoi(strings.TrimRight(words[i+1], ":"))
		if strings.TrimRight(word, ":") == "line" && err == nil {
			return n - 2
		}
	}
	return -1
}

// silentErrno is why a change failed of which only the line is known.
func silentErrno(changes []kernel.FilterChange, index int, tables []kernel.FilterTable) unix.Errno {
	if index < 0 || index >= len(changes) {
		if goesInCircles(tables, changes) {
			return unix.EMLINK
		}
		return unix.EINVAL // the kernel has refused the whole table
	}
	c := changes[index]
	isThere := func(chain string) bool { return chainIsThere(tables, changes[:index], c, chain) }
	switch {
	case c.Do == kernel.AddChain && c.Exclusive:
		return unix.EEXIST
	case c.Do == kernel.DeleteRule, !isThere(c.Chain), c.Rule.Target != "" && !isThere(c.Rule.Target):
		return unix.ENOENT
	case c.Do == kernel.DeleteChain:
		return unix.EBUSY
	case isBuiltIn(c.Table, c.Rule.Target):
		return unix.EOPNOTSUPP
	}
	return unix.EINVAL
}

// chainIsThere reports whether a chain of the table of a change is there after the changes before it.
func chainIsThere(tables []kernel.FilterTable, before []kernel.FilterChange, c kernel.FilterChange, chain string) bool {
	t := kernel.FindFilterTable(tables, c.Family, c.Table)
	there := isBuiltIn(c.Table, chain) || t != nil && t.Chain(chain) != nil
	for _, b := range before {
		if b.Chain == chain && (b.Do == kernel.AddChain || b.Do == kernel.DeleteChain) {
			there = b.Do == kernel.AddChain
		}
	}
	return there
}

func isBuiltIn(table, chain string) bool {
	for _, name := range kernel.IPTablesChains(table) {
		if name == chain {
			return true
		}
	}
	return false
}

// goesInCircles reports whether the jumps of the tables and of the rules that were to be added lead from a built-in chain
// round to where they have been.
func goesInCircles(tables []kernel.FilterTable, changes []kernel.FilterChange) bool {
	leads := map[string][]string{}
	note := func(chain string, r kernel.FilterRule) {
		if r.Target != "" {
			leads[chain] = append(leads[chain], r.Target)
		}
	}
	for _, t := range tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if t.Name == changes[0].Table {
					note(c.Name, r)
				}
			}
		}
	}
	for _, c := range changes {
		if c.Do == kernel.AddRule || c.Do == kernel.InsertRule {
			note(c.Chain, c.Rule)
		}
	}
	on := map[string]bool{}
	var round func(chain string) bool
	round = func(chain string) bool {
		if on[chain] {
			return true
		}
		on[chain] = true
		defer delete(on, chain)
		for _, next := range leads[chain] {
			if round(next) {
				return true
			}
		}
		return false
	}
	for _, chain := range kernel.IPTablesChains(changes[0].Table) {
		if round(chain) {
			return true
		}
	}
	return false
}
