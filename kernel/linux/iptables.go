//go:build linux

package linux

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// The rules of iptables are changed by iptables-restore and read by iptables-save, because there are two kernel interfaces
// behind these programs, and the programs of a machine know which of them it uses.

var iptablesFamilies = []kernel.FilterFamily{kernel.FilterIP, kernel.FilterIP6}

// iptablesFolders are looked through behind those of PATH, which runtimes do not always give plugins.
var iptablesFolders = []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"}

// iptablesProgram finds iptables-save, ip6tables-restore and so on; EOPNOTSUPP where it is not there. On a kernel without
// the tables of nftables that iptables-nft needs, the legacy variant goes first.
func (ns *NetNS) iptablesProgram(family kernel.FilterFamily, verb string) (string, error) {
	program := kernel.FilterProgram(kernel.IPTables, family)
	legacy, name := program+"-legacy-"+verb, program+"-"+verb
	path := lookPath(name)
	if other := lookPath(legacy); other != "" && !ns.nftHas(family) {
		path = other
	}
	if path == "" {
		return "", because(unix.EOPNOTSUPP, "there is no program "+name)
	}
	return path, nil
}

// programPaths are those of programs that were found, by name and $PATH.
var programPaths sync.Map

// lookPath returns the path of a program; "" where there is none. One that was found before is looked for first: the other
// folders are not asked.
func lookPath(name string) string {
	key := [2]string{name, os.Getenv("PATH")}
	if path, ok := programPaths.Load(key); ok && unix.Access(path.(string), unix.X_OK) == nil {
		return path.(string)
	}
	path := searchPath(name)
	programPaths.Store(key, path)
	return path
}

func searchPath(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, folder := range iptablesFolders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	return ""
}

// nftFamilyIs remembers what nftHas has found: the families are built into a kernel (net/netfilter/nf_tables_api.c
// nft_supported_family).
var nftFamilyIs sync.Map

// nftHas reports whether the kernel has tables of nftables for a family. A table that is there is as good as one that
// could be, and asked for first: the kernel waits 5 to 20 ms before it gives a trial up, for all who may be reading
// (net/netfilter/nf_tables_api.c __nf_tables_abort, synchronize_rcu).
func (ns *NetNS) nftHas(family kernel.FilterFamily) bool {
	if has, known := nftFamilyIs.Load(family); known {
		return has.(bool)
	}
	tables, err := ns.nftTables()
	if err == nil && slices.ContainsFunc(tables, func(t kernel.FilterTable) bool { return t.Family == family }) {
		nftFamilyIs.Store(family, true)
		return true
	}
	probe := kernel.FilterChange{Do: kernel.AddTable, Family: family, Table: "nat"}
	err = ns.nftChange([]kernel.FilterChange{probe}, dryRun)
	has := !is(err, unix.EOPNOTSUPP)
	if err == nil || !has {
		nftFamilyIs.Store(family, has)
	}
	return has
}

// runIPTables runs one of the programs in the namespace and returns what it prints.
func (ns *NetNS) runIPTables(family kernel.FilterFamily, verb, input string, args ...string) (string, *iptablesFailure, error) {
	path, err := ns.iptablesProgram(family, verb)
	if err != nil {
		return "", nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	// One that waits for xtables.lock would change rules when whoever was to undo that has been.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = ns.inside(func() error { // a child starts in the namespace of the thread that makes it
		runtime.LockOSThread() // and takes the end of that thread for the death of its parent
		defer runtime.UnlockOSThread()
		return cmd.Run()
	})
	if status, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", &iptablesFailure{status.ExitCode(), stderr.String()}, nil
	}
	return stdout.String(), nil, err
}

// iptablesRuleset reads what iptables has of both families, at once: most of the time goes by in the programs. Where the
// kernel has nothing of a family none is run. A machine may have the programs for one family alone: then that is all there
// is.
func (ns *NetNS) iptablesRuleset() ([]kernel.FilterTable, error) {
	nft := sync.OnceValues(ns.nftTables)
	tables, errs := make([][]kernel.FilterTable, len(iptablesFamilies)), make([]error, len(iptablesFamilies))
	var reads sync.WaitGroup
	for i, family := range iptablesFamilies {
		reads.Go(func() { tables[i], errs[i] = ns.iptablesTables(family, nft) })
	}
	reads.Wait()
	for i, err := range errs {
		if is(err, unix.EOPNOTSUPP) && !is(errs[1-i], unix.EOPNOTSUPP) {
			errs[i] = nil
		}
	}
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	return slices.Concat(tables...), nil
}

// iptablesTables reads what iptables has of one family; nft reads which tables nftables has. Where there are none nobody
// needs to know which variant of the program would read them.
func (ns *NetNS) iptablesTables(family kernel.FilterFamily, nft func() ([]kernel.FilterTable, error)) ([]kernel.FilterTable, error) {
	if err := ns.requireIPTables(family); err != nil {
		return nil, err
	}
	if used, err := ns.iptablesUsed(family, nft); !used || err != nil {
		return nil, err
	}
	saved, failure, err := ns.runIPTables(family, "save", "")
	if err != nil {
		return nil, err
	}
	if failure != nil {
		return nil, failure.explain(nil, nil)
	}
	return parseSaved(family, saved)
}

