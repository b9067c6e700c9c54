//go:build linux

package linux

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Ruleset implements kernel.Netfilter.
func (ns *NetNS) Ruleset(b kernel.FilterBackend) ([]kernel.FilterTable, error) {
	tables, err := ns.ruleset(b)
	return tables, ns.fail("ruleset list", string(b), err)
}

func (ns *NetNS) ruleset(b kernel.FilterBackend) (tables []kernel.FilterTable, err error) {
	switch b {
	case kernel.NFTables:
		tables, err = ns.nftRuleset()
	case kernel.IPTables:
		tables, err = ns.iptablesRuleset()
	default:
		err = unix.EINVAL
	}
	kernel.SortFilterTables(tables)
	return tables, err
}

// ChangeRuleset implements kernel.Netfilter.
func (ns *NetNS) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return ns.failChanges("ruleset change", b, changes, ns.changeRuleset(b, changes, commit))
}

// CheckRuleset implements kernel.Netfilter.
func (ns *NetNS) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return ns.failChanges("ruleset check", b, changes, ns.changeRuleset(b, changes, dryRun))
}

// What becomes of a transaction that would succeed.
const (
	commit = true
	dryRun = false
)

func (ns *NetNS) changeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange, commit bool) error {
	for i, c := range changes {
		if err := c.Valid(b); err != nil {
			return &changeError{i, err}
		}
		if b == kernel.IPTables && (c.Family != changes[0].Family || c.Table != changes[0].Table) {
			return &changeError{i, unix.EINVAL}
		}
	}
	if b == kernel.IPTables {
		return ns.restore(changes, commit)
	}
	return ns.nftChange(changes, commit)
}

// A changeError says which change of a transaction is refused.
type changeError struct {
	index int
	error
}

func (e *changeError) Unwrap() error { return e.error }

// failChanges makes the contract's error for a transaction, about the one change that is to blame where that is known.
func (ns *NetNS) failChanges(op string, b kernel.FilterBackend, changes []kernel.FilterChange, err error) error {
	if at, ok := err.(*changeError); ok && at.index < len(changes) {
		changes, err = changes[at.index:at.index+1], at.error
	}
	return ns.fail(op, strings.TrimSpace(string(b)+" "+kernel.DescribeFilterChanges(b, changes)), err)
}