// requireIPTables answers EOPNOTSUPP where there is no program to read the rules of a family.
func (ns *NetNS) requireIPTables(family kernel.FilterFamily) error {
	if lookPath(kernel.FilterProgram(kernel.IPTables, family)+"-save") != "" {
		return nil
	}
	_, err := ns.iptablesProgram(family, "save")
	return err
}

// iptablesUsed reports whether the kernel has a table of iptables, in nf_tables or in ip_tables. What is in ip_tables cannot
// be known in a namespace that is older than its user namespace's root, as "unshare -Ur" makes it: the file with the names
// belongs to nobody there, and the legacy programs fail at it too (net/netfilter/x_tables.c xt_proto_init).
func (ns *NetNS) iptablesUsed(family kernel.FilterFamily, nft func() ([]kernel.FilterTable, error)) (used bool, err error) {
	file := map[kernel.FilterFamily]string{kernel.FilterIP: "ip_tables_names", kernel.FilterIP6: "ip6_tables_names"}[family]
	err = ns.inside(func() error {
		names, err := readShort("/proc/thread-self/net/" + file)
		used = len(names) > 0
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			return nil
		}
		return err
	})
	if used || err != nil {
		return used, err
	}
	tables, err := nft()
	if is(err, unix.EOPNOTSUPP) {
		return false, nil
	}
	return slices.ContainsFunc(tables, func(t kernel.FilterTable) bool {
		return t.Family == family && kernel.OfIPTables(family, t.Name)
	}), err
}

// parseSaved reads the output of iptables-save.
func parseSaved(family kernel.FilterFamily, saved string) ([]kernel.FilterTable, error) {
	var tables []kernel.FilterTable
	var t *kernel.FilterTable
	for i, line := range strings.Split(saved, "\n") {
		var err error
		switch {
		case line == "" || line[0] == '#' || line == "COMMIT":
		case line[0] == '*':
			tables = append(tables, kernel.FilterTable{Family: family, Name: line[1:]})
			t = &tables[len(tables)-1]
		case t == nil:
			err = errors.New("no table before it")
		case line[0] == ':':
			err = readSavedChain(t, line[1:])
		default:
			err = readSavedRule(t, line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of iptables-save: %w", i+1, err)
		}
	}
	return slices.DeleteFunc(tables, untouched), nil
}

// untouched reports whether a table is as it came.
func untouched(t kernel.FilterTable) bool {
	return !slices.ContainsFunc(t.Chains, func(c kernel.FilterChain) bool {
		return c.Base == nil || c.Base.Policy != kernel.Accept || len(c.Rules) > 0
	})
}

// readSavedChain reads "POSTROUTING ACCEPT [0:0]", or "CNI-a - [0:0]".
func readSavedChain(t *kernel.FilterTable, line string) error {
	words := strings.Fields(line)
	if len(words) < 2 {
		return fmt.Errorf("no chain: %q", line)
	}
	c := kernel.FilterChain{Name: words[0]}
	if words[1] != "-" {
		c.Base = &kernel.BaseChain{Policy: kernel.FilterAction(strings.ToLower(words[1]))}
	}
	t.Chains = append(t.Chains, c)
	return nil
}

// readSavedRule reads "-A POSTROUTING -s 10.1.0.2/32 -j CNI-a".
func readSavedRule(t *kernel.FilterTable, line string) error {
	words, err := kernel.SplitIPTables(line)
	if err != nil {
		return err
	}
	if len(words) < 2 || words[0] != "-A" || t.Chain(words[1]) == nil {
		return fmt.Errorf("no rule: %q", line)
	}
	rule, ok := kernel.ParseIPTablesRule(t.Name, words[2:])
	c := kernel.FilterChange{Do: kernel.AddRule, Family: t.Family, Table: t.Name, Chain: words[1], Rule: rule}
	if !ok || c.Valid(kernel.IPTables) != nil {
		rule = kernel.FilterRule{Opaque: strings.TrimPrefix(line, "-A "+words[1]+" ")}
	}
	chain := t.Chain(words[1])
	chain.Rules = append(chain.Rules, rule)
	return nil
}

// restore makes the changes as one commit of iptables-restore.
func (ns *NetNS) restore(changes []kernel.FilterChange, commit bool) error {
	if len(changes) == 0 {
		return nil
	}
	table := changes[0].Table
	lines := []string{"*" + table}
	for _, c := range changes {
		lines = append(lines, kernel.JoinIPTables(c.RestoreWords()))
	}
	args := []string{"--noflush", "-w", strconv.Itoa(kernel.FilterLockWait)}
	if !commit {
		args = append(args, "--test")
	}
	input := strings.Join(lines, "\n") + "\nCOMMIT\n"
	_, failure, err := ns.runIPTables(changes[0].Family, "restore", input, args...)
	if err != nil || failure == nil {
		return err
	}
	tables, err := ns.iptablesTables(changes[0].Family, ns.nftTables)
	if err != nil {
		return err
	}
	return failure.explain(changes, tables)
}
